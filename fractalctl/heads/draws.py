"""Everything random about a run, drawn from its seed alone.

Runs of one seed share these draws whatever their strategy (common random numbers), so that a difference
between strategies is a difference of supervision. A run draws the same numbers alone or in a fleet.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.supervision import Supervision


class Stream(IntEnum):
    """Independent random streams of one seed."""

    INITIALISATION = 0
    HOLDOUT = 1
    EPOCH = 2
    POSITIVES = 3
    DROPOUT = 4


def generator(seed: int, *stream: int) -> np.random.Generator:
    """A generator for one stream of one seed; streams are independent (numpy's SeedSequence)."""
    return np.random.default_rng([seed, *stream])


@dataclass(frozen=True)
class Holdout:
    """Rows of the training split: those trained on, ascending, and those kept for validation, shuffled."""

    training: np.ndarray
    validation: np.ndarray


def hold_out(finest: np.ndarray, share: float, seed: int) -> Holdout:
    """Keep a share of each finest class for validation, at least one row of every class that has two.

    Args:
        finest: (n,) class of each row at the finest level.
        share: between 0 and 1.
        seed: which rows.

    Returns:
        Row numbers, int64. Validation rows are in random order, so that a limit on their number is a sample.
    """
    random = generator(seed, Stream.HOLDOUT)
    order = random.permutation(len(finest))
    by_class = order[np.argsort(finest[order], kind="stable")]
    boundaries = np.flatnonzero(np.diff(finest[by_class])) + 1
    kept = np.zeros(len(finest), dtype=bool)
    for rows in np.split(by_class, boundaries):
        if len(rows) > 1:
            kept[rows[: max(1, int(len(rows) * share))]] = True
    return Holdout(training=np.flatnonzero(~kept), validation=order[kept[order]])


@dataclass(frozen=True)
class EpochDraws:
    """The random choices of one epoch of one run over n rows and J blocks.

    Attributes:
        order: (n,) int64, the rows in the order they are visited.
        prefix: (n,) int64, prefix index 0..J-1 of each visited row.
        keep: (n, J) bool, which blocks of each visited row survive block dropout.
    """

    order: np.ndarray
    prefix: np.ndarray
    keep: np.ndarray


def draw_epoch(
    seed: int, epoch: int, rows: int, supervision: Supervision, recipe: TrainingRecipe
) -> EpochDraws:
    """Draw one epoch: a permutation, a prefix per batch or row, a keep mask per row and block."""
    random = generator(seed, Stream.EPOCH, epoch)
    order = random.permutation(rows)
    per_draw = recipe.batch_size if recipe.prefix_per == "batch" else 1
    uniform = random.random(-(-rows // per_draw))
    steps = np.cumsum(supervision.prefix_probabilities)[:-1]
    prefix = np.searchsorted(steps, uniform, side="right").repeat(per_draw)[:rows]
    keep = random.random((rows, supervision.n_blocks)) < np.asarray(supervision.keep)
    return EpochDraws(order, prefix, keep)


def draw_positives(seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
    """For each row and level another row of the same class, every other one with equal probability.

    Args:
        seed: of the run.
        epoch: from 1.
        labels: (n, D) classes.

    Returns:
        (n, D) int64 rows; a row that is alone in its class stands for itself.
    """
    uniform = generator(seed, Stream.POSITIVES, epoch).random(labels.shape)
    return np.stack(
        [_partners(classes, draws) for classes, draws in zip(labels.T, uniform.T, strict=True)], axis=1
    )


def _partners(classes: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Step from each row to another of its class, which lie side by side once sorted."""
    by_class = np.argsort(classes, kind="stable")
    place = np.argsort(by_class)
    first = np.searchsorted(classes[by_class], classes, side="left")
    size = np.searchsorted(classes[by_class], classes, side="right") - first
    step = 1 + (uniform * (size - 1)).astype(np.int64)
    return by_class[first + (place - first + step) % size]
