"""The rules by themselves: what a test, an interval and a margin lead to."""

import numpy as np
import pytest
from scipy import stats

from fractalctl.paper.judging import (
    Contrast,
    Verdict,
    at_least,
    at_most,
    corrected,
    every,
    larger,
    no_difference,
)

HOLDS, DIRECTION, FAILS, OPEN = Verdict


@pytest.mark.parametrize(
    ("difference", "p", "n", "expected"),
    [
        (0.1, 0.049, 5, HOLDS),
        (0.1, 0.05, 5, DIRECTION),
        (0.1, None, 5, DIRECTION),
        (0.0, 1.0, 5, FAILS),
        (-0.1, 0.001, 5, FAILS),
        (0.1, None, 1, OPEN),
        (-0.1, None, 1, OPEN),
    ],
)
def test_a_difference_needs_a_test(difference, p, n, expected) -> None:
    assert larger(difference, p, n) is expected


def test_no_difference_is_two_one_sided_tests() -> None:
    """Against both one-sided tests of scipy, over many samples: no other rule gives the same."""
    generator, margin, seen = np.random.default_rng(0), 0.02, set()
    for _ in range(300):
        values = generator.normal(generator.uniform(-0.05, 0.05), 0.01, size=5)
        above = stats.ttest_1samp(values, margin, alternative="greater").pvalue
        below = stats.ttest_1samp(values, -margin, alternative="less").pvalue
        inside = max(
            stats.ttest_1samp(values, margin, alternative="less").pvalue,
            stats.ttest_1samp(values, -margin, alternative="greater").pvalue,
        )
        expected = HOLDS if inside < 0.05 else FAILS if min(above, below) < 0.05 else OPEN
        assert no_difference(values.tolist(), margin)[0] is expected
        seen.add(expected)
    assert seen == {HOLDS, FAILS, OPEN}


def test_a_large_p_is_no_evidence_of_absence() -> None:
    """Three noisy seeds whose mean is zero: an ordinary test finds nothing, and neither does this one."""
    values = [0.05, -0.05, 0.0]
    assert stats.ttest_1samp(values, 0).pvalue == 1
    assert no_difference(values, 0.02)[0] is OPEN


def test_no_interval_no_verdict() -> None:
    assert no_difference([0.0], 0.02) == (OPEN, "one value: a test needs at least two")
    assert no_difference([0.0, 0.0, 0.0], 0.02)[0] is OPEN
    assert at_most([0.0], 0.02)[0] is OPEN
    assert at_most([0.5, 0.5], 0.02)[0] is OPEN
    assert at_least(0.9, None, 0.8) is OPEN


def test_at_most_looks_at_one_side() -> None:
    assert at_most([-0.5, -0.6, -0.4], 0.01)[0] is HOLDS
    assert at_most([0.02, 0.05, -0.04], 0.01)[0] is OPEN
    assert at_most([0.05, 0.06, 0.055], 0.01)[0] is FAILS


def test_a_claim_of_several_fails_with_one() -> None:
    assert every([HOLDS, HOLDS]) is HOLDS
    assert every([HOLDS, DIRECTION]) is DIRECTION
    assert every([DIRECTION, OPEN]) is OPEN
    assert every([OPEN, FAILS, HOLDS]) is FAILS
    assert every([]) is OPEN


def test_contrasts_pair_over_seeds_and_are_corrected_together() -> None:
    a = {42: 0.10, 123: 0.12, 456: 0.11, 7: 9.0}
    b = {42: 0.01, 123: 0.00, 456: 0.02, 8: 9.0}
    lonely = Contrast("there", "v5, mrl", {1: 0.1}, {2: 0.1})
    (one, two) = corrected([Contrast("here", "v5, mrl", a, b), lonely, Contrast("here", "mrl, v5", b, a)])
    p = stats.ttest_rel([0.10, 0.12, 0.11], [0.01, 0.00, 0.02]).pvalue
    assert one.gaps == pytest.approx([0.09, 0.12, 0.09])
    assert (one.m, one.p, two.p) == (2, pytest.approx(2 * p), pytest.approx(2 * p))
    assert (one.verdict, two.verdict) == (HOLDS, FAILS)
    assert one.seeds == "n = 3 seeds, 2 without a partner left out"


def test_rounding_of_decimal_fractions_is_no_difference() -> None:
    same = Contrast("here", "v5, mrl", {42: 0.1 + 0.2, 123: 0.1 + 0.2}, {42: 0.3, 123: 0.3})
    assert 0.1 + 0.2 > 0.3
    assert same.gaps == [0.0, 0.0]
    assert corrected([same])[0].verdict is FAILS
