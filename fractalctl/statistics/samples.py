"""What every estimator asks of its numbers before it computes: finite, enough of them, paired."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractalctl.errors import RequestError

NOISE = 1e-12
"""Relative size below which a spread is rounding of decimal fractions, not variation."""
LEVEL = 0.95
"""Of confidence, of every interval that does not say another."""


def finite(values: ArrayLike, name: str = "values") -> NDArray[np.float64]:
    """Check a sample and return it as a vector.

    Args:
        values: (n,) numbers.
        name: what to call them in the message.

    Raises:
        RequestError: there is none, or one is not a finite number; the message says which.

    >>> finite([0.5, 1])
    array([0.5, 1. ])
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise RequestError(f"{name}: expected one number per unit, found an array of shape {vector.shape}")
    if not len(vector):
        raise RequestError(f"{name}: expected at least 1 values, found 0")
    wrong = np.flatnonzero(~np.isfinite(vector))
    if len(wrong):
        raise RequestError(
            f"{name}: value {wrong[0] + 1} of {len(vector)} is {vector[wrong[0]]}, not a finite number"
        )
    return vector


def same_length(**samples: ArrayLike) -> list[NDArray[np.float64]]:
    """Check samples that belong together value by value and return them as vectors.

    Raises:
        RequestError: their lengths differ, or one of them is not `finite`.

    >>> same_length(a=[1, 2], b=[3, 4])
    [array([1., 2.]), array([3., 4.])]
    """
    vectors = {name: finite(values, name) for name, values in samples.items()}
    if len({len(vector) for vector in vectors.values()}) > 1:
        lengths = ", ".join(f"{name} has {len(vector)}" for name, vector in vectors.items())
        raise RequestError(f"the values belong together one by one, but {lengths}")
    return list(vectors.values())


def differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Paired differences a - b, freed of the rounding noise of decimal fractions.

    0.3 - 0.1 and 0.2 - 0.0 are equal as decimals but not as binary fractions. Left alone, that noise would
    break ties of ranks and turn a spread of zero into one of 1e-17, so differences are rounded to twelve
    significant digits of the larger operand.

    Raises:
        RequestError: the samples are not paired or not finite.

    >>> differences([0.3, 0.2], [0.1, 0.0])
    array([0.2, 0.2])
    """
    first, second = same_length(a=a, b=b)
    largest = max(np.abs(first).max(), np.abs(second).max())
    if largest == 0:
        return first - second
    digits = 12 - int(np.floor(np.log10(largest)))
    return np.asarray([round(float(value), digits) for value in first - second])


def is_constant(values: NDArray[np.float64]) -> bool:
    """Whether the values vary by no more than rounding does."""
    return bool(np.ptp(values) <= NOISE * np.abs(values).max())
