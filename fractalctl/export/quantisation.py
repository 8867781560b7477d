"""Vectors in fewer bytes, by the schemes that sentence-transformers publishes and databases understand.

``int8`` divides what each dimension ranges over into 256 steps; the ranges are kept, for what is embedded
later must be divided by the same. ``binary`` keeps signs, eight to a byte, the first in the highest bit: what
FAISS calls a binary index, and sentence-transformers ``ubinary``.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fractalctl.export.precision import Precision

Vectors = NDArray[np.float32]
STEPS = 255
SMALLEST_NORM = float(np.finfo(np.float32).tiny)


def unit(vectors: Vectors) -> Vectors:
    """Rows (n, d) float32 at length 1; zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Vectors = vectors / norms.clip(min=SMALLEST_NORM)
    return found


def ranges_of(blocks: Iterable[Vectors]) -> Vectors:
    """The smallest and the largest value of each dimension, (2, d) float32, of rows that come in blocks."""
    low, high = None, None
    for block in blocks:
        least, most = block.min(axis=0), block.max(axis=0)
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    return np.stack([np.asarray(low), np.asarray(high)]).astype(np.float32)


def quantised(vectors: Vectors, precision: Precision, ranges: Vectors | None = None) -> NDArray[np.generic]:
    """Vectors (n, d) float32 in a precision.

    Args:
        vectors: rows.
        precision: float32 is left as it is.
        ranges: (2, d) of `ranges_of`, for int8; what lies outside is put to their ends.
    """
    if precision is Precision.BINARY:
        return np.packbits(vectors > 0, axis=1)
    if precision is not Precision.INT8:
        return vectors.astype(precision.dtype)
    low, high = np.asarray(ranges, dtype=np.float32)
    steps = (high - low) / STEPS
    places = np.floor((vectors - low) / np.where(steps == 0, 1, steps)).clip(0, STEPS)
    return (places - 128).astype(np.int8)
