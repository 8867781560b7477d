"""Training rows that answer queries: which are nearest at each length, and whose answers narrow with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.neighbours import SMALLEST_NORM, nearest_at_prefixes, predictions
from store import FeatureSet

if TYPE_CHECKING:
    from fractalctl.heads.head import Head


@dataclass(frozen=True)
class Answer:
    """One training row that was found.

    Attributes:
        row: its number in the training split; ``name`` is what the corpus calls it.
        labels: its class names, coarsest first.
        cosine: to the query, at the length at which it was found.
    """

    row: int
    name: str
    text: str
    labels: tuple[str, ...]
    cosine: float


class Reference:
    """The training rows of a feature set (which has texts) under a head.

    Raises:
        RequestError: the set has no training rows, or the head does not fit it.
    """

    def __init__(self, head: "Head", features: FeatureSet, device: torch.device | None = None) -> None:
        if "train" not in features.splits:
            raise RequestError(f"{features.path}: has no train split to search in")
        self.head, self.features, self._device = head, features, device
        self.labels = features.labels("train")
        self._rows = head.prefixes(features.features("train"), device)

    @cached_property
    def _names(self) -> list[str]:
        return self.features.ids("train")

    def embed(self, features: np.ndarray) -> Prefixes:
        """Embeddings of queries (q, h) at every length."""
        return self.head.prefixes(features, self._device)

    def nearest(self, queries: Prefixes, lengths: Sequence[int], k: int) -> np.ndarray:
        """The k nearest rows at ascending lengths: (q, len(lengths), k) int64, nearest first."""
        return nearest_at_prefixes(queries, self._rows, lengths, k, self._device)

    def rescored(self, queries: Prefixes, candidates: np.ndarray, length: int, k: int) -> np.ndarray:
        """The second stage of a search: the k candidates (q, c) that are nearest at a length, (q, k)."""
        ordered = np.sort(candidates, axis=1)
        cosines = self.cosines(queries, ordered, length)
        return np.take_along_axis(ordered, np.argsort(-cosines, axis=1, kind="stable")[:, :k], axis=1)

    def vectors(self, rows: np.ndarray, length: int) -> np.ndarray:
        """Embeddings of rows (q, k) at one length, (q, k, length) float32."""
        return self._rows.at(length)[rows]

    def cosines(self, queries: Prefixes, rows: np.ndarray, length: int) -> np.ndarray:
        """Cosines of queries with rows (q, k) at one length, (q, k) float64."""
        asked = queries.at(length).astype(np.float64)
        found = self.vectors(rows, length).astype(np.float64)
        norms = np.linalg.norm(asked, axis=1)[:, None] * np.linalg.norm(found, axis=2)
        return np.einsum("qd,qkd->qk", asked, found) / norms.clip(min=SMALLEST_NORM)

    def votes(self, found: np.ndarray) -> list[list[tuple[str, ...]]]:
        """Names of the classes that rows (q, J, k) vote for, coarsest first, per query and length."""
        voted = predictions(found, self.labels).tolist()
        return [[class_path(self.features, classes) for classes in lengths] for lengths in voted]

    def answers(self, queries: Prefixes, rows: np.ndarray, length: int) -> list[tuple[Answer, ...]]:
        """What stands in rows (q, k), and how near each is to its query at a length."""
        cosines = self.cosines(queries, rows, length)
        distinct = np.unique(rows)
        texts = dict(zip(distinct.tolist(), self.features.texts("train", distinct), strict=True))
        return [
            tuple(
                Answer(row, self._names[row], texts[row], class_path(self.features, self.labels[row]), cosine)
                for row, cosine in zip(found, near, strict=True)
            )
            for found, near in zip(rows.tolist(), cosines.tolist(), strict=True)
        ]


def class_path(features: FeatureSet, classes: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    """Names of one row's classes, coarsest first."""
    return tuple(names[c] for names, c in zip(features.class_names, classes, strict=True))


@dataclass(frozen=True)
class Query:
    """What was asked: a text, and its class names, coarsest first, where somebody knows them."""

    text: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answered:
    """One query and its answers at each length, nearest first, with the classes that they vote for."""

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
) -> list[Answered]:
    """Answer queries, given with their embeddings, by k training rows at each of some ascending lengths."""
    found = reference.nearest(embedded, lengths, k)
    votes = reference.votes(found)
    answers = [reference.answers(embedded, found[:, place], d) for place, d in enumerate(lengths)]
    return [
        Answered(query, dict(zip(lengths, own, strict=True)), dict(zip(lengths, classes, strict=True)))
        for query, classes, *own in zip(queries, votes, *answers, strict=True)
    ]


def rows_as_queries(features: FeatureSet, rows: Sequence[int]) -> list[Query]:
    """Some test rows as queries of known class."""
    chosen = np.asarray(rows)
    labels, texts = features.labels("test")[chosen], features.texts("test", rows)
    return [Query(text, class_path(features, own)) for text, own in zip(texts, labels, strict=True)]


def zoom(head: "Head", features: FeatureSet, rows: Sequence[int], k: int = 5) -> list[Answered]:
    """Answer some test rows by k training rows at the shortest and the full length."""
    reference = Reference(head, features)
    embedded = reference.embed(features.features("test")[np.asarray(rows)])
    asked = rows_as_queries(features, rows)
    return answer(reference, asked, embedded, (head.dims[0], head.dims[-1]), k)


def agreements(reference: Reference, lengths: Sequence[int], k: int) -> np.ndarray:
    """Share of each test row's k answers that have its class: (q, len(lengths), D), coarsest level first."""
    asked = reference.features.labels("test")
    queries = reference.embed(reference.features.features("test"))
    found = reference.nearest(queries, lengths, k)
    same = reference.labels[found] == asked[:, None, None, :]
    return same.mean(axis=2)


def narrowing(shares: np.ndarray) -> np.ndarray:
    """Which queries' answers narrow from the right coarsest class to the right finest class: (q,) bool.

    At the first length all answers have the query's coarsest class but fewer than half its finest one; at the
    last length most have its finest one. Shares are those of `agreements`, (q, J, D); reversed along J, they
    tell which queries widen.
    """
    first, last = shares[:, 0], shares[:, -1]
    found: np.ndarray = (first[:, 0] == 1) & (first[:, -1] < 0.5) & (last[:, -1] > 0.5)
    return found


def first_of_each_class(chosen: np.ndarray, classes: np.ndarray, count: int) -> list[int]:
    """The first chosen row (q,) of each class (q,), at most ``count`` in all, ascending."""
    rows = np.flatnonzero(chosen)
    _, first = np.unique(classes[rows], return_index=True)
    return [int(row) for row in rows[np.sort(first)[:count]]]


def telling_rows(head: "Head", features: FeatureSet, count: int) -> list[int]:
    """Test rows, so many at most, that show what zooming is: the first of each coarsest class that narrows.

    Rows chosen to show the effect prove nothing about how common it is; steerability does.
    """
    shares = agreements(Reference(head, features), (head.dims[0], head.dims[-1]), k=5)
    return first_of_each_class(narrowing(shares), features.labels("test")[:, 0], count)
