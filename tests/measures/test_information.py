import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.measures.metrics.information import (
    Bits,
    binary_entropy,
    estimate,
    estimated_entropy,
    fano_bits,
    fano_error,
    theorem_1,
)


def test_intervals_are_normal_ones() -> None:
    values = np.random.default_rng(0).normal(2, 1, 400)
    found = estimate(values)
    half = 1.959963985 * values.std(ddof=1) / 20
    assert found.bits == pytest.approx(values.mean())
    assert found.interval == pytest.approx([values.mean() - half, values.mean() + half])
    assert estimate(np.array([1.5])) == Bits(bits=1.5, interval=(1.5, 1.5))


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


CORPUS = np.repeat(np.arange(150) // 15, 1), np.arange(150)
"""Coarse and fine class of 150 fine classes under 10 coarse ones, as in CLINC."""


def surprises(rows: int, seed: int, shares: np.ndarray) -> dict[str, np.ndarray]:
    """-log2 of the share of each of some random rows' classes, coarse, and fine given coarse."""
    fine = np.random.default_rng(seed).choice(150, rows, p=shares)
    coarse = CORPUS[0][fine]
    of_fine, of_coarse = np.bincount(fine)[fine], np.bincount(coarse)[coarse]
    return {"L0": -np.log2(of_coarse / rows), "L1|L0": -np.log2(of_fine / of_coarse)}


def true_bits(shares: np.ndarray) -> tuple[float, float]:
    """H(L0) and H(L1 | L0) of the population."""
    coarse = np.bincount(CORPUS[0], shares)
    h_coarse, h_fine = (-(part * np.log2(part)).sum() for part in (coarse, shares))
    return h_coarse, h_fine - h_coarse


EVEN = np.full(150, 1 / 150)
STEEP = 1 / np.arange(1, 151)
POPULATIONS = {"even": EVEN, "steep": STEEP / STEEP.sum()}


@pytest.mark.parametrize("rows", [60, 500, 5000])
@pytest.mark.parametrize("name", POPULATIONS)
def test_upper_limits_of_entropies_hold(name: str, rows: int) -> None:
    """95 % intervals have 2.5 % on that side."""
    shares = POPULATIONS[name]
    for quantity, truth, freedom in zip(("L0", "L1|L0"), true_bits(shares), (9, 140), strict=True):
        made = (surprises(rows, seed, shares)[quantity] for seed in range(200))
        assert np.mean([estimated_entropy(one, freedom).most < truth for one in made]) <= 0.025


def test_the_plug_in_entropy_is_short_by_a_fifth_of_a_bit() -> None:
    """What makes a verdict wrong: 500 rows of 150 classes."""
    truth = true_bits(EVEN)[1]
    found = [estimated_entropy(surprises(500, seed, EVEN)["L1|L0"], 140) for seed in range(100)]
    assert truth - np.mean([one.plug_in for one in found]) == pytest.approx(0.2, abs=0.02)
    assert np.mean([one.corrected for one in found]) == pytest.approx(truth, abs=0.02)


def test_theorem_1_is_not_decided_by_the_bias_of_an_entropy() -> None:
    """A prefix knows less of the coarse class than H(L1 | L0), but more than the plug-in estimate of that."""
    fine_classes, rows = 960, 500  # 64 coarse classes of 15 fine ones each
    verdicts = []
    for seed in range(100):
        fine = np.random.default_rng(seed).integers(0, fine_classes, rows)
        shares = np.bincount(fine)[fine] / np.bincount(fine // 15)[fine // 15]
        surprise = {"L0": np.full(rows, 6.0), "L1|L0": -np.log2(shares)}
        known = np.full(rows, np.log2(15) - 0.05)
        assert known.mean() < np.log2(15), "so Eq. 5 cannot be known to hold"
        assert estimate(known - surprise["L1|L0"]).interval[0] > 0, "yet it exceeds the plug-in estimate"
        gains = {"L0": known, "L1|L0": np.zeros(rows)}
        verdicts.append(theorem_1(surprise, gains, (64, fine_classes), 4).verdict)
    assert set(verdicts) == {"open"}


@pytest.mark.parametrize(
    ("gains", "verdict"), [((1.9, 0.4), "holds"), ((0.2, 2.6), "fails"), ((0.9, 0.5), "open")]
)
def test_theorem_1_is_certain_only_beyond_an_entropy(gains: tuple[float, float], verdict: str) -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=500)
    entropies = (2.0, 1.5) if verdict != "fails" else (2.0, 3.0)
    surprise = {"L0": entropies[0] + noise, "L1|L0": entropies[1] + noise}
    found = theorem_1(surprise, {"L0": gains[0] + noise, "L1|L0": gains[1] - noise}, (5, 20), 64)
    assert found.verdict == verdict
    assert found.dimension == 64
    assert found.difference.bits == pytest.approx(gains[0] - gains[1], abs=0.02)
    assert found.coarse_share == pytest.approx(gains[0] / entropies[0], abs=0.02)
    assert found.h_coarse.plug_in == pytest.approx(entropies[0], abs=0.02)
    assert found.h_coarse.plug_in < found.h_coarse.corrected < found.h_coarse.most


def test_theorem_1_adds_up_the_finer_levels() -> None:
    surprise = {"L0": np.ones(400), "L1|L0": np.ones(400), "L2|L1": np.full(400, 2.0)}
    gains = {"L0": np.full(400, 0.9), "L1|L0": np.full(400, 0.5), "L2|L1": np.full(400, 1.0)}
    found = theorem_1(surprise, gains, (2, 4, 16), 64)
    assert found.fine_given_coarse.bits == pytest.approx(1.5)
    assert found.fine_share == pytest.approx(0.5)
    assert found.verdict == "fails"
    assert found.h_fine_given_coarse.most == pytest.approx(3 + np.log2(1 + 14 / 400))
