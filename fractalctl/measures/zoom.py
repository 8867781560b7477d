"""Semantic zoom made visible: what one query finds at a short prefix and at the full length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fractalctl.heads.head import Head
from fractalctl.measures.prefixes import nearest_at_prefixes
from store import FeatureSet


@dataclass(frozen=True)
class Answer:
    """One row that was found: its text and its class names, coarsest first."""

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Zoom:
    """One query and its answers at each length.

    Attributes:
        query: the row that asked.
        answers: by number of dimensions, nearest first.
    """

    query: Answer
    answers: dict[int, tuple[Answer, ...]]

    def agreement(self, dimension: int, level: int) -> float:
        """Share of the answers at a length that have the query's class at a level."""
        found = self.answers[dimension]
        return sum(answer.labels[level] == self.query.labels[level] for answer in found) / len(found)


def zoom(head: Head, features: FeatureSet, rows: Sequence[int], k: int = 5) -> list[Zoom]:
    """Answer some test rows from the training rows at the shortest prefix and at the full length.

    Args:
        head: maps features to embeddings.
        features: has the splits train and test, with texts.
        rows: which test rows ask.
        k: answers at each length.

    Raises:
        RequestError: the head does not fit the features.
    """
    lengths = [head.dims[0], head.dims[-1]]
    found = nearest_at_prefixes(
        head.prefixes(features.features("test")[np.asarray(rows)]),
        head.prefixes(features.features("train")),
        lengths,
        k,
    )
    known = dict(zip(found.flatten().tolist(), _answers(features, "train", found.flatten()), strict=True))
    return [
        Zoom(
            query,
            {
                length: tuple(known[row] for row in rows_found[place].tolist())
                for place, length in enumerate(lengths)
            },
        )
        for query, rows_found in zip(_answers(features, "test", rows), found, strict=True)
    ]


def _answers(features: FeatureSet, split: str, rows: Sequence[int] | np.ndarray) -> list[Answer]:
    names, labels = features.class_names, features.labels(split)[np.asarray(rows)]
    return [
        Answer(text, tuple(level[c] for level, c in zip(names, classes, strict=True)))
        for text, classes in zip(features.texts(split, rows), labels, strict=True)
    ]


def telling_rows(head: Head, features: FeatureSet, count: int, k: int = 5) -> list[int]:
    """Test rows whose answers narrow from the right coarse class to the right finest class.

    At the shortest prefix all k answers have the query's coarsest class but fewer than half its finest one;
    at the full length most have its finest one. Rows chosen to show the effect prove nothing about how common
    it is; steerability does.

    Returns:
        The first such row of each coarsest class, at most ``count`` in all, ascending.
    """
    lengths = [head.dims[0], head.dims[-1]]
    labels = features.labels("train")
    asked = features.labels("test")
    queries, reference = (head.prefixes(features.features(split)) for split in ("test", "train"))
    found = nearest_at_prefixes(queries, reference, lengths, k)
    same = labels[found] == asked[:, None, None, :]
    short, full = same[:, 0].mean(axis=1), same[:, 1].mean(axis=1)
    telling = (short[:, 0] == 1) & (short[:, -1] < 0.5) & (full[:, -1] > 0.5)
    rows = np.flatnonzero(telling)
    _, first = np.unique(asked[rows, 0], return_index=True)
    return [int(row) for row in rows[np.sort(first)[:count]]]
