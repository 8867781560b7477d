"""The document of statistics from evaluation files: its blocks, notes, and what it refuses."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fractalctl.errors import RequestError
from fractalctl.statistics import Observation, Options, Profile, analyse, pool, read_observations
from fractalctl.statistics.robustness import robustness
from fractalctl.statistics.scaling import find_profiles, points, scaling
from tests.statistics.material import observations, random_hits, write_evaluation, write_table

CORPORA = {
    f"c{i}": {"v5": list(0.02 * i + 0.01 * np.arange(4) ** 1.5), "mrl": [0.01, 0.0, -0.01, 0.005]}
    for i in range(1, 6)
}
EVERYTHING = Options(
    correction="holm", meta=True, scaling=True, robustness=True, power=True, equivalence=0.02
)


def test_evaluations_give_every_block(runs: Path):
    found = analyse(read_observations([runs]), EVERYTHING)
    json.dumps(found, allow_nan=False)
    assert found["encoding-type"] == "fractalctl-statistics"
    assert (found["metric"], found["protocol"], found["correction"]) == ("S", "loo", "holm")
    assert [row["corpus"] for row in found["comparisons"]] == ["clinc", "trec"]
    assert found["families"][0] | {"members": None} == {
        "name": "v5 vs mrl", "m": 2, "correction": "holm", "members": None,
    }  # fmt: skip
    assert found["sign_test"].keys() >= {"wins", "n", "p_one_sided", "p_two_sided", "unit"}
    wanted = {"k", "pooled", "ci", "z", "p", "tau2", "q", "i2", "prediction_interval", "unit"}
    assert found["meta"].keys() >= wanted
    assert found["scaling"]["points"][0]["depth"] == 3.9
    assert found["queries"]["comparisons"][0]["n"] == 60
    assert found["comparisons"][0]["equivalence"]["b"]["margin"] == 0.02
    assert found["comparisons"][0]["power"]["n"] == 3


def test_each_block_names_its_unit(runs: Path):
    found = analyse(read_observations([runs]), EVERYTHING)
    assert {row["unit"] for row in found["comparisons"]} == {"seed"}
    assert {found[block]["unit"] for block in ("sign_test", "meta", "scaling", "robustness")} == {"corpus"}
    assert found["queries"]["unit"] == "query"


def test_several_backbones_make_units_of_corpus_and_backbone(tmp_path: Path):
    for backbone in ("minilm", "e5-small"):
        for seed in (1, 2, 3):
            for strategy, steerable in (("v5", 0.3), ("mrl", 0.0)):
                write_evaluation(
                    tmp_path, random_hits(seed, steerable), backbone=backbone, strategy=strategy, seed=seed
                )
    found = analyse(read_observations([tmp_path]), EVERYTHING)
    assert found["meta"]["unit"] == "corpus x backbone"
    assert [effect["label"] for effect in found["meta"]["effects"]] == ["clinc (e5-small)", "clinc (minilm)"]
    only = analyse(read_observations([tmp_path]), Options(backbone="minilm"))
    assert [row["backbone"] for row in only["comparisons"]] == ["minilm"]


def test_of_two_protocols_loo_is_taken_and_said(runs: Path):
    for seed in (42, 123, 456):
        for strategy in ("v5", "mrl"):
            write_evaluation(runs, random_hits(seed), strategy=strategy, seed=seed, protocol="index")
    measured = read_observations([runs])
    found = analyse(measured, Options(correction="holm"))
    assert found["protocol"] == "loo"
    assert "evaluations under index and loo were found and 'loo' was taken" in found["notes"][0]
    assert analyse(measured, Options(protocol="index"))["protocol"] == "index"


def test_notes():
    found = analyse(observations({**CORPORA, "wos": {"v5": [0.1]}}), Options())
    assert found["notes"][0] == "wos was not measured with both v5 and mrl and is left out"
    assert "not corrected, though 5 tests make a family" in found["notes"][1]
    assert "no pattern of signs gives p < 0.125" in found["notes"][2]
    many = {"clinc": {"v5": list(np.arange(8) / 10), "mrl": [0.0] * 8}}
    assert analyse(observations(many), Options())["notes"] == []


def test_meta_pools_d_g_and_the_difference():
    found = analyse(observations(CORPORA), Options(meta=True))
    rows, meta = found["comparisons"], found["meta"]
    d = [row["cohens_d"] for row in rows]
    assert meta["pooled"] == pytest.approx(pool(d, [1 / 4 + effect**2 / 8 for effect in d]).pooled)
    g = [row["hedges_g"] for row in rows]
    assert meta["hedges_g"]["pooled"] == pytest.approx(
        pool(g, [1 / 4 + effect**2 / 8 for effect in g]).pooled
    )
    errors = [row["difference_sd"] ** 2 / 4 for row in rows]
    assert meta["difference"]["pooled"] == pytest.approx(
        pool([row["difference"] for row in rows], errors).pooled
    )
    assert list(meta["estimators"]) == ["fixed", "dersimonian-laird", "paule-mandel", "reml"]
    assert len(meta["influence"]) == 5
    assert "no profile of c1, c2" in meta["regression"]["reason"]


def test_meta_leaves_out_what_has_no_effect_size():
    found = analyse(
        observations({**CORPORA, "flat": {"v5": [0.1, 0.1], "mrl": [0.0, 0.0]}}), Options(meta=True)
    )
    assert found["meta"]["k"] == 5
    assert found["meta"]["excluded"] == ["flat"]
    level = {"v5": [0.1, 0.2], "mrl": [0.2, 0.1]}
    assert analyse(observations({**CORPORA, "level": level}), Options(meta=True))["meta"]["k"] == 6
    with pytest.raises(RequestError, match="no corpus has an effect size to pool"):
        analyse(observations({"clinc": {"v5": [0.1], "mrl": [0.0]}}), Options(meta=True))


def test_meta_regression_needs_three_units():
    measured = observations({"c1": CORPORA["c1"], "c2": CORPORA["c2"]}, profile=Profile(3.0, 0.5))
    assert "needs three corpora" in analyse(measured, Options(meta=True))["meta"]["regression"]["reason"]
    with_profiles = [
        Observation(
            one.corpus, one.strategy, one.seed, one.metrics, profile=Profile(float(one.corpus[1:]), 0.5)
        )
        for one in observations(CORPORA)
    ]
    regression = analyse(with_profiles, Options(meta=True))["meta"]["regression"]
    assert [coefficient["name"] for coefficient in regression["depth"]["coefficients"]] == [
        "intercept",
        "depth",
    ]


def test_scaling_of_a_monotone_world():
    measured = observations(CORPORA)
    profiles = find_profiles(measured, {(name, ""): Profile(float(name[1:]), 0.5) for name in CORPORA})
    found = scaling(points(measured, "v5", "S", profiles))
    assert found["predictors"]["depth"]["spearman"]["coefficient"] == pytest.approx(1.0)
    assert found["predictors"]["learnability"]["spearman"]["reason"] == "one of the variables does not vary"
    assert all(low["mean"] < high["mean"] for low, high in pairwise(found["points"]))
    assert found["power_law"]["reason"] == "depth and baseline accuracy do not vary independently"


def test_given_profiles_come_before_those_of_evaluations(runs: Path, tmp_path: Path):
    table = write_table(
        tmp_path / "p.csv", [("clinc", 2.5, 0.5), ("trec", 1.5, 0.7)], "dataset,h_l1_given_l0,baseline_l1"
    )
    found = analyse(read_observations([runs]), Options(scaling=True, profiles=table))
    assert [point["depth"] for point in found["scaling"]["points"]] == [2.5, 1.5]


def test_scaling_without_profiles_says_what_is_missing():
    with pytest.raises(
        RequestError, match=r"baseline accuracy of c1, c2, c3, c4, c5: give them with --profiles"
    ):
        analyse(observations(CORPORA), Options(scaling=True))


def test_robustness_counts_wins_under_each_definition(runs: Path):
    measured = read_observations([runs])
    found = robustness(measured, ("v5", "mrl"))
    assert [definition["metric"] for definition in found["definitions"]] == ["S", "S_auc", "S_mono", "S_gap"]
    by_name = {definition["metric"]: definition["differences"] for definition in found["definitions"]}
    assert by_name["S"] == pytest.approx(by_name["S_gap"])
    clinc = [one for one in measured if one.corpus == "clinc"]
    for name in ("S", "S_auc", "S_mono"):
        v5, mrl = (
            np.mean([one.metrics[name] for one in clinc if one.strategy == arm]) for arm in ("v5", "mrl")
        )
        assert by_name[name][0] == pytest.approx(v5 - mrl)
    assert len(found["rank_agreement"]) == 6
    assert "S_gap is S" in found["note"]
    assert robustness(observations(CORPORA), ("v5", "mrl"))["missing"] == ["S_auc", "S_mono", "S_gap"]


def test_a_curve_alone(tmp_path: Path):
    curve = write_table(tmp_path / "c.csv", [(1, 0.1, 0), (2, 0.3, 0.1), (3, 0.2, 0)], "h_l0,v5,mrl")
    found = analyse([], Options(quadratic=curve))
    assert found["comparisons"] == []
    assert found["quadratic"]["fits"].keys() == {"v5", "mrl"}
    assert found["quadratic"]["n"] == 3


def test_wrong_curves(tmp_path: Path):
    with pytest.raises(RequestError, match="no column of a strategy beside k0, h_l0"):
        analyse([], Options(quadratic=write_table(tmp_path / "a.csv", [(2, 1.0)], "k0,h_l0")))
    with pytest.raises(RequestError, match="line 2: no column 'h_l0'"):
        analyse([], Options(quadratic=write_table(tmp_path / "b.csv", [(2, 1.0)], "k0,v5")))
    with pytest.raises(RequestError, match="three different x"):
        analyse([], Options(quadratic=write_table(tmp_path / "c.csv", [(2, 1.0)], "h_l0,v5")))
