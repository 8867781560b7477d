"""``stats.json``: what was tested about a set of measurements."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from fractalctl.documents import Document, estimates
from fractalctl.documents.measured import Interval
from fractalctl.documents.pooled import Meta, OverCorpora, Robustness, Scaling, SignsOverCorpora


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where something was measured: on a corpus, under one feature set of it.

    Attributes:
        corpus: its name.
        backbone: None where a table does not say.
        features: name of the feature set; None for a table.
        features_identity: of that set; sets of one name and another identity are two places.
        trained_on: ``corpus/set`` that the heads were trained on, where that is another one.
    """

    corpus: str
    backbone: str | None = None
    features: str | None = None
    features_identity: str | None = None
    trained_on: str | None = None


class Located(Place, frozen=True, kw_only=True):
    """What was computed at one place.

    Attributes:
        label: what tables call the place, such as ``clinc``, or ``clinc (minilm-1a2b3c4d)``.
        protocol: with rows and k, as in names of files: ``loo``, ``index-k=10``.
        metric: ``S``, ``S_auc``, ...
    """

    label: str
    protocol: str | None
    metric: str

    @property
    def place(self) -> Place:
        """The place alone, for grouping."""
        return Place(**{name: getattr(self, name) for name in Place.__struct_fields__})


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """Values over seeds against a fixed number.

    Attributes:
        value: that number.
        test: of the values less the number.
        p_adjusted: of the test, over all places of the arm.
    """

    value: float
    test: estimates.PairedT
    p_adjusted: float | None = None


class Description(Located, frozen=True, kw_only=True):
    """One arm at one place, over training seeds.

    Attributes:
        arm: its label.
        strategy: its strategy.
        unit: of replication.
        seeds: of training.
        values: of the metric, one for each seed.
        n: seeds.
        mean, sd: of the values.
        ci: 95 % interval of the mean (Student's t).
        zero: against zero.
        truncation: against the same measure of the backbone's own features, cut to the same lengths.
        correction: of these p values; None for none.
        family_size: places of the arm that have a p against zero; all are corrected together.
    """

    arm: str
    strategy: str
    unit: str = "seed"
    seeds: list[int]
    values: list[float]
    n: int
    mean: float
    sd: float | None
    ci: Interval | None
    zero: Against
    truncation: Against | None
    correction: str | None = None
    family_size: int = 1
    reason: str | None = None


class BothEquivalences(msgspec.Struct, frozen=True, kw_only=True):
    """Equivalence tests of one comparison.

    Attributes:
        b: of arm b with zero.
        difference: of the arms with each other.
    """

    b: estimates.Equivalence
    difference: estimates.Equivalence


class Comparison(Located, frozen=True, kw_only=True):
    """Two arms at one place, paired over training seeds; differences are a - b.

    Attributes:
        a, b: labels of the arms.
        unit: of replication.
        seeds: that both arms have.
        values_a, values_b: of the metric, one for each seed.
        mean_a, sd_a, mean_b, sd_b: of these values.
        n: seeds.
        df: n - 1.
        difference: mean of a - b.
        difference_sd, difference_ci: its standard deviation and 95 % interval.
        t, p: of the paired t test, two-sided, before any correction.
        p_adjusted: None without a ``correction``.
        correction: that was asked for.
        family: name of what was corrected together.
        family_size: how many tests of the family have a p.
        cohens_d, cohens_d_ci: mean over SD of the differences, and its 95 % interval.
        hedges_g, hedges_g_ci: the same, corrected for few seeds.
        d_av, d_av_ci: mean difference over the mean variance's root, and its 95 % interval.
        wilcoxon: signed-rank test.
        permutation: sign-flip test of the mean.
        differs: training settings in which the arms differ, each with that of a and that of b.
        equivalence, power: where they were asked for.
    """

    a: str
    b: str
    unit: str = "seed"
    seeds: list[int]
    values_a: list[float]
    values_b: list[float]
    mean_a: float
    sd_a: float | None
    mean_b: float
    sd_b: float | None
    n: int
    df: int
    difference: float
    difference_sd: float | None
    difference_ci: Interval | None
    t: float | None
    p: float | None
    p_adjusted: float | None = None
    correction: str | None = None
    family: str = ""
    family_size: int = 1
    cohens_d: float | None
    cohens_d_ci: Interval | None
    hedges_g: float | None
    hedges_g_ci: Interval | None
    d_av: float | None
    d_av_ci: Interval | None
    wilcoxon: estimates.Randomization
    permutation: estimates.Randomization
    differs: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    equivalence: BothEquivalences | None = None
    power: estimates.Power | None = None
    reason: str | None = None

    @property
    def gaps(self) -> list[float]:
        """Differences a - b, one per seed, freed of the rounding noise of decimal fractions."""
        return [round(a - b, 12) for a, b in zip(self.values_a, self.values_b, strict=True)]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison as a member of a family.

    Attributes:
        label: what tables call the place.
        corpus, backbone: of the place.
        a, b: labels of the arms.
    """

    label: str
    corpus: str
    backbone: str | None
    a: str
    b: str


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Comparisons that are corrected together.

    Attributes:
        name: what to call it.
        m: members that have a p value.
        correction: of these; None for none.
        members: in the order of the comparisons.
    """

    name: str
    m: int
    correction: str | None
    members: list[Member]


