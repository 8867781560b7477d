"""Training rows that answer queries: which are nearest at each length, how near, and of which classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.neighbours import SMALLEST_NORM, predictions
from fractalctl.measures.prefixes import nearest_at_prefixes
from store import FeatureSet


@dataclass(frozen=True)
class Answer:
    """One training row that was found.

    Attributes:
        row: its number in the training split.
        name: what the corpus calls it.
        text: what it says.
        labels: its class names, coarsest first.
        cosine: to the query, at the length at which it was found.
    """

    row: int
    name: str
    text: str
    labels: tuple[str, ...]
    cosine: float


class Reference:
    """The training rows of a feature set under a head.

    Args:
        head: maps features to embeddings.
        features: has the split train, with texts.
        device: where to compute; None is the CPU.

    Raises:
        RequestError: the set has no training rows, or the head does not fit it.
    """

    def __init__(self, head: Head, features: FeatureSet, device: torch.device | None = None) -> None:
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
        """The k nearest rows at ascending lengths: (q, len(lengths), k) int64, nearest first.

        Raises:
            RequestError: k exceeds the rows there are.
        """
        return nearest_at_prefixes(queries, self._rows, lengths, k, self._device)

    def rescored(self, queries: Prefixes, candidates: np.ndarray, length: int, k: int) -> np.ndarray:
        """The second stage of a search: the k candidates (q, c) that are nearest at a length, (q, k)."""
        ordered = np.sort(candidates, axis=1)
        cosines = self.cosines(queries, ordered, length)
        return np.take_along_axis(ordered, np.argsort(-cosines, axis=1, kind="stable")[:, :k], axis=1)

    def cosines(self, queries: Prefixes, rows: np.ndarray, length: int) -> np.ndarray:
        """Cosines of queries with rows (q, k) at one length, (q, k) float64."""
        asked = queries.at(length).astype(np.float64)
        found = self._rows.at(length)[rows].astype(np.float64)
        norms = np.linalg.norm(asked, axis=1)[:, None] * np.linalg.norm(found, axis=2)
        return np.einsum("qd,qkd->qk", asked, found) / norms.clip(min=SMALLEST_NORM)

    def votes(self, found: np.ndarray) -> list[list[tuple[str, ...]]]:
        """Names of the classes that rows (q, J, k) vote for, coarsest first, per query and length."""
        names = self.features.class_names
        return [
            [tuple(level[c] for level, c in zip(names, classes, strict=True)) for classes in lengths]
            for lengths in predictions(found, self.labels).tolist()
        ]

    def answers(self, queries: Prefixes, rows: np.ndarray, length: int) -> list[tuple[Answer, ...]]:
        """What stands in rows (q, k), and how near each is to its query at a length."""
        cosines = self.cosines(queries, rows, length)
        distinct = np.unique(rows)
        texts = dict(zip(distinct.tolist(), self.features.texts("train", distinct), strict=True))
        return [
            tuple(
                Answer(row, self._names[row], texts[row], self._path(row), cosine)
                for row, cosine in zip(found, near, strict=True)
            )
            for found, near in zip(rows.tolist(), cosines.tolist(), strict=True)
        ]

    def _path(self, row: int) -> tuple[str, ...]:
        return class_path(self.features, self.labels[row])


def class_path(features: FeatureSet, classes: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    """Names of one row's classes, coarsest first."""
    return tuple(names[c] for names, c in zip(features.class_names, classes, strict=True))
