"""What lies beside the weights of a head, and beside the results of a feature set."""

from typing import Any, ClassVar

import msgspec

from fractalctl.documents import Document
from fractalctl.documents.measured import Features, Settings


class EpochRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch of training.

    Attributes:
        epoch: from 1.
        loss: mean over the training rows.
        validation: k-NN accuracy of held-out rows by level.
    """

    epoch: int
    loss: float
    validation: dict[str, float]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One trial of a tuning.

    Attributes:
        settings: that were tried, by name.
        validation: k-NN accuracy of held-out training rows by level, in the best epoch; None where the loss
            was no longer a number.
    """

    settings: dict[str, float]
    validation: dict[str, float] | None

    @property
    def score(self) -> float:
        """The sum over levels; less than any accuracy where there is none."""
        return -1.0 if self.validation is None else sum(self.validation.values())


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """How settings of an arm were chosen, on held-out training rows alone.

    Attributes:
        ranges: lowest and highest value of each setting, drawn on a logarithmic scale.
        seed: of every trial.
        trials: in the order in which they were drawn; the first is the arm as it was.
        chosen: settings of the first trial with the highest sum of accuracies.
        identity: hexadecimal SHA-256 of all that determines the choice.
    """

    ranges: dict[str, tuple[float, float]]
    seed: int
    trials: list[Trial]
    chosen: dict[str, float]
    identity: str


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """How lengths were chosen from the data, on held-out training rows alone.

    Attributes:
        seed: of the hold-out.
        rows: held-out rows that asked.
        accuracy: k-NN accuracy of each level, coarsest first, by length.
        errors: standard error of each level's best accuracy, what a shorter length may lose.
        chosen: a length for each level, ascending.
    """

    seed: int
    rows: int
    accuracy: list[dict[str, float]]
    errors: list[float]
    chosen: list[int]


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
        encoder: what made the features, as their set's recipe says: model, pooling, prompt, maximum length;
            None in files of earlier versions.
        tuning: how some of its settings were chosen; None where nothing was tuned.
        capacity: how its lengths were chosen; None where they were given.
        fleet: seeds that were trained together with it, which decides how sums are rounded; None in files of
            earlier versions.
    """

    FILE: ClassVar[str] = "``head.json``: what a head is, beside its weights."
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
    encoder: dict[str, Any] | None = None
    tuning: Tuning | None = None
    capacity: Capacity | None = None
    fleet: list[int] | None = None


class Claim(Document, frozen=True, kw_only=True, tag="fractalctl-features"):
    """What keeps the results of two feature sets of one name apart.

    Attributes:
        features: the set.
    """

    FILE: ClassVar[str] = "``features.json``: the feature set whose results a folder of runs holds."
    MADE_BY: ClassVar[str] = "fractalctl train, once it was removed"

    features: Features
