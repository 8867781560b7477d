"""The section on synthetic hierarchies, from documents made by hand."""

from statistics import mean, stdev

import numpy as np
import pytest
from scipy import stats

from fractalctl.experiments.synthesis import curves
from fractalctl.report.sections import Picture, Table
from fractalctl.report.synthesis import claims, section, tables

SIZES = (2, 3, 5, 10, 15, 25, 50, 75)
SEEDS = (42, 123, 456)
TOTAL = np.log2(150)
PAPER_CLAIM = "S peaks at H(L0) of 3.6 to 4.0 bits, the capacity of 64 dimensions (Section 6.2)"
U_CLAIM = "S rises and then falls with H(L0), an inverted U (Section 6.2, Figure 5)"


def run(strategy: str, seed: int, s: float) -> dict:
    halves = {"S": s, "delta_coarse": 0.25 * s, "delta_fine": 0.75 * s}
    return {"strategy": strategy, "seed": seed, "steerability": halves}


def partition(size: int, draw: int | None, s: float, strategies=("v5", "mrl")) -> dict:
    """Seeds and draws differ by a little."""
    shake = 0.0 if draw is None else 0.002 * (draw - 2)
    runs = [
        run(name, seed, (s if name == "v5" else 0.004) + shake + 0.0001 * (seed % 10) * (name == "v5"))
        for name in strategies
        for seed in SEEDS
    ]
    h_l0 = float(np.log2(size))
    profile = {"classes": [size, 150], "h_l0": h_l0, "h_l1_given_l0": TOTAL - h_l0}
    return {"coarse": size, "partition_seed": draw, "profile": profile, "runs": runs}


def document(peak_at: float = 3.8, corpus: str = "clinc", draws=(1, 2, 3), sizes=SIZES, **changed) -> dict:
    strategies = changed.pop("strategies", ("v5", "mrl"))
    made = [
        partition(size, draw, 0.2 - 0.01 * (np.log2(size) - peak_at) ** 2 + 0.002 * (place % 3), strategies)
        for place, size in enumerate(sizes)
        for draw in draws
    ]
    fixed = {"corpus": corpus, "backbone": "minilm", "head": "linear", "protocol": "loo"}
    fixed |= {"dims": [64, 128, 192, 256], "coarse": list(sizes)}
    fixed |= {"supervisions": dict.fromkeys(strategies), "natural": partition(10, None, 0.22, strategies)}
    return {**fixed, "partitions": made, "curves": curves(made, strategies), **changed}


def verdicts(*documents: dict) -> dict[str, str]:
    return {claim: verdict for claim, _, verdict in claims(documents)}


def test_table_5_stands_beside_the_papers() -> None:
    table = tables([document()])[0]
    assert table.name == "table-5-synthetic"
    assert [row[1] for row in table.rows] == [*map(str, SIZES), "own 10"]
    assert all(len(row) == len(table.columns) for row in table.rows)
    by_size = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    made = [one for one in document()["partitions"] if one["coarse"] == 15]
    s = [mean(one["steerability"]["S"] for one in part["runs"][:3]) for part in made]
    assert by_size["15"]["v5 S"] == f"{mean(s):+.3f} ± {stdev(s):.3f}"
    assert by_size["15"]["H(L0)"] == "3.91"
    assert by_size["15"]["branch"] == "10.0"
    assert (by_size["15"]["paper v5 S"], by_size["15"]["paper gap"]) == ("+0.278", "+0.282")
    assert by_size["own 10"]["paper v5 S"] == "-"


def test_the_papers_columns_go_where_it_has_no_numbers() -> None:
    assert "paper v5 S" not in tables([document(corpus="trec")])[0].columns
    assert "paper v5 S" not in tables([document(protocol="index")])[0].columns
    both = tables([document(corpus="trec"), document()])[0]
    assert {len(row) for row in both.rows} == {len(both.columns)}


def test_the_papers_parabola_is_computed_from_its_table() -> None:
    rows = {row[1]: row for row in tables([document()])[1].rows}
    assert set(rows) == {"v5", "mrl", "v5-mrl", "paper, v5"}
    assert rows["paper, v5"][2:5] == ["0.964", "4.39", "21"]
    assert rows["paper, v5"][5] == "-"


