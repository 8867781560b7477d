"""Evaluation protocols: which rows ask and which rows answer.

The sparser the reference, the larger S: never compare an S across protocols.
"""

from dataclasses import dataclass, fields

import numpy as np

from fractalctl.corpora.corpus import repeated_rows
from fractalctl.documents.measured import Conditions
from fractalctl.errors import RequestError
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

PROTOCOLS = ("loo", "index")
LEAVE_ONE_OUT_ROWS = 500  # test rows of the paper's Tables 2, 3, 5, 10 and 11


@dataclass(frozen=True)
class Protocol:
    """How k-NN accuracy is taken.

    Attributes:
        name: ``loo`` leaves one out among ``max_test`` test rows; ``index`` asks with test rows and answers
            from training rows.
        k: neighbours that vote.
        max_test: how many test rows, drawn at random; None takes the protocol's default (500 for ``loo``, all
            for ``index``).
        rows_seed: draws them.
        drop_duplicates: leave out test rows whose text stands in the training split as well.

    Raises:
        RequestError: there is no such protocol, or a number is out of range.
    """

    name: str = "loo"
    k: int = 5
    max_test: int | None = None
    rows_seed: int = 42
    drop_duplicates: bool = False

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            raise RequestError(f"protocol '{self.name}' is not known; choose from {', '.join(PROTOCOLS)}")
        if self.k < 1:
            raise RequestError(f"k must be at least 1, got {self.k}")
        if self.max_test is not None and self.max_test < 1:
            raise RequestError(f"max test must be at least 1, got {self.max_test}")
        if self.rows_seed < 0:
            raise RequestError(f"rows seed must be at least 0, got {self.rows_seed}")

    @classmethod
    def of(cls, document: Conditions) -> "Protocol":
        """The protocol under which a document's numbers were taken."""
        one = document
        return cls(one.protocol, one.k, one.max_test, one.rows_seed, one.dropped_duplicates)

    @property
    def test_rows(self) -> int | None:
        """Upper limit on the test rows; None for all."""
        return LEAVE_ONE_OUT_ROWS if self.max_test is None and self.name == "loo" else self.max_test

    @property
    def slug(self) -> str:
        """Part of a file's name: the protocol's name, then what departs from its defaults.

        >>> Protocol("loo", max_test=2000).slug, Protocol("index", k=10, drop_duplicates=True).slug
        ('loo-2000', 'index-k=10-drop-duplicates')
        """
        defaults = {field.name: field.default for field in fields(self)}
        words = {
            "max_test": str(self.max_test),
            "k": f"k={self.k}",
            "rows_seed": f"rows-seed={self.rows_seed}",
            "drop_duplicates": "drop-duplicates",
        }
        departs = [word for name, word in words.items() if getattr(self, name) != defaults[name]]
        return "-".join([self.name, *departs])

    def draw(self, n_rows: int, left_out: np.ndarray | None = None) -> np.ndarray:
        """Draw some of n test rows that ask, ascending: at random, since splits are often sorted by class.

        Fewer rows of one seed are always among more of it, and leaving some out, (n,) bool, moves no others.
        All that may ask where the protocol sets no limit or a larger one. int64.
        """
        order = generator(self.rows_seed, Purpose.TEST_ROWS).permutation(n_rows)
        allowed = order if left_out is None else order[~left_out[order]]
        return np.sort(allowed[: self.test_rows])


@dataclass(frozen=True)
class Rows:
    """The rows of one evaluation.

    Attributes:
        test_rows: (q,) int64 rows of the test split that ask, ascending.
        sample: (m,) int64 rows of the test split for metrics that are no k-NN among these rows: those that
            ask, or all that may where only ``loo``'s default limits them, since that is for neighbours.
        queries: (q, h) float32 features, or None when the reference rows ask each other.
        reference: (n, h) float32 features; under ``index`` the whole training split, mapped.
        query_labels: (q, D) int32.
        reference_labels: (n, D) int32.
    """

    test_rows: np.ndarray
    sample: np.ndarray
    queries: np.ndarray | None
    reference: np.ndarray
    query_labels: np.ndarray
    reference_labels: np.ndarray


def take(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Ascending rows of features (n, h), of which no others are read; all of them as they are, mapped."""
    return features if len(rows) == len(features) else features[rows]


def repeated_test_rows(features: FeatureSet) -> np.ndarray | None:
    """(n,) bool, which test rows have a text that stands in the training split as well.

    None where there is no training split, or where either holds no texts.
    """
    if not {"train", "test"} <= set(features.splits):
        return None
    test, train = features.texts("test"), features.texts("train")
    return repeated_rows(test, train) if any(test) and any(train) else None


def select_rows(features: FeatureSet, protocol: Protocol) -> Rows:
    """Take a protocol's rows from a feature set; of the test split, features of no others are read.

    RequestError where the set has no test split or too few rows for k neighbours, or duplicates are to be
    dropped and cannot be told, or are all there is.
    """
    if "test" not in features.splits:
        raise RequestError(
            f"{features.path}: has no test split to evaluate on, only {', '.join(features.splits)}"
        )
    labels = features.labels("test")
    left_out = np.zeros(len(labels), dtype=bool)
    if protocol.drop_duplicates:
        repeated = repeated_test_rows(features)
        if repeated is None:
            raise RequestError(
                f"{features.path}: has no texts, or no train split, so that duplicates cannot be dropped"
            )
        if repeated.all():
            raise RequestError(
                f"{features.path}: all {len(labels)} test rows stand in the training split as well, so that "
                "none is left to ask; do not drop duplicates"
            )
        left_out = repeated
    asked = protocol.draw(len(labels), left_out)
    sample = asked if protocol.max_test is not None else np.flatnonzero(~left_out)
    test, test_labels = take(features.features("test"), asked), labels[asked]
    if protocol.name == "loo":
        rows = Rows(asked, sample, None, test, test_labels, test_labels)
    else:
        train, train_labels = features.features("train"), features.labels("train")
        rows = Rows(asked, sample, test, train, test_labels, train_labels)
    available = max(len(rows.reference) - (rows.queries is None), 0)
    if protocol.k > available:
        raise RequestError(
            f"{features.path}: k = {protocol.k} neighbours were asked for, but protocol {protocol.name} "
            f"leaves {available} reference rows"
        )
    return rows
