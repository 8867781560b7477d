"""Directions that tell classes apart, found in closed form from the moments of labelled rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fractalctl.heads.moments import class_means, covariance, filled, fixed_signs

LEAST = 1e-6
"""Deviations within classes by which class means must lie apart before it is more than rounding."""


@dataclass(frozen=True)
class Moments:
    """All that discriminants need to know of rows and their classes, in float64.

    Attributes:
        counts: (K,) rows of each class.
        sums: (K, h) of the rows of each class.
        products: (h, h), the sum of the rows' outer products.
    """

    counts: np.ndarray
    sums: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray, n_classes: int) -> "Moments":
        """Moments of rows (n, h) by labels (n,), read a part at a time."""
        counts = np.bincount(labels, minlength=n_classes).astype(np.float64)
        sums = class_means(features, labels, n_classes) * counts[:, None]
        return cls(counts, sums, covariance(features, np.zeros(features.shape[1])) * len(features))

    def __sub__(self, other: "Moments") -> "Moments":
        """Moments of the rows that are left when others are taken out."""
        return Moments(self.counts - other.counts, self.sums - other.sums, self.products - other.products)

    @property
    def mean(self) -> np.ndarray:
        """Mean (h,) of all rows."""
        total: np.ndarray = self.sums.sum(axis=0) / self.counts.sum()
        return total

    def discriminants(self, width: int, shrinkage: float, residual: float) -> np.ndarray:
        """Project on discriminants, and after them on other directions, whitened within classes.

        Directions in which class means lie apart come first, largest first (Fisher 1936, Rao 1948); in the
        columns that they leave free stand the principal directions of what is at right angles to them.

        Args:
            width: number m of columns.
            shrinkage: weight of a multiple of the identity in the covariance within classes (Friedman 1989).
            residual: factor of the other directions; 0 leaves their columns zero.

        Returns:
            (h, m) for rows less their mean. Zeros where there are fewer directions than columns.
        """
        present = self.counts > 0
        counts, rows = self.counts[present], self.counts.sum()
        offsets = self.sums[present] / counts[:, None] - self.mean
        between = offsets.T @ (offsets * counts[:, None]) / rows
        total = self.products / rows - np.outer(self.mean, self.mean)
        white = whitening(total - between, shrinkage)
        found = separating(np.sqrt(counts / rows)[:, None] * (offsets @ white), ())[:, :width]
        others = np.eye(len(white)) - found @ found.T
        rest = np.linalg.eigh(others @ total @ others)[1][:, ::-1]
        free = min(width, len(white)) - found.shape[1]
        return white @ filled(np.hstack([found, residual * fixed_signs(rest[:, :free])]), width)


def whitening(within: np.ndarray, shrinkage: float) -> np.ndarray:
    """Take the inverse square root (h, h) of a shrunken covariance; the identity where no class varies."""
    width = len(within)
    shrunken = (1 - shrinkage) * within + shrinkage * np.trace(within) / width * np.eye(width)
    values, vectors = np.linalg.eigh(shrunken)
    if not values[-1] > 0:
        return np.eye(width)
    usable = values > LEAST**2 * values[-1]
    found: np.ndarray = (vectors[:, usable] / np.sqrt(values[usable])) @ vectors[:, usable].T
    return found


def separating(offsets: np.ndarray, taken: Sequence[np.ndarray]) -> np.ndarray:
    """Orthonormal directions (h, m) in which offsets (K, h) lie, largest first, at right angles to others."""
    for directions in taken:
        offsets = offsets - offsets @ directions @ directions.T
    _, sizes, found = np.linalg.svd(offsets, full_matrices=False)
    return fixed_signs(found[sizes > LEAST * max(sizes[0], 1)].T)
