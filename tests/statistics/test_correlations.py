"""Correlations and curves against scipy, statsmodels, numpy and plain enumeration."""

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from fractalctl.errors import RequestError
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics import (
    cooks_distances,
    kendall,
    leave_one_out,
    pearson,
    power_law,
    quadratic,
    spearman,
    spearman_bootstrap,
)
from fractalctl.statistics.correlations import OVER_CORPORA

X = [1.2, 1.9, 1.9, 2.2, 2.6, 3.2, 3.9]
Y = [0.01, 0.02, 0.04, 0.05, 0.03, 0.12, 0.14]


def test_coefficients_equal_scipys():
    for found, expected in (
        (spearman(X, Y), stats.spearmanr(X, Y)),
        (pearson(X, Y), stats.pearsonr(X, Y)),
        (kendall(X, Y), stats.kendalltau(X, Y)),
    ):
        assert found.coefficient == pytest.approx(expected.statistic)
        assert found.p == pytest.approx(expected.pvalue)


@given(st.lists(st.integers(0, 5), min_size=3, max_size=6), st.data())
@settings(max_examples=25)
def test_exact_p_of_spearman_equals_plain_enumeration(x: list[int], data: st.DataObject):
    y = data.draw(st.lists(st.integers(0, 5), min_size=len(x), max_size=len(x)))
    found = spearman(x, y)
    if found.coefficient is None:
        assert found.reason == "one of the variables does not vary"
        return
    all_orders = [abs(stats.spearmanr(x, order).statistic) for order in permutations(y)]
    assert found.p_exact == pytest.approx(np.mean(np.array(all_orders) >= abs(found.coefficient) - 1e-9))


def test_exact_p_ends_with_nine_units():
    assert spearman(range(9), range(9)).p_exact == pytest.approx(2 / 362_880)
    assert spearman(range(10), range(10)).p_exact is None


def test_too_few_units():
    for correlation in (spearman, pearson, kendall):
        assert correlation([1, 2], [1, 2]).coefficient is None
        assert "three units" in correlation([1, 2], [1, 2]).reason
    with pytest.raises(RequestError, match="x has 2, y has 3"):
        spearman([1, 2], [1, 2, 3])


def test_leave_one_out_drops_each_in_turn():
    rows = leave_one_out(X, Y, "abcdefg")
    assert [row.dropped for row in rows] == [None, *"abcdefg"]
    assert rows[0].spearman == spearman(X, Y)
    for i, row in enumerate(rows[1:]):
        assert row.pearson == pearson(np.delete(X, i), np.delete(Y, i))
        assert row.k == 6


def test_bootstrap_equals_a_plain_loop_over_the_same_draws():
    drawn = generator(42, Purpose.BOOTSTRAP, OVER_CORPORA).integers(0, 7, size=(300, 7))
    pairs = [(np.array(X)[rows], np.array(Y)[rows]) for rows in drawn]
    rho = [stats.spearmanr(x, y).statistic for x, y in pairs if len(set(x)) > 1 and len(set(y)) > 1]
    found = spearman_bootstrap(X, Y, resamples=300)
    assert found.resamples + found.undefined == 300
    assert found.resamples == len(rho)
    assert found.ci == pytest.approx(np.quantile(rho, [0.025, 0.975]))
    assert found.share_positive == np.mean(np.array(rho) > 1e-12)


def test_one_unit_has_no_other_left():
    (row,) = leave_one_out([1.0], [2.0], "a")
    assert row.spearman.coefficient is None
    assert "three units" in row.pearson.reason


def test_bootstrap_of_what_does_not_vary():
    assert spearman_bootstrap([1, 1, 1], [1, 2, 3], resamples=10).ci is None
    assert "three units" in spearman_bootstrap([1, 2], [1, 2], resamples=10).reason


def test_cooks_distance_equals_statsmodels():
    model = sm.OLS(Y, sm.add_constant(X)).fit()
    assert cooks_distances(X, Y) == pytest.approx(model.get_influence().cooks_distance[0])


def test_cooks_distance_where_there_is_none():
    assert cooks_distances([1, 2, 3], [1, 2, 4]) is None
    assert cooks_distances([1, 2, 3, 4], [2, 4, 6, 8]) is None
    assert cooks_distances([2, 2, 2, 2], [1, 2, 3, 4]) is None
    assert cooks_distances([0, 0, 0, 1], [1, 2, 3, 4]) is None


DEPTH = np.array([1.2, 1.9, 2.0, 2.2, 2.6, 3.2, 3.9, 5.0])
LEARNABLE = np.array([0.6, 0.35, 0.65, 0.7, 0.45, 0.8, 0.9, 0.2])
S = np.array([0.015, 0.02, 0.035, 0.044, 0.027, 0.12, 0.15, 0.04])


