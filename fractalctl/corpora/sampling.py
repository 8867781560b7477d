"""Which rows are held out as test and which are sampled."""

import numpy as np
from numpy.typing import NDArray

from fractalctl.randomness import Purpose, generator

EDITION = 2
"""Raised whenever the same seed would choose other rows; part of the identity of feature sets."""
HELD_OUT_PART = 5
"""One row in so many is held out as test where the source has no test split."""


def held_out(classes: NDArray[np.int32], seed: int) -> NDArray[np.bool_]:
    """Choose a stratified fifth of the rows as test.

    Rows are put in order of their class, at random within a class, and every fifth one is taken. As class
    ids follow the tree, this is proportional at all levels at once, to within one row a class. A class
    with a single row keeps it for training.

    Args:
        classes: (n,) int32 finest class of each row.
        seed: of the random order.

    Returns:
        (n,) bool, True for the rows that are held out.
    """
    random = generator(seed, Purpose.CORPUS_SPLIT)
    order = np.lexsort((random.permutation(len(classes)), classes))
    order = order[np.bincount(classes)[classes[order]] > 1]
    chosen = np.zeros(len(classes), np.bool_)
    chosen[order[random.integers(HELD_OUT_PART) :: HELD_OUT_PART]] = True
    return chosen


def sample(rows: int, size: int | None, split: int, seed: int) -> NDArray[np.int64]:
    """Choose rows of a split and their order.

    Args:
        rows: number of rows n.
        size: how many to draw without replacement; None keeps all in source order. The rows come in the
            random order of the draw, even when ``size`` >= n, and a smaller sample is the beginning of a
            larger one.
        split: number of the split, so that splits are drawn independently.
        seed: of the draw.

    Returns:
        (min(n, size),) int64 row numbers.
    """
    if size is None:
        return np.arange(rows)
    return generator(seed, Purpose.CORPUS_SAMPLE, split).permutation(rows)[:size]
