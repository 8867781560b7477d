"""``evaluation-*.json``: what was measured of one head."""

from typing import Any, ClassVar, TypeVar

import msgspec

from fractalctl.documents.measured import Accuracy, Conditions, Features, PackedHits, Settings, Steerability
from fractalctl.errors import FractalError

Part = TypeVar("Part", bound=msgspec.Struct)
ROUNDING = 1e-6  # by which S may differ from what its accuracies give


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


class Leakage(msgspec.Struct, frozen=True, kw_only=True):
    """What a linear probe tells from the shortest prefix; None where the set has no training rows.

    Attributes:
        short: the shortest length.
        n_known: training rows that the probes learn from.
        probe: accuracy on the test sample by level; that of the finest level is the leakage.
        floor: accuracy at the finest level of knowing the coarsest class and nothing else.
        flat: as ``probe``, from the whole of the untouched features: a flat linear classifier per level.
    """

    short: int
    n_known: int
    probe: dict[str, float] | None
    floor: float | None
    flat: dict[str, float] | None


class Shortlist(msgspec.Struct, frozen=True, kw_only=True):
    """A cascade with a shortlist of one size.

    Attributes:
        size: rows that the short prefix keeps for the second stage.
        kept: share of queries whose nearest neighbour at full length is among them.
        recall_at_1: share of queries whose answer is of their finest class.
        multiply_adds: of both stages, over those of full search: short / full + size / rows.
    """

    size: int
    kept: float
    recall_at_1: float
    multiply_adds: float


class Cascade(msgspec.Struct, frozen=True, kw_only=True):
    """A shortlist by the shortest prefix, searched again at full length, against full search.

    Attributes:
        short: length of the first stage.
        full: length of the second stage, and of full search.
        n_searched: rows that each query searches.
        recall_at_1: of full search: share of queries whose nearest neighbour is of their finest class.
        shortlists: by name: ``64`` rows, and ``1%`` of the rows but no fewer than 64.
    """

    short: int
    full: int
    n_searched: int
    recall_at_1: float
    shortlists: dict[str, Shortlist]


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
        tuned: settings that were chosen on validation rows of this corpus.
    """

    FILE: ClassVar[str] = "``evaluation-*.json``: what was measured of one head."
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
    tuned: list[str] = msgspec.field(default_factory=list)

    @property
    def shared_settings(self) -> Settings:
        """The settings that an arm has on every corpus: the word "tuned" stands for those that were."""
        return self.settings | dict.fromkeys(self.tuned, "tuned")

    def result(self, metric: str, kind: type[Part]) -> Part | None:
        """What a metric found, in its own type; None where it was not measured.

        Raises:
            FractalError: it is damaged, or of another version of the metric; the message names the field.
        """
        part = self.metrics.get(metric)
        try:
            return None if part is None else msgspec.convert(part.result, kind)
        except msgspec.ValidationError as error:
            raise FractalError(
                f"evaluation of {self.corpus}/{self.features.name}/{self.arm}, seed {self.seed}: metric "
                f"'{metric}' cannot be read ({error}); make it again with "
                f"fractalctl evaluate --metrics {metric} --overwrite always"
            ) from error

    def check(self) -> None:
        """Refuse an S that is not that of the accuracies beside it.

        Raises:
            ValueError: it is not, or a length or level is missing.
        """
        super().check()
        try:
            short, full = self.accuracy[str(self.dims[0])], self.accuracy[str(self.dims[-1])]
            finest = list(short)[-1]
            found = short["L0"] - full["L0"] + full[finest] - short[finest]
        except (KeyError, IndexError) as error:
            raise ValueError(f"accuracy lacks a length of dims or a level: {error}") from error
        if abs(found - self.steerability.s) > ROUNDING:
            said = f"field steerability.S is {self.steerability.s:g}"
            raise ValueError(f"{said}, but the accuracies beside it give {found:g}")
