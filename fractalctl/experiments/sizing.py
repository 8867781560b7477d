"""Lengths of embeddings from the data: for each level the shortest that answers it."""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from fractalctl.documents.head import Capacity
from fractalctl.errors import RequestError
from fractalctl.experiments.calibration import K
from fractalctl.heads.draws import hold_out
from fractalctl.heads.moments import Moments
from fractalctl.measures.neighbours import nearest, predictions
from store import FeatureSet
from store.features import release

LENGTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Among these, as far as features are as long, is chosen."""
SHARE = 0.15
SEED = 0
"""Of the hold-out, that of `fractalctl.experiments.tuning` and of no head that is asked for by default."""
SHRINKAGE, RESIDUAL = 0.1, 0.3
"""Of the discriminants, as `zoom` has them."""
QUERIES, REFERENCES = 2_000, 50_000
"""Held-out rows that ask, and rows that answer, at most."""


def size_lengths(features: FeatureSet) -> Capacity:
    """Find for each level the shortest length at which held-out training rows are answered as well as ever.

    At each length a level is answered by the first discriminants of its classes, which are in closed form
    (`fractalctl.heads.moments.Moments.discriminants`): the curve of accuracy over length is the level's
    capacity curve (paper, Section 6), and needs no training. Of each curve the shortest length is taken that
    is within one standard error of the best (Breiman et al. 1984, Section 3.4.3), and lengths ascend with the
    levels. Test rows have no part.

    Args:
        features: has a train split, read once for each level.

    Raises:
        RequestError: every class has a single training row, or features are too short for so many levels.
    """
    rows, labels = features.features("train"), np.asarray(features.labels("train"))
    held = hold_out(labels[:, -1], SHARE, SEED)
    if not len(held.validation):
        raise RequestError("--dims auto: every class has a single training row, so none can be held out")
    lengths = [length for length in LENGTHS if length <= features.dimension] or [features.dimension]
    asking, answering = held.validation[:QUERIES], held.training[:: -(-len(held.training) // REFERENCES)]
    reference, queries = rows[answering], rows[np.sort(asking)]
    release(rows)
    curves = [
        _curve(reference, level[answering], queries, level[np.sort(asking)], lengths) for level in labels.T
    ]
    return Capacity(
        seed=SEED,
        rows=len(asking),
        errors=[_error(curve, len(asking)) for curve in curves],
        accuracy=[dict(zip(map(str, lengths), curve, strict=True)) for curve in curves],
        chosen=_ascending([_shortest(lengths, curve, len(asking)) for curve in curves], lengths),
    )


def _curve(
    reference: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray,
    expected: np.ndarray,
    lengths: Sequence[int],
) -> list[float]:
    """Accuracy of one level at each length."""
    moments = Moments.of(reference, labels, int(labels.max()) + 1)
    projection = moments.discriminants(lengths[-1], SHRINKAGE, RESIDUAL)
    found, asked = (((rows - moments.mean) @ projection).astype(np.float32) for rows in (reference, queries))
    voted = predictions(nearest(asked, found, lengths, min(K, len(found))), labels[:, None])[:, :, 0]
    return [float(share) for share in (voted == expected[:, None]).mean(axis=0)]


def _error(curve: Sequence[float], rows: int) -> float:
    """Standard error of the best accuracy, a binomial share."""
    return sqrt(max(curve) * (1 - max(curve)) / rows)


def _shortest(lengths: Sequence[int], curve: Sequence[float], rows: int) -> int:
    least = max(curve) - _error(curve, rows)
    return next(length for length, value in zip(lengths, curve, strict=True) if value >= least)


def _ascending(wanted: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Each as long as is wanted, and longer than the one before it."""
    found: list[int] = []
    for length in wanted:
        longer = [one for one in lengths if one >= length and (not found or one > found[-1])]
        if not longer:
            raise RequestError(
                f"--dims auto: features of {lengths[-1]} numbers have no lengths for {len(wanted)} levels; "
                "name them: --dims 8,16,32"
            )
        found.append(longer[0])
    return found
