import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.measures.bounds import binary_entropy, estimate, fano_bits, fano_error, theorem_1


def test_intervals_are_normal_ones() -> None:
    values = np.random.default_rng(0).normal(2, 1, 400)
    found = estimate(values)
    half = 1.959963985 * values.std(ddof=1) / 20
    assert found["bits"] == pytest.approx(values.mean())
    assert found["interval"] == pytest.approx([values.mean() - half, values.mean() + half])
    assert estimate(np.array([1.5])) == {"bits": 1.5, "interval": [1.5, 1.5]}


@given(st.floats(0, 1), st.integers(2, 200))
def test_fano_goes_both_ways(error: float, classes: int) -> None:
    doubt = binary_entropy(error) + error * math.log2(classes - 1)
    assert fano_bits(doubt + 1, error, classes) == pytest.approx(1, abs=1e-9)
    if error <= 1 - 1 / classes:
        least = fano_error(doubt, classes)
        assert binary_entropy(least) + least * math.log2(classes - 1) == pytest.approx(doubt, abs=1e-6)


def test_fano_is_met_by_the_channel_that_errs_evenly() -> None:
    """Y uniform over K, answered rightly with 1 - e, else any other with equal probability."""
    classes, error = 10, 0.3
    joint = np.full((classes, classes), error / (classes - 1) / classes)
    np.fill_diagonal(joint, (1 - error) / classes)
    doubt = -(joint * np.log2(joint * classes)).sum()
    assert fano_error(doubt, classes) == pytest.approx(error)
    assert fano_bits(math.log2(classes), error, classes) == pytest.approx(math.log2(classes) - doubt)


def test_fano_at_its_ends() -> None:
    assert fano_error(0.0, 5) == fano_error(-0.1, 5) == fano_error(1.0, 1) == 0
    assert fano_error(9.0, 4) == fano_error(2.0, 4) == 0.75
    assert fano_bits(0.5, 0.5, 4) == 0
    assert fano_bits(1.0, 0.0, 1) == 1


@pytest.mark.parametrize(
    ("gains", "verdict"), [((1.9, 0.4), "holds"), ((0.2, 2.6), "fails"), ((0.9, 0.5), "open")]
)
def test_theorem_1_is_certain_only_beyond_an_entropy(gains: tuple[float, float], verdict: str) -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=500)
    entropies = (2.0, 1.5) if verdict != "fails" else (2.0, 3.0)
    surprise = {"L0": entropies[0] + noise, "L1|L0": entropies[1] + noise}
    found = theorem_1(surprise, {"L0": gains[0] + noise, "L1|L0": gains[1] - noise})
    assert found["verdict"] == verdict
    assert found["difference"]["bits"] == pytest.approx(gains[0] - gains[1], abs=0.02)
    assert found["coarse_share"] == pytest.approx(gains[0] / entropies[0], abs=0.02)


def test_theorem_1_adds_up_the_finer_levels() -> None:
    surprise = {"L0": np.ones(4), "L1|L0": np.ones(4), "L2|L1": np.full(4, 2.0)}
    gains = {"L0": np.full(4, 0.9), "L1|L0": np.full(4, 0.5), "L2|L1": np.full(4, 1.0)}
    found = theorem_1(surprise, gains)
    assert found["fine_given_coarse"]["bits"] == pytest.approx(1.5)
    assert found["fine_share"] == pytest.approx(0.5)
    assert found["verdict"] == "fails"
