"""``fractalctl.json``: which head an exported folder holds."""

from typing import Any, ClassVar

from fractalctl.documents.base import Document


class ExportDocument(Document, frozen=True, kw_only=True, tag="fractalctl-export"):
    """An exported head.

    Attributes:
        format: of the folder.
        corpus, backbone, strategy, arm, seed: of the head.
        head_identity: of the head.
        encoder: what makes the features that the head takes; as in ``head.json``.
        dims: lengths that the head was trained with.
        nested: whether a shorter embedding is the first columns of the full one.
        lengths: numbers of dimensions of what the folder holds, if it holds vectors; else those of the head.
    """

    MADE_BY: ClassVar[str] = "fractalctl export"

    format: str
    corpus: str
    backbone: str
    strategy: str
    arm: str
    seed: int
    head_identity: str
    encoder: dict[str, Any] | None
    dims: list[int]
    nested: bool
    lengths: list[int]
