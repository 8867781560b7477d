"""``zoom.json``: example queries, and what they find at every prefix length."""

from typing import ClassVar

import msgspec

from fractalctl.documents import Document
from fractalctl.documents.measured import Accuracy, Features, Settings


class FoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A training row that answers.

    Attributes:
        row: its number in the training split, from 0; a key of the file's ``rows``.
        cosine: with the query at that length.
    """

    row: int
    cosine: float


class ExampleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A training row as people read it.

    Attributes:
        id: what the corpus calls it.
        text: cut after a word where it is long.
        labels: its classes, coarsest first.
    """

    id: str
    text: str
    labels: list[str]


class ExampleQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A test row that asks.

    Attributes:
        row: its number in the test split, from 0.
        id: what the corpus calls it.
        text: cut after a word where it is long.
        labels: its classes, coarsest first.
        answers: by length, nearest first.
    """

    row: int
    id: str
    text: str
    labels: list[str]
    answers: dict[str, list[FoundRow]]


class QueryGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Queries that were chosen by one rule.

    Attributes:
        name: in one word, ``blind`` or ``narrowing``.
        choice: the rule in a sentence.
        queries: by class, then by row.
    """

    name: str
    choice: str
    queries: list[ExampleQuery]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of test rows from the shortest prefix to the full length.

    Attributes:
        rise: rows of whose answers a larger share has the right finest class at full length.
        stay: rows where that share is the same.
        fall: rows where it is smaller.
        narrowing: rows that go from all right at L0 but fewer than half at the finest level to most right
            there.
        widening: the reverse.
    """

    rise: int
    stay: int
    fall: int
    narrowing: int
    widening: int


class Zoom(Document, frozen=True, kw_only=True, tag="fractalctl-zoom"):
    """Example queries of one head.

    Attributes:
        corpus, backbone, features: what the head was trained on.
        strategy, arm, method, trunk, settings, seed: of the head, see
            `fractalctl.documents.measured.ArmName`.
        dims: prefix lengths.
        queries: example queries that were asked for, of each kind.
        k: answers at each.
        metric: ``cosine``.
        renormalised: whether every prefix was normalised anew.
        n_queries: all test rows.
        n_reference: all training rows.
        shares: by arm (its own first, then those of the matched heads): the share of the k answers that have
            the query's class, mean over all test rows, by length and level.
        changes: of all test rows.
        groups: of example queries.
        rows: every training row that answers, by number.
        identity: hexadecimal SHA-256 of all that determines the file.
        head_identity: of the head.
    """

    FILE: ClassVar[str] = "``zoom.json``: example queries, and what they find at every prefix length."
    MADE_BY: ClassVar[str] = "fractalctl report"

    corpus: str
    backbone: str
    features: Features
    strategy: str
    arm: str
    method: str
    trunk: str | None
    settings: Settings
    seed: int
    dims: list[int]
    queries: int
    k: int
    metric: str
    renormalised: bool
    n_queries: int
    n_reference: int
    shares: dict[str, Accuracy]
    changes: Changes
    groups: list[QueryGroup]
    rows: dict[str, ExampleRow]
    identity: str
    head_identity: str