def test_an_inverted_u_holds() -> None:
    found = verdicts(document())
    assert found[U_CLAIM].startswith("**holds**: slope +0.0")
    assert "p < 0.001" in found[U_CLAIM]
    assert found[PAPER_CLAIM].startswith("**holds**: vertex at 3.")


def test_a_peak_elsewhere_does_not_hold() -> None:
    found = verdicts(document(peak_at=2.5))
    assert found[U_CLAIM].startswith("**holds**")
    assert found[PAPER_CLAIM].startswith("**does not hold**: vertex at 2.")


def test_a_curve_that_only_rises_does_not_hold() -> None:
    found = verdicts(document(peak_at=9.0))
    assert found[U_CLAIM].startswith("**does not hold**: slope +")
    assert found[PAPER_CLAIM] == "**does not hold**: the parabola has no maximum within the data"


def test_an_uncertain_u_is_called_so() -> None:
    found = verdicts(document(sizes=(2, 10, 75)))
    assert found[U_CLAIM].startswith("**same direction, not significant**")
    assert "p =" not in found[U_CLAIM]


def test_both_entropies_are_one_variable() -> None:
    found = verdicts(document())
    claim = next(text for text in found if "drives S" in text)
    assert found[claim].startswith("**does not hold**: H(L0) and H(L1|L0) correlate with r = -1.000")


def test_mrl_and_the_gap() -> None:
    made = document()
    found = verdicts(made)
    near = next(text for text in found if "near zero" in text)
    assert found[near].startswith("**holds**: farthest at K0 = 2: mean S +0.004")
    gaps = next(text for text in found if "beyond mrl" in text)
    assert "8 of 8 significant (Holm), n = 3 seeds" in found[gaps]
    first = [one["runs"] for one in made["partitions"] if one["coarse"] == 2]
    by_seed = [
        mean(runs[place]["steerability"]["S"] - runs[place + 3]["steerability"]["S"] for runs in first)
        for place in range(3)
    ]
    assert f"{mean(by_seed):+.3f}" in found[gaps]
    assert stats.ttest_1samp(by_seed, 0).pvalue * 8 < 0.05


def test_other_strategies_and_one_partition() -> None:
    made = section([document(strategies=("v5",), draws=(1,))])
    assert not any("mrl" in claim for claim, _, _ in made.claims)
    assert next(part for part in made.parts if isinstance(part, Table)).rows[0][6] == "-"
    alone = section([document(strategies=("uhmt",), sizes=(2, 5))])
    assert alone.claims == []
    assert sum(isinstance(part, Picture) for part in alone.parts) == 2


@pytest.mark.parametrize("corpus", ["clinc", "trec"])
def test_pictures_show_what_they_say(corpus: str) -> None:
    pytest.importorskip("matplotlib")
    made = document(corpus=corpus)
    pictures = [part for part in section([made]).parts if isinstance(part, Picture)]
    names = [picture.name for picture in pictures]
    assert names == [f"figure-5-synthetic-{corpus}-minilm-loo", "figure-8-entropies-minilm-loo"]
    axes = pictures[0].figure.axes
    assert len(axes) == (3 if corpus == "clinc" else 2)
    dashed = [line for line in axes[0].lines if line.get_linestyle() == "--"]
    assert dashed[0].get_xdata()[0] == pytest.approx(made["curves"]["v5"]["quadratic"]["vertex"])
    left, right = (
        [line.get_xdata().astype(float) for line in axes.lines if len(line.get_xdata()) in (1, len(SIZES))]
        for axes in pictures[1].figure.axes
    )
    for coarse, fine in zip(left, right, strict=True):
        np.testing.assert_allclose(np.add(coarse, fine), TOTAL)


def test_settings_are_not_drawn_together() -> None:
    pytest.importorskip("matplotlib")
    made = section([document(), document(corpus="trec"), document(protocol="index")])
    names = [part.name for part in made.parts if isinstance(part, Picture)]
    assert len(names) == len(set(names)) == 5
