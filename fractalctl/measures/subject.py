"""What a metric looks at: one head on one feature set under one protocol, and what is known of it already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.evaluation import Evaluator

Accuracy = Mapping[str, Mapping[str, float]]
"""The ``accuracy`` of an evaluation document: fractions by length, then by level."""


@dataclass(frozen=True)
class Sibling:
    """A head of another strategy, trained alike with the same seed, and its evaluation document."""

    head: Head
    document: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Subject:
    """A head that is being measured.

    The *test sample* is the whole test split, or its first rows where the protocol limits them by name. The
    500 rows that the loo protocol takes by default are no such limit: they make neighbours of each other.

    Attributes:
        head: maps features to embeddings.
        evaluator: the feature set and the protocol.
        document: the head's evaluation under both.
        siblings: heads by strategy, as far as they are there.
        device: where to compute; None is the CPU.
    """

    head: Head
    evaluator: Evaluator
    document: Mapping[str, Any]
    siblings: Mapping[str, Sibling] = field(default_factory=dict)
    device: torch.device | None = None

    @property
    def dims(self) -> tuple[int, ...]:
        """Ascending prefix lengths."""
        return self.head.dims

    @property
    def accuracy(self) -> Accuracy:
        """k-NN accuracies under the protocol."""
        table: Accuracy = self.document["accuracy"]
        return table

    @property
    def test_features(self) -> np.ndarray:
        """Features (n, h) of the test sample."""
        return self.evaluator.features.features("test")[: self.evaluator.protocol.max_test]

    @property
    def test_labels(self) -> np.ndarray:
        """Classes (n, D) of the test sample."""
        return self.evaluator.features.labels("test")[: self.evaluator.protocol.max_test]

    @cached_property
    def test(self) -> Prefixes:
        """Embeddings of the test sample."""
        return self.head.prefixes(self.test_features, self.device)

    def embed(self, features: np.ndarray) -> Prefixes:
        """Embeddings of any rows of features (n, h)."""
        return self.head.prefixes(features, self.device)

    def needs_two_lengths(self, metric: str) -> None:
        """Refuse a head of a single prefix length, which cannot be cut.

        Raises:
            RequestError: there is only one.
        """
        if len(self.dims) < 2:
            raise RequestError(
                f"{self.head.folder}: {metric} compares prefix lengths, but this head has only "
                f"{self.dims[0]}; train it with two --dims or more"
            )


def coarse_and_fine(accuracy: Accuracy) -> tuple[str, str]:
    """Names of the coarsest and the finest level of an accuracy table."""
    levels = list(next(iter(accuracy.values())))
    return levels[0], levels[-1]
