"""When an answer of an index is sure, and when a text belongs to none of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fractalctl.documents.exported import Calibration, LevelThreshold, Outside
from fractalctl.heads.examples import hold_out
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.heads.settings import TrainingSettings
from fractalctl.measures.neighbours import vote
from fractalctl.measures.search import Reference
from store import FeatureSet

K = 5
RECALL = 0.95
SAMPLE = 0.15
"""Share of the training rows by which a head is calibrated that was fitted to all of them."""
ROUNDING = 1e-9
Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


def level_lengths(lengths: Sequence[int], n_levels: int) -> tuple[int, ...]:
    """At which of some lengths each level is asked: the coarsest at the shortest, the finest at the longest.

    >>> level_lengths([64, 128, 256], 2), level_lengths([64, 256], 3)
    ((64, 256), (64, 256, 256))
    """
    last = max(n_levels - 1, 1)
    return tuple(lengths[ceil(level * (len(lengths) - 1) / last)] for level in range(n_levels))


def margins(labels: NDArray[np.int64]) -> Scores:
    """Votes of the first class less those of the second, as a share of all votes (q, k): (q,)."""
    counts = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    first = counts.max(axis=1)
    winner = vote(labels, int(labels.max()) + 1)
    others = np.where(labels == winner[:, None], 0, counts)
    found: Scores = (first - others.max(axis=1)) / labels.shape[1]
    return found


def least_margin(margin: Scores, right: NDArray[np.bool_], error: float) -> tuple[float | None, float, float]:
    """The least margin above which at most a share of the answers is wrong.

    Args:
        margin: (n,) of answers.
        right: (n,) whether each is right.

    Returns the margin, None where there is none; the share of answers that reach it; the share of wrong ones
    among these.
    """
    for least in np.unique(margin):
        taken = margin >= least
        wrong = float(1 - right[taken].mean())
        if wrong <= error:
            return float(least), float(taken.mean()), wrong
    return None, 0.0, 0.0


@dataclass(frozen=True)
class _Asked:
    """Rows of known class, and what they find."""

    source: str
    labels: NDArray[np.int64]
    found: dict[int, Rows]
    nearness: dict[int, Scores]


def calibrate(reference: Reference, lengths: Sequence[int], error: float) -> Calibration:
    """Find thresholds on rows of known class.

    Args:
        reference: an index, or anything that is asked like one.
        lengths: ascending; every one has a threshold of nearness.
        error: share of answers at a level that may be wrong where they are taken for sure.
    """
    asked = _ask(reference, lengths)
    levels = []
    for level, length in enumerate(level_lengths(lengths, reference.labels.shape[1])):
        votes = reference.labels[:, level].astype(np.int64)[asked.found[length]]
        winner = vote(votes, int(reference.labels[:, level].max()) + 1)
        margin, answered, wrong = least_margin(margins(votes), winner == asked.labels[:, level], error)
        levels.append(LevelThreshold(length=length, margin=margin, answered=answered, error=wrong))
    return Calibration(
        source=asked.source,
        n_rows=len(asked.labels),
        k=K,
        error=error,
        levels=levels,
        recall=RECALL,
        nearness={str(d): _threshold(found) for d, found in asked.nearness.items()},
    )


def _threshold(nearness: Scores) -> float:
    """The most that at least the share `RECALL` of rows reaches."""
    kept = ceil(RECALL * len(nearness) - ROUNDING)
    return float(np.sort(nearness)[-kept])


def _ask(reference: Reference, lengths: Sequence[int]) -> _Asked:
    """Validation rows ask; where there are none, some training rows ask all others."""
    features = reference.features
    if "validation" in features.splits:
        queries = reference.embed(features.features("validation"))
        found = {d: reference.nearest(queries, [d], K)[:, 0] for d in lengths}
        nearness = {d: reference.cosines(queries, rows, d)[:, -1] for d, rows in found.items()}
        return _Asked("validation", features.labels("validation").astype(np.int64), found, nearness)
    rows, fitted = _some_training_rows(reference.head, reference.labels)
    queries = reference.embed(features.features("train")[rows])
    found = {d: _others(reference.nearest(queries, [d], K + 1)[:, 0], rows) for d in lengths}
    nearness = {d: reference.cosines(queries, others, d)[:, -1] for d, others in found.items()}
    labels = reference.labels[rows].astype(np.int64)
    return _Asked("training" if fitted else "held-out", labels, found, nearness)


def _some_training_rows(head: Head, labels: NDArray[np.int32]) -> tuple[Rows, bool]:
    """Those that the head was not fitted to, else a sample; and whether it was fitted to them."""
    settings = head.settings
    if not isinstance(settings, TrainingSettings):
        return np.sort(hold_out(labels[:, -1], SAMPLE, head.seed).validation), True
    seed = head.seed if settings.holdout_seed is None else settings.holdout_seed
    return np.sort(hold_out(labels[:, -1], settings.holdout, seed).validation), False


def _others(found: Rows, own: Rows) -> Rows:
    """Found rows (q, k + 1) without the row that asked; without the last where it was not found."""
    is_own = found == own[:, None]
    is_own[~is_own.any(axis=1), -1] = True
    return found[~is_own].reshape(len(found), -1)


@dataclass(frozen=True)
class Decision:
    """What a query is said to be.

    Attributes:
        level: the level that is answered, 0 the coarsest.
        labels: class names down to that level.
        margin: of the votes there.
        sure: whether the margin reaches the threshold.
        inside: whether the query is as near to the corpus as its own rows are.
        nearness: cosine to the k-th neighbour at that level's length.
    """

    level: int
    labels: tuple[str, ...]
    margin: float
    sure: bool
    inside: bool
    nearness: float


def decide(
    reference: Reference, queries: Prefixes, calibration: Calibration, level: int | None = None
) -> list[Decision]:
    """Answer queries at a level, or each at the finest one that is sure; where none is, at the coarsest.

    Args:
        level: the one that is asked for; None for the finest that is sure.
    """
    lengths = sorted({one.length for one in calibration.levels})
    found = {d: reference.nearest(queries, [d], calibration.k)[:, 0] for d in lengths}
    near = {d: reference.cosines(queries, rows, d)[:, -1] for d, rows in found.items()}
    winners, sureness = [], []
    for number, one in enumerate(calibration.levels):
        votes = reference.labels[:, number].astype(np.int64)[found[one.length]]
        winners.append(vote(votes, int(reference.labels[:, number].max()) + 1))
        sureness.append(margins(votes))
    least = [np.inf if one.margin is None else one.margin for one in calibration.levels]
    sure = np.stack(sureness, axis=1) >= least
    finest = (sure * np.arange(len(least))).max(axis=1)
    decisions = []
    for query, usual in enumerate(finest.tolist()):
        chosen = usual if level is None else level
        length = calibration.levels[chosen].length
        nearness = float(near[length][query])
        labels = _path(reference.features, chosen, int(winners[chosen][query]))
        margin, enough = float(sureness[chosen][query]), bool(sure[query, chosen])
        inside = nearness >= calibration.nearness[str(length)]
        decisions.append(Decision(chosen, labels, margin, enough, inside, nearness))
    return decisions


def _path(features: FeatureSet, level: int, kind: int) -> tuple[str, ...]:
    """Names of a class at a level and of those above it, coarsest first."""
    names = [features.class_names[level][kind]]
    for above in range(level - 1, -1, -1):
        kind = int(features.parents[above][kind])
        names.insert(0, features.class_names[above][kind])
    return tuple(names)


def told_apart(
    reference: Reference, calibration: Calibration, outside: Prefixes, lengths: Sequence[int]
) -> dict[str, Outside]:
    """How nearness tells outside texts from the test rows, by length.

    Args:
        reference: that was calibrated; its feature set has test rows.
        outside: embeddings of texts that belong to no class.
    """
    from sklearn.metrics import roc_auc_score

    inside = reference.embed(reference.features.features("test"))
    result = {}
    for length in lengths:
        own, other = (nearness_of(reference, asked, length, calibration.k) for asked in (inside, outside))
        truth = np.repeat([1, 0], [len(own), len(other)])
        least = calibration.nearness[str(length)]
        result[str(length)] = Outside(
            auroc=float(roc_auc_score(truth, np.concatenate([own, other]))),
            accepted=float((other >= least).mean()),
            recall=float((own >= least).mean()),
            error_at_95=float((other >= _threshold(own)).mean()),
        )
    return result


def nearness_of(reference: Reference, queries: Prefixes, length: int, k: int) -> Scores:
    """Cosine of each query to its k-th neighbour at a length."""
    found = reference.nearest(queries, [length], k)[:, 0]
    nearness: Scores = reference.cosines(queries, found, length)[:, -1]
    return nearness
