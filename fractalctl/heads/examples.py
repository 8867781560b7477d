"""Training rows of a feature set, standardised and on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fractalctl.heads.recipe import TrainingRecipe


@dataclass(frozen=True)
class Examples:
    """Training rows of one feature set, standardised, on the device.

    Attributes:
        features: (n, h) float32.
        labels: (n, D) int64.
        mean: (h,) float32 subtracted from the features as stored.
        scale: (h,) float32 multiplied after that.
        classes: number of classes per level.
    """

    features: torch.Tensor
    labels: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor
    classes: tuple[int, ...]


def standardisation(features: np.ndarray, wanted: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and reciprocal standard deviation of each input dimension; a constant dimension keeps scale 1.

    Args:
        features: (n, h) float32.
        wanted: False gives zeros and ones, the identity.

    Returns:
        mean and scale, each (h,) float32, computed in float64.
    """
    width = features.shape[1]
    if not wanted:
        return np.zeros(width, np.float32), np.ones(width, np.float32)
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    scale = np.divide(1.0, deviation, out=np.ones(width), where=deviation > 0)
    return mean.astype(np.float32), scale.astype(np.float32)


def prepare(
    features: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[int],
    recipe: TrainingRecipe,
    device: torch.device,
) -> Examples:
    """Standardise a training split and move it to the device.

    Args:
        features: (n, h) float32 as stored.
        labels: (n, D) integers.
        classes: number of classes per level.
        recipe: says whether to standardise.
        device: where training happens.
    """
    mean, scale = standardisation(features, recipe.standardise)
    standardised = np.subtract(features, mean, dtype=np.float32)
    standardised *= scale
    return Examples(
        torch.from_numpy(standardised).to(device),
        torch.from_numpy(labels.astype(np.int64)).to(device),
        torch.from_numpy(mean),
        torch.from_numpy(scale),
        tuple(classes),
    )
