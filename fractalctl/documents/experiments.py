"""What `fractalctl ablate` and `synth` write: many heads of one feature set, trained and measured."""

from typing import ClassVar

import msgspec

from fractalctl.documents.estimates import Peak
from fractalctl.documents.measured import ArmName, Conditions, Profile, Run
from fractalctl.documents.statistics import Comparison


class Ablation(Conditions, frozen=True, kw_only=True, tag="fractalctl-ablation"):
    """One axis on one feature set.

    Attributes:
        axis: its name.
        varied: the key of the runs' points that varies; None where the arms are what is varied.
        values: of that key, in order.
        seeds: of every condition.
        arms: every arm by its label, with its settings where the axis does not vary them.
        about: what else holds for the whole file, such as the number of tuned layers.
        runs: in the order of conditions.
        comparisons: paired tests over seeds, of this file by itself.
    """

    FILE: ClassVar[str] = (
        "``ablation-<axis>.json``: conditions that differ in one thing, trained and measured on fixed splits."
    )
    MADE_BY: ClassVar[str] = "fractalctl ablate"

    axis: str
    varied: str | None
    values: list[int | float | str]
    seeds: list[int]
    arms: dict[str, ArmName]
    about: dict[str, int | float | str] = msgspec.field(default_factory=dict)
    runs: list[Run]
    comparisons: list[Comparison]


class PartitionResult(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of the finest classes, its heads trained and measured.

    Attributes:
        coarse: number of coarse classes, K0.
        partition_seed: that drew it; None for the corpus's own coarsest level.
        groups: coarse class of each finest class.
        profile: of the relabelled corpus.
        runs: a head for each arm and seed.
        identity: hexadecimal SHA-256 of all that determines it.
    """

    coarse: int
    partition_seed: int | None
    groups: list[int]
    profile: Profile
    runs: list[Run]
    identity: str


class Synthesis(Conditions, frozen=True, kw_only=True, tag="fractalctl-synthesis"):
    """Steerability over the number of coarse classes.

    Attributes:
        seeds: of training.
        coarse: numbers of coarse classes, in order.
        partition_seeds: one random partition of every number for each.
        arms: every arm by its label.
        natural: the corpus's own coarsest level as one more partition.
        partitions: the random ones.
        curves: fit of S over H(L0) by arm and by "a - b", see `fractalctl.statistics.curves`.
    """

    FILE: ClassVar[str] = "``synth.json``: random coarse partitions of one corpus's fine classes."
    MADE_BY: ClassVar[str] = "fractalctl synth"

    seeds: list[int]
    coarse: list[int]
    partition_seeds: list[int]
    arms: dict[str, ArmName]
    natural: PartitionResult
    partitions: list[PartitionResult]
    curves: dict[str, Peak]