class McNemarAt(estimates.McNemar, frozen=True, kw_only=True):
    """McNemar's test of one seed at one prefix length and level.

    Attributes:
        seed: of both heads.
        prefix: numbers of the prefix.
        level: ``L0`` is the coarsest.
    """

    seed: int
    prefix: int
    level: str


class QueryComparison(Located, frozen=True, kw_only=True):
    """One comparison with queries as the unit of replication; p values are raw.

    Attributes:
        a, b: labels of the arms.
        n: queries.
        seeds: that both arms have.
        bootstrap: of the difference, averaged over seeds; None where the metric is no mean over queries.
        mcnemar: for each seed, prefix length and level.
    """

    a: str
    b: str
    n: int
    seeds: list[int]
    bootstrap: estimates.QueryBootstrap | None
    mcnemar: list[McNemarAt]


class Queries(msgspec.Struct, frozen=True, kw_only=True):
    """Comparisons whose evaluations carry the hits of every query.

    Attributes:
        unit: of replication.
        comparisons: pairs of arms at every place.
    """

    unit: str = "query"
    comparisons: list[QueryComparison]


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """Parabolas through the columns of a table.

    Attributes:
        unit: of replication.
        n: rows.
        x: the column that they run along.
        source: path of the table.
        fits: by column.
    """

    unit: str = "coarse partition"
    n: int
    x: str
    source: str
    fits: dict[str, estimates.Quadratic]


class AcrossBackbones(estimates.Heterogeneity, frozen=True, kw_only=True):
    """Whether the difference a - b on one corpus depends on the backbone; seeds are the replicates.

    Attributes:
        corpus: its name.
        metric: that is compared.
        a, b: labels of the arms.
    """

    corpus: str
    metric: str
    a: str
    b: str


class PrintedFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that a publication prints, beside what the measurements give for it.

    Attributes:
        name: what to call it.
        path: where it stands in the document.
        printed: as published; its decimals say how closely the two must agree.
        computed: from the measurements.
        agrees: the computed figure rounds to the printed one.
        remark: why it does not, where that is known.
    """

    name: str
    path: str
    printed: str
    computed: float
    agrees: bool
    remark: str | None = None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What part of a folder of results was tested.

    Attributes:
        kind: ``evaluations`` (of one backbone and protocol), ``backbones`` (one protocol, the corpora that
            have several), ``ablation`` or ``synthesis``.
        backbone: None where there are several.
        protocol: with rows and k, as in names of files.
        axis: of an ablation.
        corpora: in their order.
        reference: arm that the others were compared with; None where there is one arm.
    """

    kind: str
    backbone: str | None
    protocol: str
    axis: str | None = None
    corpora: list[str]
    reference: str | None


class Statistics(Document, frozen=True, kw_only=True, tag="fractalctl-statistics"):
    """What was tested about a set of measurements.

    Attributes:
        about: the part of a folder; None where the measurements were named by the user.
        metric: that is compared.
        protocol: with rows and k, as in names of files.
        alpha: level of the tests.
        correction: of p values; None for none.
        families: of comparisons that were corrected together.
        described: every arm at every place.
        comparisons: pairs of arms at every place.
        sign_test, meta, robustness: of the first pair, over corpora; None where there is none.
        scaling: of the first pair's arm a, or of the only arm.
        further: sign tests and pooling of the other pairs.
        queries: tests over queries.
        across_backbones: whether differences depend on the backbone.
        quadratic: parabolas through a table.
        notes: what a reader should know.
        published: figures of a publication beside these.
    """

    FILE: ClassVar[str] = "``stats.json``: what was tested about a set of measurements."
    MADE_BY: ClassVar[str] = "fractalctl stats"

    about: Subject | None = None
    metric: str = "S"
    protocol: str | None = None
    alpha: float = 0.05
    correction: str | None = None
    families: list[Family] = msgspec.field(default_factory=list)
    described: list[Description] = msgspec.field(default_factory=list)
    comparisons: list[Comparison] = msgspec.field(default_factory=list)
    sign_test: SignsOverCorpora | None = None
    meta: Meta | None = None
    scaling: Scaling | None = None
    robustness: Robustness | None = None
    further: list[OverCorpora] = msgspec.field(default_factory=list)
    queries: Queries | None = None
    across_backbones: list[AcrossBackbones] = msgspec.field(default_factory=list)
    quadratic: Curves | None = None
    notes: list[str] = msgspec.field(default_factory=list)
    published: list[PrintedFigure] = msgspec.field(default_factory=list)

    def over_corpora(self) -> Iterator[OverCorpora]:
        """Yield the pooling of every pair, the first pair's first."""
        if self.sign_test:
            yield OverCorpora(
                a=self.sign_test.a, b=self.sign_test.b, sign_test=self.sign_test, meta=self.meta
            )
        yield from self.further
