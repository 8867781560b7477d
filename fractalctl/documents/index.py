"""``index.json``: what an index folder holds, and when its answers are sure."""

from typing import ClassVar

import msgspec

from fractalctl.documents.base import Document
from fractalctl.documents.measured import Features


class LevelThreshold(msgspec.Struct, frozen=True, kw_only=True):
    """When the class voted for at a level is taken for sure.

    Attributes:
        length: number of dimensions at which the level is asked.
        margin: least margin: votes of the first class less those of the second, as a share of all votes; None
            where no margin keeps the error.
        answered: share of calibration rows that reach it.
        error: share of wrong answers among these.
    """

    length: int
    margin: float | None
    answered: float
    error: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the sureness of answers, from rows of known class.

    Attributes:
        source: ``validation`` for that split; ``held-out`` for training rows that the head was not fitted to,
            ``training`` for some that it was; these ask all others.
        n_rows: how many.
        k: neighbours that vote.
        error: that was asked for.
        levels: by level, coarsest first.
        recall: share of the rows that ``nearness`` takes for inside.
        nearness: least cosine to the k-th neighbour by length.
    """

    source: str
    n_rows: int
    k: int
    error: float
    levels: list[LevelThreshold]
    recall: float
    nearness: dict[str, float]


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """How well nearness tells texts of no class from test rows, at one length.

    Attributes:
        auroc: share of pairs of a test row and an outside text in which the test row is nearer; equal ones
            count half.
        accepted: share of the outside texts that the threshold takes for inside.
        recall: share of the test rows that it takes for inside.
        error_at_95: share of the outside texts that are taken for inside by the threshold at which 95 % of
            the test rows are.
    """

    auroc: float
    accepted: float
    recall: float
    error_at_95: float


class IndexDocument(Document, frozen=True, kw_only=True, tag="fractalctl-index"):
    """An index of a corpus under a head.

    Attributes:
        corpus, backbone, strategy, arm, seed: of the head.
        head: where it lay.
        head_identity: of the head.
        features: the set whose training rows are in the index.
        levels: what the corpus calls its levels, coarsest first.
        kind: ``flat`` (exact) or ``hnsw``.
        lengths: numbers of dimensions; ``<length>.faiss`` holds each.
        n_rows: rows in the index.
        calibration: when answers are sure.
        outside: by length, how texts of no class are told apart; None where none were given.
        n_outside: how many of these were given.
    """

    MADE_BY: ClassVar[str] = "fractalctl index"

    corpus: str
    backbone: str
    strategy: str
    arm: str
    seed: int
    head: str
    head_identity: str
    features: Features
    levels: list[str]
    kind: str
    lengths: list[int]
    n_rows: int
    calibration: Calibration
    outside: dict[str, Outside] | None = None
    n_outside: int = 0
