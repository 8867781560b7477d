"""Tests along an axis against scipy, in families of one corpus."""

import numpy as np
import pytest
from scipy import stats

from fractalctl.statistics.points import (
    compare_capacity,
    compare_levels,
    compare_noise,
    compare_points,
    compare_strategies,
)

SEEDS = (42, 123, 456)


def document(corpus="clinc", strategies=("v5", "mrl"), varied="block", points=(16, 64), seed=0):
    random = np.random.default_rng(seed)
    runs = [
        {
            "strategy": strategy,
            "seed": training,
            varied: point,
            "steerability": {"S": random.normal(0.05, 0.02)},
            "pairwise": {name: random.normal(0.05, 0.02) for name in ("S_01", "S_02", "S_12")},
        }
        for point in points
        for strategy in strategies
        for training in SEEDS
    ]
    return {"corpus": corpus, "backbone": "minilm", "protocol": "loo", "levels": 3, "runs": runs}


def values(one, strategy, key, point):
    return [
        run["steerability"]["S"] for run in one["runs"] if (run["strategy"], run[key]) == (strategy, point)
    ]


def test_strategies_are_compared_at_every_point_of_every_corpus() -> None:
    documents = [document(seed=1), document("trec", points=(16, 64, 96), seed=2)]
    rows = compare_strategies(documents, "block")
    assert [(row.unit.corpus, row.a, row.family_size) for row in rows] == [
        ("clinc", "v5 at block 16", 2),
        ("clinc", "v5 at block 64", 2),
        ("trec", "v5 at block 16", 3),
        ("trec", "v5 at block 64", 3),
        ("trec", "v5 at block 96", 3),
    ]
    for row in rows:
        one = next(one for one in documents if one["corpus"] == row.unit.corpus)
        point = int(row.a.split()[-1])
        peer = stats.ttest_rel(values(one, "v5", "block", point), values(one, "mrl", "block", point))
        assert (row.test.t, row.test.p) == (pytest.approx(peer.statistic), pytest.approx(peer.pvalue))


def test_points_are_compared_with_the_reference() -> None:
    one = document(varied="noise", points=(0, 10, 50))
    rows = compare_points([one], "noise", 0)
    assert [(row.a, row.b) for row in rows] == [
        ("v5 at noise 0", "v5 at noise 10"),
        ("v5 at noise 0", "v5 at noise 50"),
    ]
    peers = [stats.ttest_rel(values(one, "v5", "noise", 0), values(one, "v5", "noise", p)) for p in (10, 50)]
    low, high = sorted(peer.pvalue for peer in peers)
    expected = [min(1, 2 * low), min(1, max(2 * low, high))]
    assert sorted(row.p_adjusted for row in rows) == pytest.approx(expected)


def test_without_a_second_strategy_or_the_reference_there_is_less_to_compare() -> None:
    alone = document(strategies=("uhmt",), points=(16, 64))
    assert [(row.a, row.b) for row in compare_capacity([alone])] == [("uhmt at block 64", "uhmt at block 16")]
    assert compare_noise([document(strategies=("uhmt",), varied="noise", points=(10, 20))]) == []
    assert compare_levels([document(strategies=("mrl",))]) == []


def test_v5_comes_first_whatever_the_order_of_strategies() -> None:
    rows = compare_strategies([document(strategies=("mrl", "v5", "uhmt"), points=(16,))], "block")
    assert [(row.a, row.b) for row in rows] == [
        ("v5 at block 16", "mrl at block 16"),
        ("v5 at block 16", "uhmt at block 16"),
    ]


def test_corpora_of_unlike_depth_are_compared_in_the_pairs_that_they_have() -> None:
    shallow, deep = document("flat", points=(1,)), document("deep", points=(1,))
    shallow["levels"] = 2
    for run in shallow["runs"]:
        run["pairwise"] = {"S_01": run["pairwise"]["S_01"]}
    rows = compare_levels([shallow, deep])
    assert [(row.unit.corpus, row.metric, row.family_size) for row in rows] == [
        ("flat", "S_01", 1),
        ("deep", "S_02", 1),
        ("deep", "S_01", 2),
        ("deep", "S_12", 2),
    ]
