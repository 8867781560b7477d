"""``ablation-<axis>.json``: conditions that differ in one thing, trained and measured on fixed splits."""

from typing import ClassVar

import msgspec

from fractalctl.documents.measured import ArmName, Conditions, Run
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

    MADE_BY: ClassVar[str] = "fractalctl ablate"

    axis: str
    varied: str | None
    values: list[int | float | str]
    seeds: list[int]
    arms: dict[str, ArmName]
    about: dict[str, int | float | str] = msgspec.field(default_factory=dict)
    runs: list[Run]
    comparisons: list[Comparison]
