"""Steerability and its relatives, from the accuracy of each prefix at each level.

Notation: a[j, l] is the accuracy at prefix j and level l; L0 is the coarsest level, L1 stands for the finest.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

INTERVAL_LEVEL = 0.95


def _control(accuracy: np.ndarray) -> np.ndarray:
    """What truncation from prefix j to prefix 1 steers: (L0@1 - L0@j) + (L1@j - L1@1), shape (..., J)."""
    coarse, fine = accuracy[..., 0], accuracy[..., -1]
    return (coarse[..., :1] - coarse) + (fine - fine[..., :1])


def steerability(accuracy: np.ndarray) -> np.ndarray:
    """S = (L0@1 - L0@J) + (L1@J - L1@1) (paper, Eq. 1).

    Args:
        accuracy: (..., J, D) fractions.

    Returns:
        (...) float64, between -2 and 2.
    """
    return _control(accuracy)[..., -1]


def s_auc(accuracy: np.ndarray) -> np.ndarray:
    """S averaged over the prefix pairs (1, j), j = 2..J (paper, Appendix I); 0 for a single prefix."""
    control = _control(accuracy)
    return control[..., 1:].mean(axis=-1) if control.shape[-1] > 1 else control[..., 0]


def s_mono(accuracy: np.ndarray) -> np.ndarray:
    """Share of adjacent prefix pairs at which L0 does not rise, and L1 does not fall, counted separately.

    Paper, Appendix I, whose table moves in steps of 1 / (2 (J - 1) seeds). Equal accuracies count as
    monotone, so a head that does not change at all scores 1: read it beside S.
    """
    coarse, fine = accuracy[..., 0], accuracy[..., -1]
    right = np.concatenate([np.diff(coarse) <= 0, np.diff(fine) >= 0], axis=-1)
    return right.mean(axis=-1) if right.shape[-1] else np.zeros(accuracy.shape[:-2])


def s_gap(accuracy: np.ndarray) -> np.ndarray:
    """(L0@1 - L1@1) - (L0@J - L1@J) (paper, Appendix I); the same number as S, its terms in another order."""
    gap = accuracy[..., 0] - accuracy[..., -1]
    return gap[..., 0] - gap[..., -1]


def delta_coarse(accuracy: np.ndarray) -> np.ndarray:
    """L0@1 - L0@J, the coarse half of S."""
    return accuracy[..., 0, 0] - accuracy[..., -1, 0]


def delta_fine(accuracy: np.ndarray) -> np.ndarray:
    """L1@J - L1@1, the fine half of S."""
    return accuracy[..., -1, -1] - accuracy[..., 0, -1]


def short_coarse(accuracy: np.ndarray) -> np.ndarray:
    """ShortCoarse: L0@1."""
    return accuracy[..., 0, 0]


def full_fine(accuracy: np.ndarray) -> np.ndarray:
    """FullFine: L1@J."""
    return accuracy[..., -1, -1]


def specialization_gap(accuracy: np.ndarray) -> np.ndarray:
    """SpecializationGap: L0@1 - L1@1, how much better the short prefix is at coarse than at fine."""
    return accuracy[..., 0, 0] - accuracy[..., 0, -1]


def control_auc(accuracy: np.ndarray) -> np.ndarray:
    """ControlAUC: trapezoid area under (L0@1 - L0@j) + (L1@j - L1@1) over prefixes scaled to [0, 1].

    The paper's companions name the measure without a formula; this is ours. Unlike `s_auc` it includes
    prefix 1, where the curve is zero, and weighs the last prefix by half.
    """
    control = _control(accuracy)
    intervals = control.shape[-1] - 1
    return np.trapezoid(control, axis=-1) / intervals if intervals else control[..., 0]


MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "S": steerability,
    "S_auc": s_auc,
    "S_mono": s_mono,
    "S_gap": s_gap,
    "delta_coarse": delta_coarse,
    "delta_fine": delta_fine,
    "short_coarse": short_coarse,
    "full_fine": full_fine,
    "specialization_gap": specialization_gap,
    "control_auc": control_auc,
}
"""Every measure that an evaluation file reports, by its key there."""


@dataclass(frozen=True)
class Estimate:
    """A measure with its bootstrap interval over queries."""

    value: float
    low: float
    high: float


def accuracies(hits: np.ndarray) -> np.ndarray:
    """Mean over queries of hits (q, J, D) bool: (J, D) float64."""
    return hits.mean(axis=0, dtype=np.float64)


def estimate(hits: np.ndarray, resamples: int = 2000, seed: int = 0) -> dict[str, Estimate]:
    """Every measure with its 95 % percentile-bootstrap interval over queries.

    Queries are resampled whole, so prefixes and levels stay paired. The interval speaks of other queries for
    this one head; how heads of other seeds vary is a question for paired tests over seeds.

    Args:
        hits: (q, J, D) bool, whether each query was answered rightly.
        resamples: bootstrap samples.
        seed: of the resampling.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    queries = len(hits)
    counts = np.random.default_rng(seed).multinomial(queries, np.full(queries, 1 / queries), size=resamples)
    resampled = (counts @ hits.reshape(queries, -1).astype(np.float64) / queries).reshape(
        resamples, *hits.shape[1:]
    )
    observed = accuracies(hits)
    tails = [(1 - INTERVAL_LEVEL) / 2, (1 + INTERVAL_LEVEL) / 2]
    estimates = {}
    for name, measure in MEASURES.items():
        low, high = np.quantile(measure(resampled), tails)
        estimates[name] = Estimate(float(measure(observed)), float(low), float(high))
    return estimates
