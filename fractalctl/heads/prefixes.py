"""Embeddings at every prefix length."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fractalctl.heads.method import Method, Weights
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
    """

    blocks: np.ndarray
    full: np.ndarray
    is_nested: bool = False

    @classmethod
    def nested(cls, embedding: np.ndarray) -> "Prefixes":
        """Embeddings (n, d) whose prefixes are their own first columns."""
        return cls(embedding, embedding, is_nested=True)

    def at(self, dimension: int) -> np.ndarray:
        """Embeddings (n, dimension) of one length."""
        return self.full if dimension == self.full.shape[1] else self.blocks[:, :dimension]

    def take(self, rows: np.ndarray) -> "Prefixes":
        """The same of some rows, by number or mask."""
        if self.is_nested:
            return Prefixes.nested(self.blocks[rows])
        return Prefixes(self.blocks[rows], self.full[rows])


def embed(
    method: Method,
    settings: Any,
    weights: Weights,
    features: np.ndarray,
    device: torch.device | None = None,
) -> Prefixes:
    """Embeddings of features (n, h) float32, as the backbone gave them, a part at a time.

    Args:
        method: that fitted the weights.
        settings: of that method.
        weights: by name.
        features: a memory map is read as it is used.
        device: where to compute; None is the CPU.
    """
    place, nested = device or torch.device("cpu"), method.nested(settings)
    placed = {name: tensor.to(place) for name, tensor in weights.items()}
    blocks = np.empty((len(features), settings.dimension), dtype=np.float32)
    full = blocks if nested else np.empty_like(blocks)
    for start in range(0, len(features), ROWS_PER_PASS):
        part = slice(start, start + ROWS_PER_PASS)
        rows = torch.from_numpy(np.array(features[part], dtype=np.float32)).to(place)
        found, whole = method.embed(placed, rows, settings)
        blocks[part] = found.cpu().numpy()
        if not nested:
            full[part] = whole.cpu().numpy()
        release(features)
    return Prefixes(blocks, full, is_nested=nested)
