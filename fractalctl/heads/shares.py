"""How long the parts of an embedding are: what a prefix weighs in the search that the whole answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SHARES = (0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Of prefixes: among these is chosen."""
LEARNED = (0.5, 0.25)
"""Of the learned numbers in a last part that is learned and given: among these is chosen."""
SHORTLIST = 64
KEPT = 0.99
"""Share of nearest neighbours that a shortlist is to keep."""
REFERENCES, QUERIES = 20_000, 1_000
"""Rows that take part, at most."""


@dataclass(frozen=True)
class Searched:
    """Rows that search, or are searched.

    Attributes:
        parts: of their embeddings, (n, width) each, of unit length.
        finest: (n,) int64, their finest class.
    """

    parts: Sequence["Tensor"]
    finest: "Tensor"


def shares_of(count: int, share: float, learned: float = 1) -> list[float]:
    """Of each part in the squared length, where every prefix has a share of the next longer one.

    Args:
        count: of parts.
        share: of a prefix.
        learned: share of what is learned in the last part; below 1 the rest is given, a part of its own.

    >>> shares_of(3, 0.5), shares_of(2, 0.5, 0.25)
    ([0.25, 0.25, 0.5], [0.5, 0.125, 0.375])
    """
    found = [1.0]
    for _ in range(count - 1):
        found = [found[0] * share, found[0] * (1 - share), *found[1:]]
    return found if learned == 1 else [*found[:-1], found[-1] * learned, found[-1] * (1 - learned)]


def chosen_shares(
    references: Searched, queries: Searched, candidates: Sequence[Sequence[float]], *, shortlisted: bool
) -> Sequence[float]:
    """Of each part, as the whole answers best.

    A query's answer is its nearest reference by the whole; it is right if of the same finest class, and kept
    if fewer than 64 references are as near by the first part alone. Taken are the shares with most answers
    right, for a shortlist of those that keep 99 %, where any do. Of equals the first.

    Args:
        references: rows that are searched.
        queries: rows that search.
        candidates: shares of each part, the better first.
        shortlisted: whether the first part is made to find what the whole would.
    """
    import torch

    if len(queries.parts) == 1:
        return candidates[0]
    pairs = zip(queries.parts, references.parts, strict=True)
    cosines = torch.stack([query @ reference.T for query, reference in pairs])
    answers = []
    for shares in candidates:
        nearest = torch.tensordot(cosines.new_tensor(shares), cosines, dims=1).argmax(dim=1)
        near = cosines[0].gather(1, nearest[:, None])
        kept = float(((cosines[0] >= near).sum(dim=1) <= SHORTLIST).double().mean())
        right = float((references.finest[nearest] == queries.finest).double().mean())
        answers.append((shortlisted and kept >= KEPT, right))
    return candidates[answers.index(max(answers))]
