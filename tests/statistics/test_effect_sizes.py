"""Effect sizes and power against pingouin, the noncentral t, published values and simulation."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from fractalctl.errors import RequestError
from fractalctl.statistics import (
    detectable_effect,
    hedges_correction,
    noncentrality_interval,
    paired_effects,
    paired_power,
    seeds_needed,
)
from fractalctl.statistics.effect_sizes import plan

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pingouin

A = [0.104, 0.178, 0.150, 0.168, 0.151]
B = [0.012, 0.028, 0.006, -0.016, 0.004]


def test_d_is_the_mean_over_the_sd_of_differences():
    gaps = np.subtract(A, B)
    assert paired_effects(A, B).cohens_d == pytest.approx(gaps.mean() / gaps.std(ddof=1))


def test_d_av_equals_pingouins_paired_cohen():
    assert paired_effects(A, B).d_av == pytest.approx(
        pingouin.compute_effsize(A, B, paired=True, eftype="cohen")
    )


def test_g_is_the_corrected_d():
    effects = paired_effects(A, B)
    assert effects.hedges_g == pytest.approx(hedges_correction(4) * effects.cohens_d)
    assert effects.hedges_g_ci == pytest.approx(
        [hedges_correction(4) * limit for limit in effects.cohens_d_ci]
    )


@pytest.mark.parametrize("df", [2, 3, 4, 9, 50])
def test_hedges_correction_makes_d_unbiased(df: int):
    """E[t] of a noncentral t is delta / J: known moments of scipy's distribution as the oracle."""
    assert hedges_correction(df) == pytest.approx(1.0 / stats.nct.mean(df, 1.0))


def test_hedges_correction_where_it_ends():
    assert hedges_correction(1) is None
    assert hedges_correction(4) == pytest.approx(0.7978845608)
    assert hedges_correction(1000) == pytest.approx(1 - 3 / (4 * 1000 - 1), abs=1e-6)


def test_noncentrality_interval_equals_the_published_example():
    """Limits that the R package MBESS prints for conf.limits.nct(ncp = 2.83, df = 126)."""
    assert noncentrality_interval(2.83, 126) == pytest.approx((0.8337502, 4.815359), abs=1e-6)


def test_noncentrality_interval_of_no_difference_is_the_normal_one():
    """At t = 0 the noncentral t distribution is that of the sign of a normal variable."""
    assert noncentrality_interval(0.0, 7) == pytest.approx((-1.959964, 1.959964), abs=1e-6)


def test_intervals_of_effects_are_those_of_t():
    effects, t = paired_effects(A, B), stats.ttest_rel(A, B).statistic
    low, high = noncentrality_interval(t, 4)
    assert effects.cohens_d_ci == pytest.approx((low / math.sqrt(5), high / math.sqrt(5)))
    scale = effects.d_av / effects.cohens_d
    assert effects.d_av_ci == pytest.approx([scale * limit for limit in effects.cohens_d_ci])


@given(st.floats(-3, 9), st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=60)
def test_the_observed_t_is_a_tail_quantile_at_the_limits(exponent: float, df: int, level: float):
    t = 10.0**exponent
    low, high = noncentrality_interval(t, df, level)
    for limit, tail in ((low, (1 + level) / 2), (high, (1 - level) / 2)):
        assert _noncentral_cdf(t, df, limit) == pytest.approx(tail, abs=2e-4)
    assert noncentrality_interval(-t, df, level) == (-high, -low)


def _noncentral_cdf(t: float, df: int, delta: float) -> float:
    """P(T <= t) = E Phi(t s - delta) with s = chi / sqrt(df), integrated over the quantiles of s."""

    def spread(u: float) -> float:
        return math.sqrt(2 * special.gammaincinv(df / 2, u) / df)

    jump = stats.chi2.cdf(df * (max(delta, 0) / t) ** 2, df)
    points = [min(max(jump, 1e-12), 1 - 1e-12)]
    return integrate.quad(lambda u: special.ndtr(t * spread(u) - delta), 0, 1, limit=200, points=points)[0]


def test_intervals_cover_the_true_effect():
    generator = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        low, high = paired_effects(generator.normal(1.2, 1.0, 6), np.zeros(6)).cohens_d_ci
        inside += low <= 1.2 <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_interval_excludes_zero_exactly_when_t_is_significant():
    for shift in np.linspace(0, 0.2, 21):
        effects, p = (
            paired_effects(np.add(A, shift - 0.15), B),
            stats.ttest_rel(np.add(A, shift - 0.15), B).pvalue,
        )
        low, high = effects.cohens_d_ci
        assert (low > 0 or high < 0) == (p < 0.05)


