"""Training rows, standardised as they are used, and everything random about a run, drawn from its seed alone.

Features lie as they are in their file. Runs of one seed share draws whatever their strategy (common random
numbers), so that a difference between strategies is a difference of supervision. A run draws the same numbers
alone or in a fleet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from fractalctl.device import placed
from fractalctl.errors import RequestError
from fractalctl.heads.moments import standardisation
from fractalctl.heads.settings import TrainingSettings
from fractalctl.heads.terms import Objective
from fractalctl.randomness import Purpose, generator
from store import FeatureSet
from store.features import RESIDENT_BYTES, release

BYTES_PER_FAULT = 2**16
"""What the system maps, at most, when one row of a mapped file is touched."""


@dataclass(frozen=True)
class Examples:
    """Training rows of one feature set, and where their features come from.

    On the CPU the features stay in the file that holds them, so that a million rows need no more memory than
    ten thousand; on another device they are a copy.

    Attributes:
        features: (n, h) float32 as stored; never written to.
        labels: (n, D) int64.
        classes: number of classes per level.
        source: the array behind the features: a memory map, or all of it in memory.
        mean: (h,) float32 subtracted from the features as stored.
        scale: (h,) float32 multiplied after that.
    """

    features: torch.Tensor
    labels: torch.Tensor
    classes: tuple[int, ...]
    source: np.ndarray
    mean: torch.Tensor
    scale: torch.Tensor

    @property
    def parameters(self) -> Mapping[str, torch.Tensor]:
        """What is trained of the source of the features beside a head: nothing, for they are frozen."""
        return {}

    @property
    def rate(self) -> float:
        """Peak learning rate of `parameters`."""
        return 0.0

    @property
    def device(self) -> torch.device:
        """Where training happens."""
        return self.labels.device

    @property
    def input_dimension(self) -> int:
        """h, the length of a feature."""
        return len(self.mean)

    def standardised(self) -> "Examples":
        """The same rows, each input dimension centred and scaled to unit variance."""
        return self._standardised

    @cached_property
    def _standardised(self) -> "Examples":
        mean, scale = (torch.from_numpy(array).to(self.device) for array in standardisation(self.source))
        return replace(self, mean=mean, scale=scale)

    @cached_property
    def _is_identity(self) -> bool:
        return not bool(self.mean.any()) and bool((self.scale == 1).all())

    def take(self, rows: torch.Tensor, room: torch.Tensor | None = None) -> torch.Tensor:
        """Standardised features (..., h) of rows (...) int64.

        Args:
            rows: of any shape.
            room: for at least as many rows, (m, h); new memory at every step costs more than the reading.
        """
        flat = rows.reshape(-1)
        taken = torch.index_select(self.features, 0, flat, out=None if room is None else room[: len(flat)])
        if not self._is_identity:
            taken.sub_(self.mean).mul_(self.scale)
        return taken.view(*rows.shape, -1)

    def room(self, rows: int) -> torch.Tensor | None:
        """What `take` may write its rows to."""
        return self.features.new_empty(rows, self.input_dimension)

    @property
    def rows_at_once(self) -> int:
        """Rows after which `release` is due, so that a large file never holds more than it may."""
        small = self.features.nbytes <= RESIDENT_BYTES
        return len(self.features) if small else RESIDENT_BYTES // BYTES_PER_FAULT

    def release(self) -> None:
        """Let go of the memory that reading a large mapped file took."""
        release(self.source)

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of `parameters`."""
        return {}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Put what `state` gave back."""


def training_examples(features: FeatureSet, device: torch.device) -> Examples:
    """A feature set's training split, see `read_examples`; RequestError if there is none."""
    needs_training_rows(features)
    classes = [len(names) for names in features.class_names]
    return read_examples(features.features("train"), features.labels("train"), classes, device)


def needs_training_rows(features: FeatureSet) -> None:
    """Make sure that a feature set has a train split; RequestError if it has none."""
    if "train" not in features.splits:
        raise RequestError(f"{features.path}: has no train split, only {', '.join(features.splits)}")


def read_examples(
    features: np.ndarray, labels: np.ndarray, classes: Sequence[int], device: torch.device
) -> Examples:
    """Make a training split's rows available on a device, as they are stored.

    Args:
        features: (n, h) float32; a small memory map is read now, so that nothing done to its file meanwhile
            can end the process, a large one as it is used.
        labels: (n, D) integers.
    """
    if isinstance(features, np.memmap) and features.nbytes <= RESIDENT_BYTES:
        features = np.array(features)
    return Examples(
        features=placed(features, device),
        labels=torch.from_numpy(labels.astype(np.int64)).to(device),
        classes=tuple(classes),
        source=features,
        mean=torch.zeros(features.shape[1], device=device),
        scale=torch.ones(features.shape[1], device=device),
    )


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
    """The hold-out of one run: its own, or the settings'; RequestError if every class has a single row."""
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
        labels: (n, D) classes.

    Returns (n, D) int64 rows; a row that is alone in its class stands for itself.
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
