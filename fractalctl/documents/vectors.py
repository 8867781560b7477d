"""``*.json`` beside vectors: what texts were embedded with, and what each length costs and keeps."""

from typing import ClassVar

import msgspec

from fractalctl.documents.base import Document


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


class VectorsDocument(Document, frozen=True, kw_only=True, tag="fractalctl-vectors"):
    """Texts as vectors of one head.

    Attributes:
        corpus, backbone, strategy, arm, seed: of the head.
        head_identity: of the head.
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

    MADE_BY: ClassVar[str] = "fractalctl embed"

    corpus: str
    backbone: str
    strategy: str
    arm: str
    seed: int
    head_identity: str
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
