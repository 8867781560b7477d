import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fractalctl.measures.metrics.routing import ALPHAS, ahead, mixed

SHARES = st.integers(0, 100).map(lambda number: number / 100)


def test_mixed_accuracy_is_the_workload_mean() -> None:
    curve = mixed((0.6, 0.9))
    assert (curve[0], curve[-1]) == (0.6, 0.9)
    assert curve[ALPHAS.index(0.5)] == pytest.approx(0.75)
    assert mixed((256, 64))[ALPHAS.index(0.5)] == 160


@given(SHARES, SHARES, SHARES, SHARES)
def test_ahead_is_where_the_curve_is_no_lower(a: float, b: float, c: float, d: float) -> None:
    grid = np.linspace(0, 1, 1001)
    gap = (1 - grid) * (a - c) + grid * (b - d)
    assume(abs(a - c) > 1e-9 or abs(b - d) > 1e-9)
    found = ahead((a, b), (c, d))
    no_lower = grid[gap >= -1e-12]
    if found is None:
        assert not len(no_lower)
    else:
        assert no_lower.min() == pytest.approx(found[0], abs=1.1e-3)
        assert no_lower.max() == pytest.approx(found[1], abs=1.1e-3)


def test_the_paper_crosses_at_about_a_third() -> None:
    """Table 2 at 256 dimensions, with the companions' 96.7 % for v5's coarse accuracy at 64."""
    found = ahead((0.676, 0.967), (0.704, 0.910))
    assert found == pytest.approx((0.33, 1.0), abs=0.005)
