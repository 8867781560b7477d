import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics.curves import OVER_PARTITIONS, peak

BITS = np.array([1.00, 1.58, 2.32, 3.32, 3.91, 4.64, 5.64, 6.23])
PAPER = [0.134, 0.150, 0.216, 0.270, 0.278, 0.266, 0.252, 0.232]
"""H(L0) and S of v5 in the paper's Table 5."""


def singles(values) -> list[list[float]]:
    return [[value] for value in values]


def test_the_papers_curve_rises_and_falls() -> None:
    found = peak(singles(BITS), singles(PAPER))
    assert found.quadratic.r2 == pytest.approx(0.964, abs=5e-4)
    assert found.quadratic.vertex == pytest.approx(4.39, abs=5e-3)
    assert found.slopes.low > 0 > found.slopes.high
    assert found.slopes.p < 0.01
    assert found.bootstrap.ci is None
    assert "two units" in found.bootstrap.reason
    assert found.band.low is None


def test_slopes_and_their_p_equal_a_shifted_regression() -> None:
    """With x measured from an end, the slope there is the linear coefficient of ordinary least squares."""
    x, y = BITS, np.array(PAPER)
    found, p = peak(singles(x), singles(y)).slopes, []
    for end, sign in ((x.min(), 1), (x.max(), -1)):
        (_, slope, _), covariance = np.polyfit(x - end, y, 2, cov=True)
        assert (found.low if sign > 0 else found.high) == pytest.approx(slope)
        p.append(stats.t.sf(sign * slope / np.sqrt(covariance[1, 1]), len(x) - 3))
    assert found.p == pytest.approx(max(p))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(3, 7), st.integers(1, 4))
def test_the_fit_goes_through_means_as_polyfit_does(seed: int, conditions: int, units: int) -> None:
    random = np.random.default_rng(seed)
    x = np.arange(conditions)[:, None] + random.uniform(-0.1, 0.1, (conditions, units))
    y = random.normal(size=(conditions, units))
    found = peak(list(x), list(y), resamples=50)
    peer = np.polyfit(x.mean(axis=1), y.mean(axis=1), 2)[::-1]
    np.testing.assert_allclose(found.quadratic.coefficients, peer, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.band.y, np.polyval(peer[::-1], found.band.x), atol=1e-8)
    assert (found.slopes.p is None) == (conditions == 3)
    assert (found.bootstrap.share_inside is None) == (units == 1)


def test_the_bootstrap_equals_a_plain_loop() -> None:
    random = np.random.default_rng(3)
    x = [2.0 * place + random.normal(scale=0.05, size=4) for place in range(6)]
    y = [-((group - 6) ** 2) + random.normal(scale=2, size=4) for group in x]
    found = peak(x, y, resamples=300, seed=9)
    random = generator(9, Purpose.BOOTSTRAP, OVER_PARTITIONS)
    chosen = [random.integers(0, 4, size=(300, 4)) for _ in x]
    vertices, curves = [], []
    for resample in range(300):
        means = [
            (group[rows[resample]].mean(), values[rows[resample]].mean())
            for group, values, rows in zip(x, y, chosen, strict=True)
        ]
        c2, c1, c0 = np.polyfit(*np.transpose(means), 2)
        vertices.append(-c1 / (2 * c2))
        curves.append(np.polyval([c2, c1, c0], found.band.x))
    assert found.bootstrap.ci == pytest.approx(tuple(np.quantile(vertices, [0.025, 0.975])))
    np.testing.assert_allclose(found.band.low, np.quantile(curves, 0.025, axis=0))
    assert found.bootstrap.share_inside == 1


def test_a_curve_that_only_flattens_is_no_inverted_u() -> None:
    x = np.arange(1.0, 9.0)
    found = peak(singles(x), singles(np.log(x) + 0.01 * np.cos(x)))
    assert found.quadratic.kind == "maximum"
    assert found.slopes.p > 0.05 or not found.slopes.low > 0 > found.slopes.high
    exact = peak(singles(x), singles(9 - (x - 4) ** 2))
    assert exact.slopes.p == pytest.approx(0, abs=1e-12)


def test_noise_has_no_interval_for_its_peak() -> None:
    random = np.random.default_rng(4)
    y = [random.normal(size=3) for _ in range(5)]
    found = peak([[float(place)] * 3 for place in range(5)], y)
    assert found.bootstrap.ci is None
    assert "of the resamples have a maximum" in found.bootstrap.reason


def test_too_few_conditions_and_wrong_input() -> None:
    found = peak([[1.0, 1.0], [2.0, 2.0]], [[0, 1], [1, 2]])
    assert found.quadratic is None
    assert "three conditions" in found.reason
    with pytest.raises(RequestError, match="belong together"):
        peak([[1.0], [2.0], [3.0, 4.0]], singles([1, 2, 3]))
