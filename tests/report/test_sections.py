"""Sections on evaluations and ablations, from documents made by hand."""

import tomllib
from importlib import resources
from statistics import mean, stdev

import pytest
from scipy import stats

from fractalctl.report import accuracy, alignment, encoders, profiles, robustness, scaling, steerability
from fractalctl.report.measured import published
from fractalctl.report.sections import Section, Table

SEEDS = (42, 123, 456, 789)
CLOSE = {
    "v5": [0.10, 0.12, 0.11, 0.13],
    "mrl": [0.01, 0.00, 0.02, 0.01],
    "inverted": [-0.04, -0.05, 0.01, -0.03],
    "uhmt": [0.01, 0.00, 0.01, 0.02],
}
REVERSED = {
    "v5": [0.00, 0.01, 0.02, 0.01],
    "mrl": [0.05, 0.04, 0.06, 0.05],
    "inverted": [0.1, 0.2, 0.1, 0.1],
    "uhmt": [0.1, 0.1, 0.1, 0.2],
}


@pytest.fixture(autouse=True)
def _drawing() -> None:
    pytest.importorskip("matplotlib")


def evaluation(corpus: str, strategy: str, seed: int, value: float, **changed) -> dict:
    """An evaluation whose S is the value: the fine level rises by it from the shortest prefix on."""
    table = {"64": {"L0": 0.9, "L1": 0.6 - value}, "256": {"L0": 0.9, "L1": 0.6}}
    profile = {"classes": [10, 150], "entropies": [3.3, 3.9], "baseline": {"L0": 0.9, "L1": 0.7}}
    return {
        "encoding-type": "fractalctl-evaluation", "corpus": corpus, "backbone": "minilm", "head": "linear",
        "strategy": strategy, "seed": seed, "protocol": "loo", "k": 5, "metric": "cosine",
        "renormalised": True, "n_queries": 500, "n_reference": 499, "dims": [64, 256], "accuracy": table,
        "steerability": {"S": value, "S_auc": value, "S_mono": 0.5 + value, "S_gap": value},
        "profile": profile, "features_identity": "f" * 64, "versions": {"python": "3.11"}, "argv": None,
    } | changed  # fmt: skip


def evaluations(values: dict[str, list[float]], corpus: str = "clinc", **changed) -> list[dict]:
    return [
        evaluation(corpus, strategy, seed, value, **changed)
        for strategy, found in values.items()
        for seed, value in zip(SEEDS, found, strict=True)
    ]


def ablation(corpus: str, values: dict[str, list[float]]) -> dict:
    runs = [
        {"strategy": name, "seed": seed, "steerability": {"S": value}, "hits": None}
        for name, found in values.items()
        for seed, value in zip(SEEDS, found, strict=True)
    ]
    shared = {"backbone": "minilm", "head": "linear", "protocol": "loo", "n_queries": 2000}
    return {"corpus": corpus, **shared, "runs": runs, "versions": {}, "argv": None}


def verdicts(section: Section) -> dict[str, str]:
    return {claim.split(" (")[0]: text.split("**")[1] for claim, _, text in section.claims}


def table_named(section: Section, beginning: str) -> Table:
    return next(part for part in section.parts if isinstance(part, Table) and part.name.startswith(beginning))


def row_of(table: Table, *keys: str) -> dict[str, object]:
    row = next(row for row in table.rows if list(row[: len(keys)]) == list(keys))
    return dict(zip(table.columns, row, strict=True))


def test_steerability_is_tested_over_seeds_and_set_beside_the_paper() -> None:
    section = steerability.section(evaluations(CLOSE) + evaluations(CLOSE, "own"))
    table = table_named(section, "table-3")
    row = row_of(table, "clinc")
    v5 = CLOSE["v5"]
    assert row["v5 S"] == f"{mean(v5):+.3f} ± {stdev(v5):.3f}"
    p = stats.ttest_rel(CLOSE["v5"], CLOSE["mrl"]).pvalue
    assert row["p (Holm, m = 2)"] == ("< 0.001" if 2 * p < 0.001 else f"{2 * p:.3f}")
    assert (row["paper v5 S"], row["paper d"], row["paper p (m = 8)"]) == ("+0.150 ± 0.028", "4.35", "0.004")
    assert list(row_of(table, "own").values())[-4:] == ["-"] * 4
    assert row_of(table_named(section, "table-11"), "clinc", "v5")["456"] == "+0.110"


def test_the_papers_numbers_stand_beside_its_own_protocol_only() -> None:
    section = steerability.section(evaluations(CLOSE, protocol="index"))
    assert not [name for name in table_named(section, "table-3").columns if name.startswith("paper")]


def test_what_is_there_holds() -> None:
    found = verdicts(steerability.section(evaluations(CLOSE)))
    assert found == {"v5 is steerable beyond mrl": "holds", "mrl stays near zero, |S| < 0.02": "holds"}
    found = verdicts(alignment.section([ablation("clinc", CLOSE)]))
    assert set(found.values()) == {"holds"}
    assert "inverting the alignment reverses the sign" in found
    found = verdicts(accuracy.section(evaluations(CLOSE)))
    assert "the projection costs fine accuracy where fine classes are many" in found
    assert set(found.values()) == {"holds"}


