"""What lies beside what heads are made into: exported folders, indexes, vectors."""

from typing import Any, ClassVar

import msgspec

from fractalctl.documents import Document
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


class OfHead(Document, frozen=True, kw_only=True):
    """Something that was made with a head.

    Attributes:
        corpus, backbone, strategy, arm, seed: of the head.
        head_identity: of the head.
    """

    corpus: str
    backbone: str
    strategy: str
    arm: str
    seed: int
    head_identity: str


class IndexDocument(OfHead, frozen=True, kw_only=True, tag="fractalctl-index"):
    """An index of a corpus under a head.

    Attributes:
        head: where it lay.
        features: the set whose training rows are in the index.
        levels: what the corpus calls its levels, coarsest first.
        kind: ``flat`` (exact) or ``hnsw``.
        lengths: numbers of dimensions; ``<length>.faiss`` holds each.
        n_rows: rows in the index.
        calibration: when answers are sure.
        outside: by length, how texts of no class are told apart; None where none were given.
        n_outside: how many of these were given.
    """

    FILE: ClassVar[str] = "``index.json``: what an index folder holds, and when its answers are sure."
    MADE_BY: ClassVar[str] = "fractalctl index"

    head: str
    features: Features
    levels: list[str]
    kind: str
    lengths: list[int]
    n_rows: int
    calibration: Calibration
    outside: dict[str, Outside] | None = None
    n_outside: int = 0


class ExportDocument(OfHead, frozen=True, kw_only=True, tag="fractalctl-export"):
    """An exported head.

    Attributes:
        format: of the folder.
        encoder: what makes the features that the head takes; as in ``head.json``.
        dims: lengths that the head was trained with.
        nested: whether a shorter embedding is the first columns of the full one.
        lengths: numbers of dimensions of what the folder holds, if it holds vectors; else those of the head.
    """

    FILE: ClassVar[str] = "``fractalctl.json``: which head an exported folder holds."
    MADE_BY: ClassVar[str] = "fractalctl export"

    format: str
    encoder: dict[str, Any] | None
    dims: list[int]
    nested: bool
    lengths: list[int]


class StoredLength(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of one length.

    Attributes:
        file: name of the file that holds them.
        bytes: of one text.
        ratio: of these bytes to the backbone's own float32 vector.
        accuracy: of k-NN by level at this length, from the head's evaluation; None where there is none.
        ranges: smallest and largest value of each dimension, for int8; else None.
    """

    file: str
    bytes: int
    ratio: float
    accuracy: dict[str, float] | None = None
    ranges: tuple[list[float], list[float]] | None = None


class VectorsDocument(OfHead, frozen=True, kw_only=True, tag="fractalctl-vectors"):
    """Texts as vectors of one head.

    Attributes:
        backbone_dimension: numbers of the backbone's own vector.
        levels: what the corpus calls its levels, coarsest first.
        source: the file of texts, or ``-`` for standard input.
        n_texts: how many.
        dtype: ``float32``, ``float16``, ``int8`` or ``binary``.
        normalised: whether each was cut and then brought to length 1.
        lengths: by number of dimensions.
        protocol: of the accuracies; None where there are none.
        baseline: accuracy by level of the backbone's own vectors under that protocol.
        identity: hexadecimal SHA-256 of all that determines the vectors.
    """

    FILE: ClassVar[str] = (
        "``*.json`` beside vectors: what texts were embedded with, and what each length costs and keeps."
    )
    MADE_BY: ClassVar[str] = "fractalctl embed"

    backbone_dimension: int
    levels: list[str]
    source: str
    n_texts: int
    dtype: str
    normalised: bool
    lengths: dict[str, StoredLength]
    protocol: str | None
    baseline: dict[str, float] | None
    identity: str
