"""Semantic zoom made visible: what a query finds at a short prefix, and at the full length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.answers import Answer, Reference, class_path
from store import FeatureSet


@dataclass(frozen=True)
class Query:
    """What was asked.

    Attributes:
        text: the question.
        labels: its class names, coarsest first; none where nobody knows them.
    """

    text: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Zoom:
    """One query and its answers at each length.

    Attributes:
        query: what asked.
        answers: by number of dimensions, nearest first.
        votes: by number of dimensions, the classes that the answers vote for, coarsest first.
    """

    query: Query
    answers: dict[int, tuple[Answer, ...]]
    votes: dict[int, tuple[str, ...]]

    def agreement(self, dimension: int, level: int) -> float:
        """Share of the answers at a length that have the query's class at a level.

        For a query of unknown class it is the share that has the class voted for.
        """
        found = self.answers[dimension]
        wanted = (self.query.labels or self.votes[dimension])[level]
        return sum(answer.labels[level] == wanted for answer in found) / len(found)


def answer(
    reference: Reference, queries: Sequence[Query], embedded: Prefixes, lengths: Sequence[int], k: int
) -> list[Zoom]:
    """Answer queries from the training rows.

    Args:
        reference: the training rows.
        queries: q of them.
        embedded: their embeddings.
        lengths: ascending prefix lengths, at most d.
        k: answers at each length.

    Raises:
        RequestError: k exceeds the rows there are.
    """
    found = reference.nearest(embedded, lengths, k)
    votes = reference.votes(found)
    answers = [reference.answers(embedded, found[:, place], d) for place, d in enumerate(lengths)]
    return [
        Zoom(query, dict(zip(lengths, own, strict=True)), dict(zip(lengths, classes, strict=True)))
        for query, classes, *own in zip(queries, votes, *answers, strict=True)
    ]


def rows_as_queries(features: FeatureSet, rows: Sequence[int]) -> list[Query]:
    """Some test rows as queries of known class."""
    chosen = np.asarray(rows)
    labels, texts = features.labels("test")[chosen], features.texts("test", rows)
    return [Query(text, class_path(features, own)) for text, own in zip(texts, labels, strict=True)]


def zoom(
    head: Head, features: FeatureSet, rows: Sequence[int], k: int = 5, lengths: Sequence[int] | None = None
) -> list[Zoom]:
    """Answer some test rows from the training rows.

    Args:
        head: maps features to embeddings.
        features: has the splits train and test, with texts.
        rows: which test rows ask.
        k: answers at each length.
        lengths: ascending prefix lengths; None takes the shortest prefix and the full length.

    Raises:
        RequestError: the head does not fit the features.
    """
    reference = Reference(head, features)
    embedded = reference.embed(features.features("test")[np.asarray(rows)])
    asked = rows_as_queries(features, rows)
    return answer(reference, asked, embedded, lengths or (head.dims[0], head.dims[-1]), k)


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
    """The first chosen row of each class, at most ``count`` in all, ascending.

    Args:
        chosen: (q,) bool.
        classes: (q,) of all rows.
        count: how many at most.
    """
    rows = np.flatnonzero(chosen)
    _, first = np.unique(classes[rows], return_index=True)
    return [int(row) for row in rows[np.sort(first)[:count]]]


def telling_rows(head: Head, features: FeatureSet, count: int, k: int = 5) -> list[int]:
    """Test rows that show what zooming is: the first one of each coarsest class that narrows.

    Rows chosen to show the effect prove nothing about how common it is; steerability does.

    Returns:
        At most ``count`` rows, ascending.
    """
    shares = agreements(Reference(head, features), (head.dims[0], head.dims[-1]), k)
    return first_of_each_class(narrowing(shares), features.labels("test")[:, 0], count)