def test_what_is_not_there_does_not() -> None:
    for section in (
        steerability.section(evaluations(REVERSED)),
        alignment.section([ablation("clinc", REVERSED)]),
    ):
        assert set(verdicts(section).values()) == {"does not hold"}


def test_a_difference_in_the_noise_is_said_to_be_one() -> None:
    values = {"v5": [0.10, -0.10, 0.09, 0.00], "mrl": [0.00, 0.01, 0.00, 0.00]}
    found = verdicts(steerability.section(evaluations(values)))
    assert found["v5 is steerable beyond mrl"] == "same direction, not significant"


def test_a_sign_test_needs_corpora() -> None:
    claim = "v5 is above mrl on every corpus"
    for corpora, expected in ((2, "same direction, not significant"), (5, "holds")):
        documents = [one for number in range(corpora) for one in evaluations(CLOSE, f"corpus-{number}")]
        assert verdicts(steerability.section(documents))[claim] == expected
    documents += evaluations(REVERSED, "other")
    assert verdicts(steerability.section(documents))[claim] == "does not hold"


def test_table_4_corrects_over_corpora_in_the_papers_families() -> None:
    section = alignment.section([ablation("clinc", CLOSE), ablation("trec", CLOSE)])
    row = row_of(table_named(section, "table-4"), "trec", "inverted")
    t, p = stats.ttest_rel(CLOSE["v5"], CLOSE["inverted"])
    assert row["paired t"] == f"{t:.1f}"
    assert row["p (Holm)"] == f"{2 * p:.3f} (m = 2)"
    assert (row["paper t"], row["paper p"]) == ("4.5", "0.092")


def test_corpora_stand_once_with_the_papers_profile_beside() -> None:
    table = table_named(profiles.section(evaluations(CLOSE)), "table-1")
    assert len(table.rows) == 1
    row = row_of(table, "clinc")
    assert (row["classes"], row["branch"], row["paper classes"]) == ("10 > 150", "15.0", "10 > 150")
    assert (row["H(finest | L0)"], row["paper H(L1 | L0)"]) == ("3.90", "3.90")


def test_robustness_speaks_of_two_corpora_and_more() -> None:
    assert robustness.section(evaluations(CLOSE)) is None
    section = robustness.section(evaluations(CLOSE) + evaluations(CLOSE, "trec"))
    row = row_of(table_named(section, "table-10"), "clinc")
    assert (row["S_mono"], row["paper S"]) == (f"{mean(CLOSE['v5']) - mean(CLOSE['mrl']):+.3f}", "+0.143")
    assert not [claim for claim in verdicts(section) if "by S_gap" in claim]


def test_scaling_correlates_means_over_corpora() -> None:
    documents, depths, values = [], [1.0, 2.0, 3.0, 4.0, 5.0], [0.02, 0.01, 0.05, 0.08, 0.06]
    for depth, value in zip(depths, values, strict=True):
        profile = {
            "classes": [4, 20], "entropies": [2.0, depth], "baseline": {"L0": 0.9, "L1": 0.9 - depth / 20},
        }  # fmt: skip
        own = {"v5": [value + step / 1000 for step in range(4)], "mrl": [0.0, 0.001, 0.002, 0.0]}
        documents += evaluations(own, f"corpus-{depth:.0f}", profile=profile)
    assert scaling.section([one for one in documents if one["corpus"] < "corpus-4"]) is None
    section = scaling.section(documents)
    row = row_of(table_named(section, "figure-4"), "H(finest | L0)")
    rho = stats.spearmanr(depths, values)
    assert row["Spearman rho"] == f"{rho.statistic:.2f}"
    assert row["p"] == f"{stats.pearsonr(depths, values).pvalue:.3f}"  # the last column called p
    dropped = row_of(table_named(section, "table-12"), "H(finest | L0)", "corpus-2")
    without = stats.spearmanr(depths[:1] + depths[2:], values[:1] + values[2:])
    assert dropped["Spearman rho"] == f"{without.statistic:.2f}"
    assert row_of(table_named(section, "pooled"), "paper")["pooled d"] == "1.49"


def test_encoders_are_corrected_within_a_corpus() -> None:
    linear = evaluations(CLOSE)
    assert encoders.section(linear) is None
    section = encoders.section(linear + evaluations(REVERSED, head="fractal"))
    table = table_named(section, "table-6")
    assert [row[1] for row in table.rows[:2]] == ["minilm", "minilm+fractal"]
    p = stats.ttest_rel(CLOSE["v5"], CLOSE["mrl"]).pvalue
    assert row_of(table, "clinc", "minilm")["p (Holm)"] == f"{min(1, 2 * p):.3f} (m = 2)"
    assert row_of(table, "clinc", "paper: bge-small")["v5 S"] == "+0.150 ± 0.028"
    assert [text.split("**")[1] for _, _, text in section.claims] == ["holds", "does not hold"]


def test_published_numbers_agree_with_each_other() -> None:
    """Table 10's first gaps are the differences of Table 3's means, within their rounding."""
    means = published("steerability")
    for corpus, gaps in published("robustness").items():
        assert gaps["S"] == pytest.approx(means[corpus]["v5"][0] - means[corpus]["mrl"][0], abs=0.00151)
    folder = resources.files("fractalctl.report").joinpath("published")
    assert all(tomllib.loads(path.read_text()) for path in folder.iterdir() if path.name.endswith(".toml"))