def test_power_law_equals_scipys_curve_fit():
    def law(x, c, a, b):
        return c * x[0] ** a * x[1] ** b

    expected, covariance = optimize.curve_fit(law, (DEPTH, LEARNABLE), S, p0=(0.02, 1.5, 1.0))
    found = power_law(DEPTH, LEARNABLE, S)
    assert (found.c, found.a, found.b) == pytest.approx(tuple(expected), rel=1e-4)
    assert (found.c_se, found.a_se, found.b_se) == pytest.approx(
        tuple(np.sqrt(np.diag(covariance))), rel=1e-3
    )


def test_logarithmic_power_law_equals_statsmodels():
    model = sm.OLS(np.log(S), sm.add_constant(np.column_stack([np.log(DEPTH), np.log(LEARNABLE)]))).fit()
    found = power_law(DEPTH, LEARNABLE, S, "logarithmic")
    assert (found.a, found.b) == pytest.approx(tuple(model.params[1:]))
    assert (found.a_se, found.b_se) == pytest.approx(tuple(model.bse[1:]))
    assert found.r2 == pytest.approx(model.rsquared)


@given(st.floats(0.001, 1), st.floats(-2, 3), st.floats(-2, 3))
@settings(max_examples=30)
def test_power_law_finds_an_exact_law(c: float, a: float, b: float):
    found = power_law(DEPTH, LEARNABLE, c * DEPTH**a * LEARNABLE**b)
    if found.a is None:
        assert found.reason == "the values do not vary"
    else:
        assert (found.a, found.b) == pytest.approx((a, b), abs=1e-4)


def test_logarithmic_power_law_takes_values_that_are_far_apart_as_they_are():
    found = power_law(DEPTH, LEARNABLE, DEPTH**6 * LEARNABLE**-2 * 1e-6, "logarithmic")
    assert (found.c, found.a, found.b, found.r2) == pytest.approx((1e-6, 6, -2, 1))


def test_power_law_without_a_fit_has_a_reason():
    assert "four units" in power_law([1, 2, 3], [1, 2, 3], [1, 2, 3]).reason
    assert "is zero" in power_law([0, 1, 2, 3], [1, 1, 1, 2], [1, 2, 3, 4]).reason
    assert "not positive" in power_law(DEPTH, LEARNABLE, -S).reason
    shallow = [0.17, 0.0067, 0.12, 9.8e-05, 2.3e-06, 0.58, 0.00077]
    accuracies = [0.048, 0.42, 0.70, 0.78, 0.80, 0.20, 0.030]
    found = power_law(shallow, accuracies, [0.50, 0.24, -0.30, 2.1, -1.26, -0.094, -2.0])
    assert (found.a is None) == (found.reason is not None), "whether or not the search ends"
    assert "do not vary" in power_law(DEPTH, LEARNABLE, [0.1] * 8).reason
    assert "not positive" in power_law(DEPTH, LEARNABLE, S - 0.02, "logarithmic").reason
    assert power_law(DEPTH, LEARNABLE, S - 0.02).reason is None
    assert "independently" in power_law(DEPTH, DEPTH, S).reason
    with pytest.raises(RequestError, match="not 'cubic'"):
        power_law(DEPTH, LEARNABLE, S, "cubic")


CURVE_X = [1.0, 1.6, 2.3, 3.3, 3.9, 4.6, 5.6, 6.2]
CURVE_Y = [0.13, 0.15, 0.22, 0.27, 0.28, 0.27, 0.25, 0.23]


def test_quadratic_equals_numpy_and_statsmodels():
    c2, c1, c0 = np.polyfit(CURVE_X, CURVE_Y, 2)
    found = quadratic(CURVE_X, CURVE_Y)
    assert found.coefficients == pytest.approx((c0, c1, c2))
    assert found.vertex == pytest.approx(-c1 / (2 * c2))
    assert found.height == pytest.approx(np.polyval([c2, c1, c0], found.vertex))
    model = sm.OLS(CURVE_Y, np.vander(CURVE_X, 3, increasing=True)).fit()
    assert found.r2 == pytest.approx(model.rsquared)
    gradient = np.array([0, -1 / (2 * c2), c1 / (2 * c2**2)])
    assert found.vertex_se == pytest.approx(np.sqrt(gradient @ model.cov_params() @ gradient))
    assert (found.kind, found.inside) == ("maximum", True)


def test_quadratic_at_its_edges():
    exact = quadratic([0, 1, 2], [0, 1, 4])
    assert (exact.vertex_se, exact.kind, exact.inside) == (None, "minimum", True)
    assert "no standard error" in exact.reason
    for straight in ([1, 2, 3, 4], [5, 5, 5, 5]):
        line = quadratic([0, 1, 2, 3], straight)
        assert line.vertex is None
        assert "straight line" in line.reason
    assert quadratic([1, 2, 3, 4], [1, 4, 9, 16.1]).inside is False
    with pytest.raises(RequestError, match="three different x, found 2"):
        quadratic([1, 1, 2], [1, 2, 3])
    with pytest.raises(RequestError, match="three different x, found 2"):
        quadratic([0.1 + 0.2, 0.3, 1, 1], [0, 1, 2, 3])