def test_edges_have_reasons():
    assert paired_effects([0.1], [0.2]).reason.startswith("one pair")
    equal = paired_effects(A, A)
    assert (equal.cohens_d, equal.hedges_g, equal.d_av) == (0.0, 0.0, 0.0)
    constant = paired_effects([0.3, 0.2], [0.1, 0.0])
    assert constant.cohens_d is None
    assert "do not vary" in constant.reason
    two = paired_effects([0.3, 0.2], [0.1, 0.1])
    assert two.cohens_d is not None
    assert two.hedges_g is None
    assert "two pairs" in two.reason


@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=2, max_size=9), st.randoms())
@settings(max_examples=30)
def test_order_of_pairs_changes_nothing(pairs: list[tuple[int, int]], random):
    one = paired_effects(*np.array(pairs, dtype=float).T)
    other = paired_effects(*np.array(random.sample(pairs, len(pairs)), dtype=float).T)
    if one.cohens_d is None:
        assert other.cohens_d is None
    else:
        assert one.cohens_d == pytest.approx(other.cohens_d, abs=1e-9)


@pytest.mark.parametrize(
    ("d", "n", "alpha"), [(0.2, 5, 0.05), (1.5, 5, 0.05), (0.8, 12, 0.01), (2.5, 3, 0.05)]
)
def test_power_equals_the_noncentral_t(d: float, n: int, alpha: float):
    assert paired_power(d, n, alpha) == pytest.approx(noncentral_power(d, n, alpha), abs=1e-8)
    assert paired_power(-d, n, alpha) == paired_power(d, n, alpha)


def noncentral_power(d: float, n: int, alpha: float) -> float:
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    tails = stats.nct.sf(critical, n - 1, d * math.sqrt(n)), stats.nct.cdf(-critical, n - 1, d * math.sqrt(n))
    return float(np.nansum(tails))


@pytest.mark.parametrize("d", [0.36, 0.49, 0.83, 1.5, 5.5])
def test_seeds_needed_is_the_first_n_with_the_power(d: float):
    n = seeds_needed(d)
    assert paired_power(d, n) >= 0.8
    assert n == 2 or paired_power(d, n - 1) < 0.8


def test_seeds_needed_up_to_the_most():
    assert seeds_needed(50.0) == 2
    assert 65_536 < seeds_needed(0.0092) < 100_000
    assert paired_power(0.0092, seeds_needed(0.0092) - 1) < 0.8 < paired_power(0.0092, 100_000)
    assert paired_power(0.0088, 100_000) < 0.8
    assert seeds_needed(0.0088) is None


@pytest.mark.parametrize(
    ("n", "power", "alpha"), [(2, 0.8, 0.001), (5, 0.8, 0.05), (40, 0.9, 0.01), (500, 0.5, 0.05)]
)
def test_the_detectable_effect_has_the_power(n: int, power: float, alpha: float):
    assert noncentral_power(detectable_effect(n, power, alpha), n, alpha) == pytest.approx(power, abs=1e-6)


def test_power_at_its_edges():
    assert paired_power(0.0, 5) == pytest.approx(0.05)
    assert paired_power(1e6, 5) == 1.0
    assert seeds_needed(0.0) is None
    assert plan(None, 5).reason == "there is no effect size"
    assert plan(1.0, 1).power is None
    assert plan(1e-4, 5).reason == "more than 100000 pairs"
    assert plan(0.5, 5).reason is None
    assert plan(0.5, 2).power == pytest.approx(noncentral_power(0.5, 2, 0.05), abs=1e-8)
    for n, alpha in ((1, 0.05), (5, 0.0), (5, 1.0)):
        with pytest.raises(RequestError, match="at least 2 pairs"):
            paired_power(1.0, n, alpha)
    for power in (0.0, 1.0, 1.5):
        with pytest.raises(RequestError, match=f"between 0 and 1, not {power}"):
            seeds_needed(1.0, power=power)
    for power in (0.01, 0.05, 1.0):
        with pytest.raises(RequestError, match="between alpha and 1"):
            detectable_effect(5, power=power)
