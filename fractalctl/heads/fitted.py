"""What fitting comes to: weights and their history for each seed, or the failure of some."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fractalctl.documents.head import EpochRecord
from fractalctl.errors import FractalError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Validate = Callable[["np.ndarray", "np.ndarray"], Sequence[float]]
"""Accuracy at each level, coarsest first, from embeddings (n, d) float32 and labels (n, D) int."""
Weights = dict[str, "Tensor"]


@dataclass(frozen=True)
class Fitted:
    """One seed's outcome.

    Attributes:
        seed: of all that was random.
        weights: float32 tensors by name, on the CPU, in the method's own names.
        history: one record per epoch; empty for a closed form.
        best_epoch: that of the weights, from 1: the first with the highest sum of validation accuracies, or
            the last of a one-cycle schedule. None for a closed form.
    """

    seed: int
    weights: Weights
    history: tuple[EpochRecord, ...] = ()
    best_epoch: int | None = None


class DivergedError(FractalError):
    """The loss of some seeds was no longer a number; the message names each with its step. Exit code 1.

    Attributes:
        fitted: what came out for the other seeds.
    """

    def __init__(self, message: str, fitted: Sequence[Fitted]) -> None:
        super().__init__(message)
        self.fitted = tuple(fitted)

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[str, tuple[Fitted, ...]]]:
        """A worker's error is read where it was asked for; pickling knows the message alone."""
        return type(self), (str(self), self.fitted)
