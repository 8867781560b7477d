"""Embeddings at every prefix length."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prefixes:
    """What a head makes of some rows: a full embedding, and blocks whose first columns are its prefixes.

    A head is *nested* when the full embedding is the blocks themselves, as the linear head's is; the fractal
    head normalises the full one once more. A prefix is not of unit length: cut first, then normalise.

    Attributes:
        blocks: (n, d) float32; the first columns are the prefix of that length, for lengths below d.
        full: (n, d) float32, the embedding at length d.
    """

    blocks: np.ndarray
    full: np.ndarray

    @classmethod
    def nested(cls, embedding: np.ndarray) -> "Prefixes":
        """Embeddings (n, d) whose prefixes are their own first columns."""
        return cls(embedding, embedding)

    @property
    def is_nested(self) -> bool:
        """Whether the full embedding is the blocks themselves."""
        return self.blocks is self.full

    def at(self, dimension: int) -> np.ndarray:
        """Embeddings (n, dimension) of one length."""
        return self.full if dimension == self.full.shape[1] else self.blocks[:, :dimension]
