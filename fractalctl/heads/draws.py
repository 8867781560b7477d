"""Everything random about a run, drawn from its seed alone.

Runs of one seed share these draws whatever their strategy (common random numbers), so that a difference
between strategies is a difference of supervision. A run draws the same numbers alone or in a fleet.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fractalctl.errors import RequestError
from fractalctl.heads.settings import TrainingSettings
from fractalctl.heads.terms import Objective
from fractalctl.randomness import Purpose, generator

if TYPE_CHECKING:
    from fractalctl.heads.examples import Examples


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
    order = generator(seed, Purpose.HOLDOUT).permutation(len(finest))
    by_class = order[np.argsort(finest[order], kind="stable")]
    boundaries = np.flatnonzero(np.diff(finest[by_class])) + 1
    kept = np.zeros(len(finest), dtype=bool)
    for rows in np.split(by_class, boundaries):
        if len(rows) > 1:
            kept[rows[: max(1, int(len(rows) * share))]] = True
    return Holdout(training=np.flatnonzero(~kept), validation=order[kept[order]])


def held_out(examples: "Examples", settings: TrainingSettings, seed: int) -> Holdout:
    """The hold-out of one run: its own, or that of the settings' ``holdout_seed``.

    Raises:
        RequestError: every class has a single row.
    """
    chosen = seed if settings.holdout_seed is None else settings.holdout_seed
    found = hold_out(examples.labels[:, -1].cpu().numpy(), settings.holdout, chosen)
    if not len(found.validation):
        raise RequestError("every class has a single training row, so none can be held out for validation")
    return found


@dataclass(frozen=True)
class EpochDraws:
    """The random choices of one epoch of one run over n rows and J blocks.

    Attributes:
        order: (n,) int64, the rows in the order they are visited.
        prefix: (n,) int64, prefix index 0..J-1 of each visited row; zeros where no prefix is drawn.
        keep: (n, J) bool, which blocks of each visited row survive block dropout.
    """

    order: np.ndarray
    prefix: np.ndarray
    keep: np.ndarray


def draw_epoch(
    seed: int, epoch: int, rows: int, objective: Objective, settings: TrainingSettings
) -> EpochDraws:
    """Draw one epoch: a permutation, a prefix per batch or row, a keep mask per row and block."""
    random = generator(seed, Purpose.EPOCH, epoch)
    order = random.permutation(rows)
    per_draw = settings.batch_size if settings.prefix_per == "batch" else 1
    uniform = random.random(-(-rows // per_draw))
    steps = np.cumsum(objective.prefix_probabilities)[:-1]
    prefix = np.searchsorted(steps, uniform, side="right").repeat(per_draw)[:rows]
    kept = objective.keep or (1.0,) * settings.n_blocks
    keep = random.random((rows, settings.n_blocks)) < np.asarray(kept)
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
    uniform = generator(seed, Purpose.POSITIVES, epoch).random(labels.shape)
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
    partners: np.ndarray = by_class[first + (place - first + step) % size]
    return partners
