"""Means and covariances of many rows, read a part at a time, and what follows from them in closed form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from store.features import release

ROWS_PER_PASS = 65536
ROUNDING = 1e-6
"""Share of the median dimension's deviation up to which a float32 dimension is constant but for rounding."""
LEAST = 1e-6
"""Deviations within classes by which class means must lie apart before it is more than rounding."""


def parts(features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """All rows (n, h) as float64, a part at a time with its place; a large mapped file is released."""
    for start in range(0, len(features), ROWS_PER_PASS):
        place = slice(start, start + ROWS_PER_PASS)
        yield place, features[place].astype(np.float64)
        release(features)


def mean_of(features: np.ndarray) -> np.ndarray:
    """Mean (h,) of rows."""
    total = np.zeros(features.shape[1])
    for _, rows in parts(features):
        total += rows.sum(axis=0)
    return total / len(features)


def standardisation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and reciprocal standard deviation of each input dimension; a constant dimension keeps scale 1.

    Constant is also what varies by rounding alone, as three dimensions of MiniLM do: scaled to unit variance
    they would be noise as loud as the signal.

    Args:
        features: (n, h) float32.

    Returns mean and scale, each (h,) float32.
    """
    mean = mean_of(features)
    squares = np.zeros_like(mean)
    for _, rows in parts(features):
        squares += np.square(rows - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(features))
    varies = deviation > ROUNDING * np.median(deviation)
    scale = np.divide(1.0, deviation, out=np.ones(len(mean)), where=varies)
    return mean.astype(np.float32), scale.astype(np.float32)


def covariance(features: np.ndarray, centres: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Covariance (h, h) of rows (n, h) about their centres, divided by n.

    Args:
        centres: (h,) of all rows, or (K, h) of groups of rows.
        groups: (n,) group of each row, where centres are of groups.
    """
    total = np.zeros((features.shape[1],) * 2)
    for place, rows in parts(features):
        rows -= centres if groups is None else centres[groups[place]]
        total += rows.T @ rows
    return total / len(features)


def principal_directions(features: np.ndarray, count: int) -> np.ndarray:
    """Principal directions (h, count) of rows (n, h), largest variance first, zeros where there are fewer."""
    vectors = np.linalg.eigh(covariance(features, mean_of(features)))[1][:, ::-1]
    return filled(fixed_signs(vectors), count)


def class_means(features: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Mean (K, h) of the rows of each class by labels (n,); zeros for a class without rows."""
    sums = np.zeros((n_classes, features.shape[1]))
    for place, rows in parts(features):
        order = np.argsort(labels[place], kind="stable")
        present, starts = np.unique(labels[place][order], return_index=True)
        sums[present] += np.add.reduceat(rows[order], starts, axis=0)
    return sums / np.maximum(np.bincount(labels, minlength=n_classes), 1)[:, None]


def fixed_signs(vectors: np.ndarray) -> np.ndarray:
    """Columns turned so that the entry of largest size is positive: an eigenvector's sign is arbitrary."""
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return vectors * np.where(largest < 0, -1.0, 1.0)


def filled(vectors: np.ndarray, columns: int) -> np.ndarray:
    """The first columns of a matrix, zeros after them where it has fewer."""
    return np.pad(vectors[:, :columns], ((0, 0), (0, max(0, columns - vectors.shape[1]))))


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

        Returns (h, m) for rows less their mean. Zeros where there are fewer directions than columns.
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
