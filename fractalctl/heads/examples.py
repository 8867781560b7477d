"""Training rows: features as they lie in their file, standardised as they are used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from fractalctl.device import placed
from fractalctl.errors import RequestError
from fractalctl.heads.moments import standardisation
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
    """The training split of a feature set, as `read_examples` makes it available.

    Raises:
        RequestError: the set has no train split.
    """
    needs_training_rows(features)
    classes = [len(names) for names in features.class_names]
    return read_examples(features.features("train"), features.labels("train"), classes, device)


def needs_training_rows(features: FeatureSet) -> None:
    """Make sure that a feature set has a train split.

    Raises:
        RequestError: it has none.
    """
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
        classes: number of classes per level.
        device: where training happens.
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
