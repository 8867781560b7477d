"""Semantic zoom made visible: queries whose answers narrow from the right coarse class to the fine one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fractalctl.measures.answers import Reference
from store import FeatureSet

if TYPE_CHECKING:
    from fractalctl.heads.head import Head


def agreements(reference: Reference, lengths: Sequence[int], k: int) -> np.ndarray:
    """Share of each test row's k answers that have its class: (q, len(lengths), D), coarsest level first.

    Raises:
        RequestError: k exceeds the rows there are.
    """
    asked = reference.features.labels("test")
    queries = reference.embed(reference.features.features("test"))
    found = reference.nearest(queries, lengths, k)
    same = reference.labels[found] == asked[:, None, None, :]
    return same.mean(axis=2)


def narrowing(shares: np.ndarray) -> np.ndarray:
    """Which queries' answers narrow from the right coarsest class to the right finest class.

    At the first length all answers have the query's coarsest class but fewer than half its finest one; at the
    last length most have its finest one.

    Args:
        shares: (q, J, D), see `agreements`. Reversed along J, it tells which queries widen.

    Returns:
        (q,) bool.
    """
    first, last = shares[:, 0], shares[:, -1]
    found: np.ndarray = (first[:, 0] == 1) & (first[:, -1] < 0.5) & (last[:, -1] > 0.5)
    return found


def first_of_each_class(chosen: np.ndarray, classes: np.ndarray, count: int) -> list[int]:
    """The first chosen row (q,) of each class (q,), at most ``count`` in all, ascending."""
    rows = np.flatnonzero(chosen)
    _, first = np.unique(classes[rows], return_index=True)
    return [int(row) for row in rows[np.sort(first)[:count]]]


def telling_rows(head: "Head", features: FeatureSet, count: int, k: int = 5) -> list[int]:
    """Test rows that show what zooming is: the first one of each coarsest class that narrows.

    Rows chosen to show the effect prove nothing about how common it is; steerability does.

    Returns:
        At most ``count`` rows, ascending.
    """
    shares = agreements(Reference(head, features), (head.dims[0], head.dims[-1]), k)
    return first_of_each_class(narrowing(shares), features.labels("test")[:, 0], count)
