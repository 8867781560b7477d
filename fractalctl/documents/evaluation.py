"""``evaluation-*.json``: what was measured of one head."""

from typing import Any, ClassVar

import msgspec

from fractalctl.documents.measured import Accuracy, Conditions, Features, PackedHits, Settings, Steerability


class MetricPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric found.

    Attributes:
        identity: hexadecimal SHA-256 of all that determines it, heads that it was compared with included.
        versions: of what computed it.
        result: what the metric's own type holds; read it with `fractalctl.measures.metrics.Metric.read`.
    """

    identity: str
    versions: dict[str, str]
    result: dict[str, Any]


class Evaluation(Conditions, frozen=True, kw_only=True, tag="fractalctl-evaluation"):
    """One head under one protocol.

    Attributes:
        strategy, arm, method, trunk, settings: see `fractalctl.documents.measured.ArmName`.
        seed: that the head was trained with.
        nested: whether the head's prefixes are the first columns of its full embedding.
        trained_on: the feature set that the head was trained on.
        head_identity: of the head.
        accuracy: k-NN accuracy at every length and level.
        steerability: S and its relatives, with intervals over queries.
        hits: of every query.
        metrics: what further metrics found, by name.
    """

    MADE_BY: ClassVar[str] = "fractalctl evaluate"

    strategy: str
    arm: str
    method: str
    trunk: str | None
    settings: Settings
    seed: int
    nested: bool
    trained_on: Features
    head_identity: str
    accuracy: Accuracy
    steerability: Steerability
    hits: PackedHits
    metrics: dict[str, MetricPart] = msgspec.field(default_factory=dict)
