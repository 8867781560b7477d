"""The document of statistics: its blocks, notes, and what it refuses."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fractalctl.documents import read_document, write_document
from fractalctl.documents.statistics import Statistics
from fractalctl.errors import RequestError
from fractalctl.statistics import CorpusProfile, Observation, Options, analyse, pool, read_observations
from tests.statistics.material import arms_of, observations, write_table

CORPORA = {
    f"c{i}": {"v5": list(0.02 * i + 0.01 * np.arange(4) ** 1.5), "mrl": [0.01, 0.0, -0.01, 0.005]}
    for i in range(1, 6)
}
EVERYTHING = Options(
    correction="holm", meta=True, scaling=True, robustness=True, power=True, equivalence=0.02
)


def with_depth(measured: list[Observation]) -> list[Observation]:
    """The same of corpora whose depth is their number."""
    return [
        Observation(
            one.corpus, one.arm, one.seed, one.metrics, profile=CorpusProfile(float(one.corpus[1:]), 0.5)
        )
        for one in measured
    ]


def test_evaluations_give_every_block(runs: Path, tmp_path: Path):
    found = analyse(read_observations([runs]), EVERYTHING)
    write_document(tmp_path / "stats.json", found)
    assert read_document(tmp_path / "stats.json", Statistics) == found
    assert (found.metric, found.protocol, found.correction) == ("S", "loo", "holm")
    assert [row.corpus for row in found.comparisons] == ["clinc", "trec"]
    (family,) = found.families
    assert (family.name, family.m, family.correction, len(family.members)) == ("v5 vs mrl", 2, "holm", 2)
    assert found.sign_test.n == found.meta.k == found.robustness.n == 2
    assert found.scaling.points[0].depth == 3.9
    assert found.queries.comparisons[0].n == 60
    assert found.comparisons[0].equivalence.b.margin == 0.02
    assert found.comparisons[0].power.n == 3


def test_each_block_names_its_unit(runs: Path):
    found = analyse(read_observations([runs]), EVERYTHING)
    assert {row.unit for row in (*found.comparisons, *found.described)} == {"seed"}
    blocks = (found.sign_test, found.meta, found.scaling, found.robustness)
    assert {block.unit for block in blocks} == {"corpus"}
    assert found.queries.unit == "query"


def test_of_two_protocols_loo_is_taken_and_said(runs: Path):
    arms_of(runs, {"v5": 0.3, "mrl": 0.0}, protocol="index")
    measured = read_observations([runs])
    found = analyse(measured, Options(correction="holm"))
    assert found.protocol == "loo"
    assert "evaluations under index and loo were found and 'loo' was taken" in found.notes[0]
    asked = analyse(measured, Options(protocol="index"))
    assert asked.protocol == "index"
    assert asked.notes[0] == "evaluations under loo are left out"
    assert not any("taken" in note for note in asked.notes)


def test_notes():
    found = analyse(observations({**CORPORA, "wos": {"v5": [0.1]}}), Options())
    assert found.notes[0] == "wos was not measured with both v5 and mrl and is left out"
    assert "not corrected, though 5 tests make a family" in found.notes[1]
    assert "no pattern of signs gives p < 0.125" in found.notes[2]
    many = {"clinc": {"v5": list(np.arange(8) / 10), "mrl": [0.0] * 8}}
    assert analyse(observations(many), Options()).notes == []


def test_meta_pools_d_g_and_the_difference():
    found = analyse(observations(CORPORA), Options(meta=True))
    rows, meta = found.comparisons, found.meta
    d, g = [row.cohens_d for row in rows], [row.hedges_g for row in rows]
    assert meta.pooled == pytest.approx(pool(d, [1 / 4 + effect**2 / 8 for effect in d]).pooled)
    assert meta.hedges_g.pooled == pytest.approx(pool(g, [1 / 4 + effect**2 / 8 for effect in g]).pooled)
    errors = [row.difference_sd**2 / 4 for row in rows]
    assert meta.difference.pooled == pytest.approx(pool([row.difference for row in rows], errors).pooled)
    assert list(meta.estimators) == ["fixed", "dersimonian-laird", "paule-mandel", "reml"]
    assert len(meta.influence) == 5
    assert meta.combined is None
    assert "no profile of c1, c2" in meta.regression.reason


def test_meta_leaves_out_what_has_no_effect_size():
    flat = {**CORPORA, "flat": {"v5": [0.1, 0.1], "mrl": [0.0, 0.0]}}
    found = analyse(observations(flat), Options(meta=True))
    assert (found.meta.k, found.meta.excluded) == (5, ["flat"])
    level = {"v5": [0.1, 0.2], "mrl": [0.2, 0.1]}
    assert analyse(observations({**CORPORA, "level": level}), Options(meta=True)).meta.k == 6


def test_without_any_effect_size_meta_is_null_and_says_why():
    found = analyse(observations({"clinc": {"v5": [0.1], "mrl": [0.0]}}), Options(meta=True))
    assert found.meta is None
    assert any("no corpus has an effect size to pool" in note for note in found.notes)


def test_meta_regression_needs_three_corpora_and_a_moderator_that_varies():
    two = observations({"c1": CORPORA["c1"], "c2": CORPORA["c2"]}, profile=CorpusProfile(3.0, 0.5))
    assert "needs three corpora" in analyse(two, Options(meta=True)).meta.regression.reason
    found = analyse(with_depth(observations(CORPORA)), Options(meta=True)).meta.regression
    assert [coefficient.name for coefficient in found.depth.coefficients] == ["intercept", "depth"]
    alike = analyse(observations(CORPORA, profile=CorpusProfile(3.0, 0.5)), Options(meta=True))
    assert alike.meta.regression.reason == "depth and product is the same on every corpus"


def test_scaling_of_a_monotone_world():
    found = analyse(with_depth(observations(CORPORA)), Options(scaling=True)).scaling
    assert found.predictors["depth"].spearman.coefficient == pytest.approx(1.0)
    assert found.predictors["baseline_accuracy"].spearman.reason == "one of the variables does not vary"
    assert all(low.mean < high.mean for low, high in pairwise(found.points))
    assert found.power_law.reason == "depth and baseline accuracy do not vary independently"


def test_given_profiles_come_before_those_of_evaluations(runs: Path, tmp_path: Path):
    table = write_table(
        tmp_path / "p.csv", [("clinc", 2.5, 0.5), ("trec", 1.5, 0.7)], "dataset,h_l1_given_l0,baseline_l1"
    )
    found = analyse(read_observations([runs]), Options(scaling=True, profiles=table))
    assert [point.depth for point in found.scaling.points] == [2.5, 1.5]


def test_scaling_without_profiles_says_what_is_missing():
    with pytest.raises(
        RequestError, match=r"baseline accuracy of c1, c2, c3, c4, c5: give them with --profiles"
    ):
        analyse(observations(CORPORA), Options(scaling=True))


def test_robustness_counts_wins_under_each_definition(runs: Path):
    measured = read_observations([runs])
    found = analyse(measured, Options(robustness=True)).robustness
    assert [definition.metric for definition in found.definitions] == ["S", "S_auc", "S_mono", "S_gap"]
    by_name = {definition.metric: definition.differences for definition in found.definitions}
    assert by_name["S"] == pytest.approx(by_name["S_gap"])
    clinc = [one for one in measured if one.corpus == "clinc"]
    for name in ("S", "S_auc", "S_mono"):
        v5, mrl = (np.mean([one.metrics[name] for one in clinc if one.arm == arm]) for arm in ("v5", "mrl"))
        assert by_name[name][0] == pytest.approx(v5 - mrl)
    assert len(found.rank_agreement) == 6
    assert "S_gap is S" in found.note
    tabled = analyse(observations(CORPORA), Options(robustness=True)).robustness
    assert tabled.missing == ["S_auc", "S_mono", "S_gap"]


def test_a_curve_alone(tmp_path: Path):
    curve = write_table(tmp_path / "c.csv", [(1, 0.1, 0), (2, 0.3, 0.1), (3, 0.2, 0)], "h_l0,v5,mrl")
    found = analyse([], Options(quadratic=curve))
    assert found.comparisons == []
    assert found.quadratic.fits.keys() == {"v5", "mrl"}
    assert found.quadratic.n == 3


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("k0,h_l0", "no column of an arm beside k0, h_l0"),
        ("k0,v5", "line 2: no column 'h_l0'"),
        ("h_l0,v5", "three different x"),
    ],
)
def test_wrong_curves(tmp_path: Path, header: str, message: str):
    with pytest.raises(RequestError, match=message):
        analyse([], Options(quadratic=write_table(tmp_path / "c.csv", [(2, 1.0)], header)))
