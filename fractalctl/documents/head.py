"""``head.json``: what a head is, beside its weights."""

from typing import ClassVar

import msgspec

from fractalctl.documents.base import Document
from fractalctl.documents.measured import Features, Settings


class EpochRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one epoch came to.

    Attributes:
        epoch: from 1.
        loss: mean over the training rows.
        validation: k-NN accuracy of held-out rows by level.
    """

    epoch: int
    loss: float
    validation: dict[str, float]


class HeadDocument(Document, frozen=True, kw_only=True, tag="fractalctl-head"):
    """What a head is and what made it.

    Attributes:
        corpus: that it was trained on.
        backbone: whose features it takes.
        strategy, arm, method, trunk, settings: see `fractalctl.documents.measured.ArmName`.
        seed: of all that was random.
        input_dimension: h, numbers per feature.
        dims: ascending prefix lengths.
        nested: whether a shorter embedding is the first columns of the full one.
        classes: names per level, coarsest first.
        features: the set that it was trained on.
        best_epoch: the epoch that was kept, from 1; None for a closed form.
        history: every epoch; empty for a closed form.
        weights_sha256: of ``head.safetensors``.
        identity: hexadecimal SHA-256 of all that determines the weights.
    """

    MADE_BY: ClassVar[str] = "fractalctl train --overwrite always"

    corpus: str
    backbone: str
    strategy: str
    arm: str
    method: str
    trunk: str | None
    settings: Settings
    seed: int
    input_dimension: int
    dims: list[int]
    nested: bool
    classes: list[list[str]]
    features: Features
    best_epoch: int | None
    history: list[EpochRecord]
    weights_sha256: str
    identity: str
