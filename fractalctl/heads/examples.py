"""Training rows of a feature set: read and standardised as they are used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from fractalctl.device import placed
from fractalctl.heads.recipe import TrainingRecipe
from store.features import RESIDENT_BYTES, release

ROWS_PER_PASS = 65536
BYTES_PER_FAULT = 2**16
"""What the system maps, at most, when one row of a mapped file is touched."""
ROUNDING = 1e-6
"""Share of the median dimension's deviation up to which a float32 dimension is constant but for rounding."""


@dataclass(frozen=True)
class Examples:
    """Training rows of one feature set.

    On the CPU the features stay in the file that holds them, so that a million rows need no more memory than
    ten thousand; on another device they are a copy.

    Attributes:
        features: (n, h) float32 as stored; never written to.
        labels: (n, D) int64.
        mean: (h,) float32 subtracted from the features as stored.
        scale: (h,) float32 multiplied after that.
        classes: number of classes per level.
        source: the array behind the features on the CPU: a memory map, or all of it in memory.
    """

    features: torch.Tensor
    labels: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor
    classes: tuple[int, ...]
    source: np.ndarray | None = None

    @property
    def input_dimension(self) -> int:
        """h, the length of a feature."""
        return self.features.shape[1]

    @cached_property
    def _is_identity(self) -> bool:
        return not bool(self.mean.any()) and bool((self.scale == 1).all())

    def take(self, rows: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Standardised features (..., h) of rows (...) int64.

        Args:
            rows: of any shape.
            out: room for at least as many rows, (m, h); new memory at every step costs more than the reading.
        """
        flat = rows.reshape(-1)
        taken = None if out is None else out[: len(flat)]
        taken = torch.index_select(self.features, 0, flat, out=taken)
        if not self._is_identity:
            taken.sub_(self.mean).mul_(self.scale)
        return taken.view(*rows.shape, -1)

    @property
    def rows_at_once(self) -> int:
        """Rows after which `release` is due, so that a large file never holds more than it may."""
        small = self.features.nbytes <= RESIDENT_BYTES
        return len(self.features) if small else RESIDENT_BYTES // BYTES_PER_FAULT

    def release(self) -> None:
        """Let go of the memory that reading a large mapped file took."""
        if self.source is not None:
            release(self.source)


def standardisation(features: np.ndarray, wanted: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and reciprocal standard deviation of each input dimension; a constant dimension keeps scale 1.

    Constant is also what varies by rounding alone, as three dimensions of MiniLM do: scaled to unit variance
    they would be noise as loud as the signal.

    Args:
        features: (n, h) float32, read a part at a time.
        wanted: False gives zeros and ones, the identity.

    Returns:
        mean and scale, each (h,) float32, computed in float64.
    """
    n_rows, width = features.shape
    if not wanted:
        return np.zeros(width, np.float32), np.ones(width, np.float32)
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in _parts(features)) / n_rows
    squares = sum(np.square(part - mean).sum(axis=0) for part in _parts(features))
    deviation = np.sqrt(squares / n_rows)
    varies = deviation > ROUNDING * np.median(deviation)
    scale = np.divide(1.0, deviation, out=np.ones(width), where=varies)
    return mean.astype(np.float32), scale.astype(np.float32)


def _parts(features: np.ndarray) -> Iterator[np.ndarray]:
    """All rows, a part at a time, without holding more of a large mapped file than one part."""
    for start in range(0, len(features), ROWS_PER_PASS):
        yield features[start : start + ROWS_PER_PASS]
        release(features)


def prepare(
    features: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[int],
    recipe: TrainingRecipe,
    device: torch.device,
) -> Examples:
    """Find a training split's standardisation and make its rows available on the device.

    Args:
        features: (n, h) float32 as stored; a memory map is read as it is used.
        labels: (n, D) integers.
        classes: number of classes per level.
        recipe: says whether to standardise.
        device: where training happens.
    """
    mean, scale = standardisation(features, recipe.standardise)
    return Examples(
        placed(features, device),
        torch.from_numpy(labels.astype(np.int64)).to(device),
        torch.from_numpy(mean).to(device),
        torch.from_numpy(scale).to(device),
        tuple(classes),
        features if device.type == "cpu" else None,
    )
