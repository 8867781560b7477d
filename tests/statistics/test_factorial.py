import numpy as np
import pytest
from scipy import stats

from fractalctl.statistics.factorial import compare_tuning

SEEDS = (42, 123, 456)


def document(corpus: str, cells: dict[tuple[str, str], list[float]]) -> dict:
    runs = [
        {"strategy": strategy, "encoder": encoder, "seed": seed, "steerability": {"S": value}}
        for (strategy, encoder), values in cells.items()
        for seed, value in zip(SEEDS, values, strict=True)
    ]
    return {"corpus": corpus, "backbone": "minilm", "head": "linear", "protocol": "loo", "runs": runs}


@pytest.fixture
def cells() -> dict[tuple[str, str], list[float]]:
    random = np.random.default_rng(5)
    return {
        (strategy, encoder): (mean + 0.01 * random.normal(size=3)).tolist()
        for encoder in ("tuned", "frozen")
        for strategy, mean in (("mrl", 0.0), ("v5", 0.05))
    }


def test_comparisons_and_interaction_equal_scipy(cells) -> None:
    rows = {(row.a, row.b): row for row in compare_tuning([document("clinc", cells)])}
    v5, mrl = ({kind: np.array(cells[name, kind]) for kind in ("frozen", "tuned")} for name in ("v5", "mrl"))
    leads = {kind: v5[kind] - mrl[kind] for kind in v5}
    expected = {
        ("v5 frozen", "mrl frozen"): v5["frozen"] - mrl["frozen"],
        ("v5 tuned", "mrl tuned"): v5["tuned"] - mrl["tuned"],
        ("v5 frozen", "mrl tuned"): v5["frozen"] - mrl["tuned"],
        ("v5 over mrl tuned", "v5 over mrl frozen"): leads["tuned"] - leads["frozen"],
        ("v5 tuned", "v5 frozen"): v5["tuned"] - v5["frozen"],
        ("mrl tuned", "mrl frozen"): mrl["tuned"] - mrl["frozen"],
    }
    assert rows.keys() == expected.keys()
    for pair, gaps in expected.items():
        peer = stats.ttest_1samp(gaps, 0)
        assert rows[pair].test.t == pytest.approx(peer.statistic)
        assert rows[pair].test.p == pytest.approx(peer.pvalue)
    raw = np.array([row.test.p for row in rows.values()])
    order = np.argsort(raw)
    holm = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(6, 0, -1)))
    assert [row.p_adjusted for row in rows.values()] == pytest.approx(holm[np.argsort(order)].tolist())


def test_every_corpus_is_corrected_by_itself(cells) -> None:
    rows = compare_tuning([document("clinc", cells), document("trec", cells)])
    assert [(row.unit.corpus, row.family_size) for row in rows] == [("clinc", 6)] * 6 + [("trec", 6)] * 6


def test_one_strategy_is_compared_with_nothing(cells) -> None:
    alone = {cell: values for cell, values in cells.items() if cell[0] == "v5"}
    assert compare_tuning([document("clinc", alone)]) == []
