"""Nearest neighbours at every prefix length of any head, nested or not."""

from collections.abc import Sequence

import numpy as np
import torch

from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.neighbours import nearest


def nearest_at_prefixes(
    queries: Prefixes | None,
    reference: Prefixes,
    dims: Sequence[int],
    k: int,
    device: torch.device | None = None,
) -> np.ndarray:
    """The k nearest reference rows of each query at every length, as `neighbours.nearest` finds them.

    Prefixes share one pass over their blocks; a full embedding that is not its blocks takes its own.

    Args:
        queries: of q rows; None asks for each reference row's neighbours among the others.
        reference: of n rows.
        dims: ascending prefix lengths, at most d.
        k: how many.
        device: where the products are computed; None is the CPU.

    Returns:
        (q, len(dims), k) int64 reference rows, nearest first.
    """

    def pass_over(part: str, lengths: Sequence[int]) -> np.ndarray:
        asked = None if queries is None else getattr(queries, part)
        return nearest(asked, getattr(reference, part), lengths, k, device)

    length = reference.full.shape[1]
    if reference.is_nested or dims[-1] < length:
        return pass_over("blocks", dims)
    if len(dims) == 1:
        return pass_over("full", dims)
    return np.concatenate([pass_over("blocks", dims[:-1]), pass_over("full", [length])], axis=1)
