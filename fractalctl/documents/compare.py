"""``compare.json``: arms side by side, which of them are on the frontier, and what tests say of them."""

from typing import ClassVar

import msgspec

from fractalctl.documents import Document
from fractalctl.documents.measured import Interval
from fractalctl.documents.statistics import Comparison, Place


class MeanValue(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one arm over its training seeds.

    Attributes:
        mean: over seeds.
        sd: standard deviation; None for one seed.
        ci: 95 % interval of the mean (Student's t); None for one seed.
        values: of each seed.
    """

    mean: float
    sd: float | None
    ci: Interval | None
    values: list[float]


class FlatReference(msgspec.Struct, frozen=True, kw_only=True):
    """The best flat classifier of one level.

    Attributes:
        level: ``L0`` is the coarsest.
        accuracy: of the classifier.
        source: an arm's label, or ``linear classifier`` of the untouched features.
    """

    level: str
    accuracy: float
    source: str


class ArmAtPlace(msgspec.Struct, frozen=True, kw_only=True):
    """One arm at one place.

    Attributes:
        arm: its label.
        strategy: its strategy.
        dims: ascending prefix lengths.
        seeds: of training, in the order of ``values``.
        measures: by name, see `fractalctl.statistics.side_by_side`.
        dominated_by: arms that are at least as good in all criteria of the frontier and better in one, by
            means; the arm is on the frontier where there is none.
        clearly: whether one of them is better in one criterion by more than chance: the 95 % interval of the
            difference over paired seeds lies on its side of zero. None where the arm is on the frontier, or
            no two seeds pair.
        bytes_per_vector: float32, at full length.
        head_bytes: of the weights; None where they do not lie beside the evaluation.
    """

    arm: str
    strategy: str
    dims: list[int]
    seeds: list[int]
    measures: dict[str, MeanValue]
    dominated_by: list[str]
    clearly: bool | None
    bytes_per_vector: int
    head_bytes: int | None


class Untrained(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at some lengths without labels: the backbone's own cut, or its principal components.

    Attributes:
        name: of its row, such as ``minilm, cut``.
        dims: ascending lengths.
        measures: accuracies at the ends and S, by the names that arms' measures have.
    """

    name: str
    dims: list[int]
    measures: dict[str, float]


class PlaceCompared(Place, frozen=True, kw_only=True):
    """All arms at one place.

    Attributes:
        label: what tables call the place.
        levels: the coarsest and the finest.
        titles: what people call these two; empty in files of earlier versions.
        n_queries: that were asked.
        n_reference: rows that answered.
        references: the best flat classifiers of both levels, which lossless S is held against; empty where
            there is none of a level.
        arms: in their order.
        untrained: what they have to beat; empty in files of earlier versions.
    """

    label: str
    levels: tuple[str, str]
    n_queries: int
    n_reference: int
    references: list[FlatReference]
    arms: list[ArmAtPlace]
    titles: list[str] = msgspec.field(default_factory=list)
    untrained: list[Untrained] = msgspec.field(default_factory=list)


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """Friedman's test of ranks of arms over corpora, and Nemenyi's critical difference.

    Attributes:
        measure: that ranks; the best arm of a corpus has rank 1, equal ones share their mean rank.
        corpora: that have all the arms; several places of one corpus are averaged first.
        arms: by rising mean rank.
        mean_ranks: of each.
        statistic: Friedman's chi squared, corrected for ties; None with a ``reason``.
        df: arms - 1.
        p: of the test.
        critical_difference: by which mean ranks must differ at level alpha; None with a ``reason``.
        groups: largest sets of arms that do not differ by more.
        reason: why something is missing.
    """

    measure: str
    corpora: list[str]
    arms: list[str]
    mean_ranks: list[float]
    statistic: float | None
    df: int
    p: float | None
    critical_difference: float | None
    groups: list[list[str]]
    reason: str | None = None


class ArmsCompared(Document, frozen=True, kw_only=True, tag="fractalctl-compare"):
    """Arms of one protocol, side by side.

    Attributes:
        protocol: with rows and k, as in names of files.
        reference: the arm that tests compare with; None where there is one arm only.
        alpha: level of tests.
        criteria: measures that make the frontier; true where more is better.
        places: a corpus under a feature set each.
        tests: paired t tests over seeds of every other arm less the reference, Holm's correction over the
            arms of a corpus and a measure.
        rankings: over corpora, by measure.
        notes: what is missing, and why.
    """

    FILE: ClassVar[str] = (
        "``compare.json``: arms side by side, which of them are on the frontier, and what tests say of them."
    )
    MADE_BY: ClassVar[str] = "fractalctl compare"

    protocol: str
    reference: str | None
    alpha: float
    criteria: dict[str, bool]
    places: list[PlaceCompared]
    tests: list[Comparison]
    rankings: list[Ranking]
    notes: list[str]
