"""Pooling against the published output of metafor, against statsmodels, and under its own laws.

The trials of BCG vaccine (Colditz et al., JAMA 271, 1994) are the standard example of meta-analysis: cases
and non-cases among the vaccinated and the others, and the absolute latitude of the place.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from fractalctl.errors import RequestError
from fractalctl.statistics import effect_variance, influence, meta_regression, pool
from fractalctl.statistics.meta import ESTIMATORS

TRIALS = np.array([
    (4, 119, 11, 128, 44), (6, 300, 29, 274, 55), (3, 228, 11, 209, 42), (62, 13536, 248, 12619, 52),
    (33, 5036, 47, 5761, 13), (180, 1361, 372, 1079, 44), (8, 2537, 10, 619, 19),
    (505, 87886, 499, 87892, 13), (29, 7470, 45, 7232, 27), (17, 1699, 65, 1600, 42),
    (186, 50448, 141, 27197, 18), (5, 2493, 3, 2338, 33), (27, 16886, 29, 17825, 33),
], dtype=float)  # fmt: skip
YEARS = [1948, 1949, 1960, 1977, 1973, 1953, 1973, 1980, 1968, 1961, 1974, 1969, 1976]


@pytest.fixture(scope="module")
def log_risk_ratios() -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d, _ = TRIALS.T
    return np.log(a / (a + b)) - np.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_reml_equals_metafor(log_risk_ratios):
    """rma(yi, vi, data = dat) of the package's documentation."""
    found = pool(*log_risk_ratios, "reml")
    assert found.tau2 == pytest.approx(0.3132, abs=5e-5)
    assert (found.pooled, found.se, found.z) == pytest.approx((-0.7145, 0.1798, -3.9744), abs=5e-5)
    assert found.ci == pytest.approx((-1.0669, -0.3622), abs=5e-5)
    assert 100 * found.i2 == pytest.approx(92.22, abs=5e-3)
    assert found.h2 == pytest.approx(12.86, abs=5e-3)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert found.q_df == 12
    assert found.p < 0.0001


def test_dersimonian_laird_and_fixed_equal_metafor(log_risk_ratios):
    found = pool(*log_risk_ratios, "dersimonian-laird")
    assert (found.tau2, found.pooled, found.se) == pytest.approx((0.3088, -0.7141, 0.1787), abs=5e-5)
    assert found.ci == pytest.approx((-1.0644, -0.3638), abs=5e-5)
    fixed = pool(*log_risk_ratios, "fixed")
    assert (fixed.tau2, fixed.pooled, fixed.se) == pytest.approx((0.0, -0.4303, 0.0405), abs=5e-5)
    assert fixed.prediction_interval is None
    assert fixed.i2 == pytest.approx(1 - 12 / 152.2330, abs=1e-6)


def test_hartung_knapp_equals_metafor(log_risk_ratios):
    """rma(yi, vi, data = dat, test = "knha")."""
    found = pool(*log_risk_ratios, "reml").hartung_knapp
    assert (found.se, found.t, found.p) == pytest.approx((0.1808, -3.9522, 0.0019), abs=5e-5)
    assert found.ci == pytest.approx((-1.1084, -0.3206), abs=5e-5)
    assert found.df == 12


def test_meta_regression_equals_metafor(log_risk_ratios):
    """rma(yi, vi, mods = ~ ablat + year, data = dat)."""
    found = meta_regression(*log_risk_ratios, {"ablat": TRIALS[:, 4], "year": YEARS})
    assert found.tau2 == pytest.approx(0.1108, abs=5e-5)
    assert 100 * found.i2 == pytest.approx(71.98, abs=5e-3)
    assert 100 * found.r2 == pytest.approx(64.63, abs=5e-3)
    assert (found.q_residual, found.q_residual_df) == pytest.approx((28.3251, 10), abs=5e-5)
    # metafor ends its iterations for tau^2 at 1e-5, which shows in this digit only.
    assert found.q_moderators == pytest.approx(12.2043, abs=5e-4)
    assert found.q_moderators_p == pytest.approx(0.0022, abs=5e-5)
    intercept, latitude, year = found.coefficients
    assert (intercept.estimate, intercept.se) == pytest.approx((-3.5455, 29.0959), abs=5e-4)
    assert (latitude.estimate, latitude.se, latitude.z, latitude.p) == pytest.approx(
        (-0.0280, 0.0102, -2.7371, 0.0062), abs=5e-5
    )
    assert latitude.ci == pytest.approx((-0.0481, -0.0080), abs=5e-5)
    assert (year.estimate, year.se, year.p) == pytest.approx((0.0019, 0.0147, 0.8966), abs=5e-5)


def test_leave_one_out_equals_pooling_the_rest(log_risk_ratios):
    y, v = log_risk_ratios
    units = influence(y, v, [str(i) for i in range(13)], "reml")
    for i, unit in enumerate(units):
        assert unit.without == pool(np.delete(y, i), np.delete(v, i), "reml")
    assert sum(unit.weight for unit in units) == pytest.approx(1)
    whole = pool(y, v, "reml")
    shift = whole.pooled - units[6].without.pooled
    assert units[6].cooks_distance == pytest.approx((shift / whole.se) ** 2)


thousandths = st.integers(-3000, 3000).map(lambda value: value / 1000)
effects = st.lists(
    st.tuples(thousandths, st.floats(0.01, 2)), min_size=2, max_size=9, unique_by=lambda pair: pair[0]
)
"""(effect, variance) of each unit; effects differ by more than rounding, as statsmodels needs."""


