"""Evaluation protocols: which rows ask and which rows answer.

The sparser the reference, the larger S: never compare an S across protocols.
"""

from dataclasses import dataclass

import numpy as np

from fractalctl.errors import RequestError
from store import FeatureSet

PROTOCOLS = ("loo", "index")
LEAVE_ONE_OUT_ROWS = 500
"""Test rows of the paper's Tables 2, 3, 5, 10 and 11."""


@dataclass(frozen=True)
class Protocol:
    """How k-NN accuracy is taken.

    Attributes:
        name: ``loo`` leaves one out among the first ``max_test`` test rows; ``index`` asks with test rows and
            answers from training rows.
        k: neighbours that vote.
        max_test: how many test rows, from the first; None takes the protocol's default (500 for ``loo``,
            all for ``index``).
    """

    name: str = "loo"
    k: int = 5
    max_test: int | None = None

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            raise RequestError(f"protocol '{self.name}' is not known; choose from {', '.join(PROTOCOLS)}")
        if self.k < 1:
            raise RequestError(f"k must be at least 1, got {self.k}")
        if self.max_test is not None and self.max_test < 1:
            raise RequestError(f"max test must be at least 1, got {self.max_test}")

    @property
    def test_rows(self) -> int | None:
        """Upper limit on the test rows; None for all."""
        return LEAVE_ONE_OUT_ROWS if self.max_test is None and self.name == "loo" else self.max_test


@dataclass(frozen=True)
class Rows:
    """The rows of one evaluation.

    Attributes:
        queries: (q, h) float32 features, or None when the reference rows ask each other.
        reference: (n, h) float32 features.
        query_labels: (q, D) int32.
        reference_labels: (n, D) int32.
    """

    queries: np.ndarray | None
    reference: np.ndarray
    query_labels: np.ndarray
    reference_labels: np.ndarray


def select_rows(features: FeatureSet, protocol: Protocol) -> Rows:
    """Pick a protocol's rows from a feature set.

    Raises:
        RequestError: the feature set has no test split, or too few rows for k neighbours.
    """
    if "test" not in features.splits:
        raise RequestError(
            f"{features.path}: has no test split to evaluate on, only {', '.join(features.splits)}"
        )
    test = features.features("test")[: protocol.test_rows]
    test_labels = features.labels("test")[: protocol.test_rows]
    if protocol.name == "loo":
        rows = Rows(None, test, test_labels, test_labels)
    else:
        rows = Rows(test, features.features("train"), test_labels, features.labels("train"))
    available = len(rows.reference) - (rows.queries is None)
    if protocol.k > available:
        raise RequestError(
            f"{features.path}: k = {protocol.k} neighbours were asked for, but protocol {protocol.name} "
            f"leaves {available} reference rows"
        )
    return rows
