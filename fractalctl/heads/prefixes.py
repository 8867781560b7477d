"""Embeddings at every prefix length."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from fractalctl.heads.fitted import Weights
from fractalctl.heads.method import Method
from store.features import release

ROWS_PER_PASS = 8192


@dataclass(frozen=True)
class Prefixes:
    """What a head makes of some rows: a full embedding, and blocks whose first columns are its prefixes.

    A prefix is not of unit length: cut first, then normalise.

    Attributes:
        blocks: (n, d) float32; the first columns are the prefix of that length, for lengths below d.
        full: (n, d) float32, the embedding at length d.
        is_nested: whether the full embedding is the blocks themselves, as the method says.
        coded: the longest length d where both are sparse codes (n, H); None where they are not. A vector of a
            length is then the code's largest numbers, as many as its bytes hold, in their places among H.
    """

    blocks: np.ndarray
    full: np.ndarray
    is_nested: bool = False
    coded: int | None = None
    _cut: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def nested(cls, embedding: np.ndarray) -> "Prefixes":
        """Embeddings (n, d) whose prefixes are their own first columns."""
        return cls(embedding, embedding, is_nested=True)

    @property
    def length(self) -> int:
        """The longest length, d."""
        return self.coded or self.full.shape[1]

    def at(self, dimension: int) -> np.ndarray:
        """Embeddings (n, dimension) of one length; (n, H) of sparse codes, see `active`."""
        if dimension == self.length:
            return self.full
        if self.coded and dimension not in self._cut:
            self._cut[dimension] = largest(self.full, active(dimension))
        return self._cut[dimension] if self.coded else self.blocks[:, :dimension]

    def take(self, rows: np.ndarray) -> "Prefixes":
        """The same of some rows, by number or mask."""
        if self.is_nested:
            return Prefixes.nested(self.blocks[rows])
        if self.coded:
            codes = self.full[rows]
            return Prefixes(codes, codes, coded=self.coded)
        return Prefixes(self.blocks[rows], self.full[rows])


def embed(
    method: Method, settings: Any, weights: Weights, features: np.ndarray, device: torch.device | None = None
) -> Prefixes:
    """Embeddings of features (n, h) float32, as the backbone gave them, a part at a time.

    Args:
        features: a memory map is read as it is used.
    """
    place, width = device or torch.device("cpu"), method.code(settings)
    coded, nested = settings.dimension if width else None, method.nested(settings)
    placed = {name: tensor.to(place) for name, tensor in weights.items()}
    blocks = np.empty((len(features), width or settings.dimension), dtype=np.float32)
    full = blocks if nested or coded else np.empty_like(blocks)
    for start in range(0, len(features), ROWS_PER_PASS):
        part = slice(start, start + ROWS_PER_PASS)
        rows = torch.from_numpy(np.array(features[part], dtype=np.float32)).to(place)
        found, whole = method.embed(placed, rows, settings)
        blocks[part] = found.cpu().numpy()
        if full is not blocks:
            full[part] = whole.cpu().numpy()
        release(features)
    return Prefixes(blocks, full, nested, coded)


def active(dimension: int) -> int:
    """Numbers of a sparse code, 4 bytes and 2 for the place, in the bytes of so many dense ones; 1 at least.

    >>> active(64), active(256), active(1)
    (42, 170, 1)
    """
    return max(1, 4 * dimension // 6)


def largest(codes: np.ndarray, k: int) -> np.ndarray:
    """Codes (n, H) with all but the k largest numbers of each row set to zero."""
    kept = np.zeros_like(codes)
    places = np.argpartition(codes, -k, axis=1)[:, -k:]
    np.put_along_axis(kept, places, np.take_along_axis(codes, places, axis=1), axis=1)
    return kept
