"""Friedman's test and Nemenyi's critical difference against published figures and plain sums."""

import numpy as np
import pytest

from fractalctl.statistics.side_by_side import alike, ranking

ARMS = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
DEMSAR = """
4 3 2 1 | 1 2 3 4 | 4 1 2 3 | 4 1 3 2 | 4 2 3 1 | 1 2.5 4 2.5 | 3 2 4 1 | 2.5 2.5 4 1 | 4 3 2 1
2.5 2.5 2.5 2.5 | 4 2.5 1 2.5 | 3 2 4 1 | 4 1 2 3 | 3 1 4 2
"""
"""Ranks of four learners on 14 data sets: Demsar, Journal of Machine Learning Research 7, 2006, Table 6."""


def demsar() -> dict[str, dict[str, float]]:
    rows = [row.split() for line in DEMSAR.strip().splitlines() for row in line.split("|")]
    return {f"set {place}": dict(zip(ARMS, map(float, row), strict=True)) for place, row in enumerate(rows)}


def test_the_worked_example_comes_out_as_published() -> None:
    found = ranking("rank", demsar(), more_is_better=False)
    by_arm = dict(zip(found.arms, found.mean_ranks, strict=True))
    assert [round(by_arm[arm], 3) for arm in ARMS] == [3.143, 2.000, 2.893, 1.964]
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert ranking("rank", demsar(), more_is_better=False, alpha=0.1).critical_difference == pytest.approx(
        1.12, abs=0.005
    )
    assert (found.df, len(found.corpora), found.reason) == (3, 14, None)


def test_chi_squared_is_the_published_one_but_for_its_correction_of_ties() -> None:
    found, rows = ranking("rank", demsar(), more_is_better=False), list(demsar().values())
    n, k = len(rows), len(ARMS)
    plain = 12 * n / (k * (k + 1)) * (sum(rank**2 for rank in found.mean_ranks) - k * (k + 1) ** 2 / 4)
    assert plain == pytest.approx(9.28, abs=0.005)
    sizes = [np.unique(list(row.values()), return_counts=True)[1] for row in rows]
    ties = sum((size**3 - size).sum() for size in sizes) / (n * k * (k**2 - 1))
    assert found.statistic == pytest.approx(plain / (1 - ties))


@pytest.mark.parametrize(("arms", "published"), [(3, 2.343), (4, 2.569), (5, 2.728), (8, 3.031), (10, 3.164)])
def test_the_critical_values_are_the_published_ones(arms: int, published: float) -> None:
    """The same paper, Table 5a: Nemenyi at 0.05."""
    random = np.random.default_rng(0)
    means = {f"c{row}": {f"a{arm}": float(random.random()) for arm in range(arms)} for row in range(6)}
    found = ranking("S", means)
    quantile = found.critical_difference / np.sqrt(arms * (arms + 1) / (6 * 6))
    assert quantile == pytest.approx(published, abs=0.001)


def test_more_is_better_turns_the_ranks_around() -> None:
    means = {"x": {"a": 3.0, "b": 2.0, "c": 1.0}, "y": {"a": 3.0, "b": 1.0, "c": 2.0}}
    assert ranking("S", means).arms == ["a", "b", "c"]
    assert ranking("S", means).mean_ranks == [1.0, 2.5, 2.5]
    assert ranking("S", means, more_is_better=False).arms[-1] == "a"


def test_too_few_corpora_or_arms_have_a_reason_and_no_test() -> None:
    three = {"a": 0.1, "b": 0.2, "c": 0.3}
    for means, reason in (
        ({"x": three}, "two corpora or more, and all arms were measured on 1"),
        ({"x": {"a": 1.0, "b": 2.0}, "y": {"a": 1.0, "b": 2.0}}, "three arms or more, and there are 2"),
        ({"x": dict.fromkeys(three, 1.0), "y": dict.fromkeys(three, 2.0)}, "all arms are equal"),
        ({}, "measured on none"),
    ):
        found = ranking("S", means)
        assert reason in (found.reason or "")
        assert (found.statistic, found.p, found.critical_difference, found.groups) == (None, None, None, [])


def test_groups_are_the_largest_sets_within_the_critical_difference() -> None:
    arms, ranks = list("abcdef"), [1.0, 1.2, 2.9, 3.0, 3.1, 6.0]
    for difference in (0.05, 0.5, 1.9, 2.0, 9.0):
        by_hand = [
            arms[low : high + 1]
            for low in range(6)
            for high in range(low + 1, 6)
            if ranks[high] - ranks[low] <= difference
            and (low == 0 or ranks[high] - ranks[low - 1] > difference)
            and (high == 5 or ranks[high + 1] - ranks[low] > difference)
        ]
        assert alike(arms, ranks, difference) == by_hand
