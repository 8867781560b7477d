"""Steerability and its relatives, from the accuracy of each prefix at each level.

Notation: a[j, l] is the accuracy at prefix j and level l; L0 is the coarsest level, L1 stands for the finest.
"""

from collections.abc import Callable, Mapping
from itertools import combinations

import msgspec
import numpy as np

from fractalctl.documents.measured import Steerability
from fractalctl.randomness import Purpose, generator

INTERVAL_LEVEL = 0.95
RESAMPLES = 2000
CHUNK_BYTES = 2**26  # memory that a bootstrap may take for its resampled counts


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
    "delta_coarse": lambda a: a[..., 0, 0] - a[..., -1, 0],  # L0@1 - L0@J, the coarse half of S
    "delta_fine": lambda a: a[..., -1, -1] - a[..., 0, -1],  # L1@J - L1@1, the fine half of S
    "short_coarse": lambda a: a[..., 0, 0],  # L0@1
    "full_fine": lambda a: a[..., -1, -1],  # L1@J
    "specialization_gap": lambda a: a[..., 0, 0] - a[..., 0, -1],  # L0@1 - L1@1
    "control_auc": control_auc,
}
"""Every measure that an evaluation file reports by its key there, from accuracies (..., J, D)."""


def accuracies(hits: np.ndarray) -> np.ndarray:
    """Mean over queries of hits (q, J, D) bool: (J, D) float64."""
    return hits.mean(axis=0, dtype=np.float64)


def estimate(hits: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Steerability:
    """Every measure with its 95 % percentile-bootstrap interval over queries.

    Queries are resampled whole, so prefixes and levels stay paired. The interval speaks of other queries for
    this one head; how heads of other seeds vary is a question for paired tests over seeds.

    Args:
        hits: (q, J, D) bool, whether each query was answered rightly.
        resamples: bootstrap samples.
        seed: of the resampling.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    observed, resampled = accuracies(hits), resampled_accuracies(hits, resamples, seed)
    tails = [(1 - INTERVAL_LEVEL) / 2, (1 + INTERVAL_LEVEL) / 2]
    values = {name: float(measure(observed)) for name, measure in MEASURES.items()}
    intervals = {
        name: tuple(np.quantile(measure(resampled), tails).tolist()) for name, measure in MEASURES.items()
    }
    return msgspec.convert({**values, "intervals": intervals}, Steerability)


def resampled_accuracies(hits: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Accuracies of bootstrap samples of queries, (resamples, J, D) float64.

    Queries with the same hits are interchangeable, so it is how often each *pattern* of hits comes up that is
    drawn: a multinomial over patterns, of which there are few. Counts are drawn a chunk of resamples at a
    time; the generator goes on from chunk to chunk and sums of whole numbers are exact, so chunks change
    nothing.
    """
    queries = len(hits)
    patterns, frequencies = np.unique(hits.reshape(queries, -1), axis=0, return_counts=True)
    random, shares = generator(seed, Purpose.BOOTSTRAP), frequencies / queries
    at_once = max(1, CHUNK_BYTES // (2 * 8 * len(patterns)))  # counts as int64, and as float64 in the product
    right = patterns.astype(np.float64)
    found = np.empty((resamples, right.shape[1]))
    for start in range(0, resamples, at_once):
        part = found[start : start + at_once]
        part[:] = random.multinomial(queries, shares, size=len(part)) @ right
    return (found / queries).reshape(resamples, *hits.shape[1:])


def gains(accuracy: np.ndarray) -> np.ndarray:
    """What each level gains from the dimensions after the first prefix: (D,) from accuracies (J, D)."""
    return np.subtract(accuracy[-1], accuracy[0])


def pairwise_steerability(accuracy: np.ndarray) -> dict[str, float]:
    """S of every pair of levels l < m of accuracies (J, D), as if there were no others (paper, Section 7).

    S_lm = (l@1 - l@J) + (m@J - m@1), the gain of level m over that of level l; so S_02 = S_01 + S_12, and at
    D = 2 S_01 is S. They are called ``S_01``, ``S_02``, ``S_12``.
    """
    gained = gains(accuracy)
    pairs = combinations(range(len(gained)), 2)
    return {f"S_{coarser}{finer}": float(gained[finer] - gained[coarser]) for coarser, finer in pairs}


def monotone_zoom(accuracy: np.ndarray) -> float:
    """Share of adjacent levels of which the finer one gains more from further dimensions; 1 is a clean ramp.

    The paper shows monotone zoom in Figure 10 without a formula; this is ours, for accuracies (J, D >= 2).
    Unlike `s_mono` a tie counts against it.
    """
    return float((np.diff(gains(accuracy)) > 0).mean())


def level_measures(accuracy: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """``gain_L0``, ... of levels, ``S_01``, ... of pairs, and ``monotone_zoom``, of a document's accuracy."""
    table = np.array([list(row.values()) for row in accuracy.values()])
    gained = {f"gain_L{level}": float(gain) for level, gain in enumerate(gains(table))}
    return {**gained, **pairwise_steerability(table), "monotone_zoom": monotone_zoom(table)}
