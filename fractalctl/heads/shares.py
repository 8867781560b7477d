"""How long the parts of an embedding are: what a prefix weighs in the search that the whole answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SHARES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
"""Among these is chosen."""
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


def shares_of(count: int, share: float, *, given: bool) -> list[float]:
    """Of each part in the squared length, where every prefix has a share of the next longer one.

    Args:
        count: of parts.
        share: of a prefix.
        given: whether the last part is two, one learned and one given, which share equally.

    >>> shares_of(3, 0.5, given=False), shares_of(2, 0.5, given=True)
    ([0.25, 0.25, 0.5], [0.5, 0.25, 0.25])
    """
    found = [1.0]
    for _ in range(count - 1):
        found = [found[0] * share, found[0] * (1 - share), *found[1:]]
    return [*found[:-1], found[-1] / 2, found[-1] / 2] if given else found


def chosen_share(
    references: Searched,
    queries: Searched,
    shares: Callable[[float], Sequence[float]],
    *,
    shortlisted: bool,
) -> float:
    """The share of prefixes with which the whole answers best.

    A query's answer is its nearest reference by the whole; it is right if of the same finest class, and kept
    if fewer than 64 references are as near by the first part alone. Taken is the share with most answers
    right, for a shortlist of those that keep 99 %, where any does. Of equals the largest, which keeps most.

    Args:
        references: rows that are searched.
        queries: rows that search.
        shares: gives the share of each part for one of prefixes.
        shortlisted: whether the first part is made to find what the whole would.
    """
    import torch

    if len(queries.parts) == 1:
        return SHARES[-1]
    pairs = zip(queries.parts, references.parts, strict=True)
    cosines = torch.stack([query @ reference.T for query, reference in pairs])
    answers = []
    for share in SHARES:
        whole = torch.tensordot(cosines.new_tensor(shares(share)), cosines, dims=1)
        nearest = whole.argmax(dim=1)
        near = cosines[0].gather(1, nearest[:, None])
        kept = ((cosines[0] >= near).sum(dim=1) <= SHORTLIST).double().mean()
        right = (references.finest[nearest] == queries.finest).double().mean()
        answers.append((share, float(right), float(kept)))
    able = [answer for answer in answers if shortlisted and answer[2] >= KEPT]
    return max(able or answers, key=lambda answer: (answer[1], answer[0]))[0]