@given(effects)
@settings(max_examples=60)
def test_equals_statsmodels(pairs: list[tuple[float, float]]):
    y, v = np.array(pairs).T
    with np.errstate(invalid="ignore"):  # its tau^2 is not truncated, and its square roots then fail
        expected = combine_effects(y, v, method_re="chi2", use_t=False)
    found = pool(y, v)
    assert found.q == pytest.approx(expected.q)
    assert found.tau2 == pytest.approx(max(0.0, expected.tau2), abs=1e-12)
    assert pool(y, v, "fixed").pooled == pytest.approx(expected.mean_effect_fe)
    if expected.tau2 > 0:
        assert found.pooled == pytest.approx(expected.mean_effect_re)
        assert found.se == pytest.approx(expected.sd_eff_w_re)
        assert found.hartung_knapp.se == pytest.approx(expected.sd_eff_w_re_hksj)
        assert found.i2 == pytest.approx(max(0, expected.i2))
    iterated = combine_effects(y, v, method_re="iterated", use_t=False)
    assert pool(y, v, "paule-mandel").tau2 == pytest.approx(iterated.tau2, abs=1e-4)


@given(effects, st.randoms())
@settings(max_examples=40)
@pytest.mark.parametrize("method", ESTIMATORS)
def test_order_changes_nothing_and_tau2_is_not_negative(
    method: str, pairs: list[tuple[float, float]], random
):
    one, other = (pool(*np.array(order).T, method) for order in (pairs, random.sample(pairs, len(pairs))))
    assert one.tau2 >= 0
    assert one.tau2 == pytest.approx(other.tau2, abs=1e-6)
    assert one.pooled == pytest.approx(other.pooled, abs=1e-5)
    assert 0 <= one.i2 < 1


@given(effects, st.floats(-5, 5), st.floats(0.1, 10))
@settings(max_examples=40)
@pytest.mark.parametrize("method", ESTIMATORS)
def test_moves_and_scales_with_the_effects(method: str, pairs, shift: float, scale: float):
    y, v = np.array(pairs).T
    one, other = pool(y, v, method), pool(scale * y + shift, scale**2 * v, method)
    assert other.pooled == pytest.approx(scale * one.pooled + shift, abs=1e-4)
    assert other.tau2 == pytest.approx(scale**2 * one.tau2, abs=1e-5 * scale**2)


@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_homogeneous_set_has_no_variance_between_units(method: str):
    """Here Q is below its degrees of freedom, where an untruncated moment estimator turns negative."""
    found = pool([0.30, 0.31, 0.29], [0.01, 0.02, 0.015], method)
    assert found.tau2 == 0.0
    assert found.i2 == 0.0
    assert found.q < found.q_df
    assert sum(found.weights) == pytest.approx(1)


def test_reml_finds_the_highest_of_two_maxima():
    """Against a fine grid of the likelihood."""
    y, v = np.array([0.0, 0.1, 2.0, -1.5]), np.array([0.001, 0.9, 0.5, 0.01])

    def likelihood(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = (w @ y) / w.sum()
        return 0.5 * (np.log(w).sum() - np.log(w.sum()) - w @ (y - mean) ** 2)

    grid = np.linspace(0, 20, 200_001)
    best = grid[np.argmax([likelihood(tau2) for tau2 in grid[::100]]) * 100]
    assert pool(y, v, "reml").tau2 == pytest.approx(best, abs=0.01)


def test_one_unit_and_two():
    alone = pool([0.5], [0.04])
    assert (alone.pooled, alone.se, alone.tau2, alone.q_p, alone.prediction_interval) == (
        0.5,
        0.2,
        0.0,
        None,
        None,
    )
    assert "three units" in alone.reason
    both = pool([0.5, 0.9], [0.04, 0.04])
    assert both.prediction_interval is None
    assert both.hartung_knapp.df == 1
    assert pool([0.5, 0.5], [0.04, 0.04]).hartung_knapp is None


def test_wrong_requests():
    with pytest.raises(RequestError, match="variances are positive, but the smallest is 0"):
        pool([1.0, 2.0], [0.0, 1.0])
    with pytest.raises(RequestError, match="no estimator 'ml'; there are fixed, dersimonian-laird"):
        pool([1.0, 2.0], [1.0, 1.0], "ml")
    with pytest.raises(RequestError, match="effects has 2, variances has 1"):
        pool([1.0, 2.0], [1.0])
    with pytest.raises(RequestError, match="at least two units"):
        influence([1.0], [1.0], "a")
    with pytest.raises(RequestError, match="at least one pair"):
        effect_variance(1.0, 0)


def test_wrong_moderators():
    y, v = [0.1, 0.2, 0.4, 0.3], [0.01] * 4
    with pytest.raises(RequestError, match="linearly dependent"):
        meta_regression(y, v, {"depth": [2, 2, 2, 2]})
    with pytest.raises(RequestError, match="or constant"):
        meta_regression(y, v, {"depth": [0.1, 0.1 + 1e-13, 0.1, 0.1 - 2e-13]})
    with pytest.raises(RequestError, match="one value per unit"):
        meta_regression(y, v, {"depth": [1, 2, 3]})
    with pytest.raises(RequestError, match="3 moderators need at least 5 units, not 4"):
        meta_regression(y, v, {"a": [1, 2, 3, 4], "b": [1, 4, 9, 16], "c": [0, 1, 0, 1]})
    with pytest.raises(RequestError, match="depth: value 2 of 4 is nan"):
        meta_regression(y, v, {"depth": [1, float("nan"), 3, 4]})


def test_moderators_that_explain_nothing_there_is():
    assert meta_regression([0.3, 0.31, 0.29, 0.3], [0.02] * 4, {"depth": [1, 2, 3, 4]}).r2 is None
