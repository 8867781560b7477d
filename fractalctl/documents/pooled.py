"""What corpora say together, each of them one unit: signs, pooled effects, scaling, definitions of S.

Where a figure does not exist it is None and ``reason`` says why.
"""

import msgspec

from fractalctl.documents import estimates
from fractalctl.documents.measured import Interval


class HartungKnapp(msgspec.Struct, frozen=True):
    """The Hartung-Knapp-Sidik-Jonkman interval: a t test whose error comes from the effects' own spread.

    Attributes:
        se: standard error of the pooled effect by that spread.
        df: units - 1.
        t: pooled / se.
        p: two-sided.
        ci: 95 % interval.
    """

    se: float
    df: int
    t: float
    p: float
    ci: Interval


class Pooled(msgspec.Struct, frozen=True):
    """A pooled effect.

    Attributes:
        k: units pooled.
        method: estimator of tau^2.
        pooled: the average effect.
        se: its standard error.
        ci: normal-theory interval (Wald).
        z: pooled / se.
        p: two-sided.
        tau2: variance between units.
        q: Cochran's Q.
        q_df: units - 1.
        q_p: of Q, from chi squared.
        i2: share (0 to 1) of the total variance that lies between units.
        h2: total over sampling variance, 1 / (1 - i2).
        prediction_interval: for the true effect of one new unit, t with k - 2 degrees of freedom.
        weights: (k,) of the units, summing to 1.
        hartung_knapp: the alternative interval for few units.
    """

    k: int
    method: str
    pooled: float
    se: float
    ci: Interval
    z: float
    p: float
    tau2: float
    q: float
    q_df: int
    q_p: float | None
    i2: float
    h2: float
    prediction_interval: Interval | None
    weights: tuple[float, ...]
    hartung_knapp: HartungKnapp | None
    reason: str | None = None


class Influence(msgspec.Struct, frozen=True):
    """What one unit does to a pooled effect.

    Attributes:
        label: the unit.
        weight: its share in the pooled effect.
        residual: (effect - pooled without it) over the standard error of that difference; beyond +-2 it is
            unusual.
        cooks_distance: squared shift of the pooled effect without it, in squared standard errors.
        without: the pooling of all the others.
    """

    label: str
    weight: float
    residual: float
    cooks_distance: float
    without: Pooled


class Coefficient(msgspec.Struct, frozen=True):
    """One coefficient of a meta-regression.

    Attributes:
        name: of the moderator, or the intercept.
        estimate: the coefficient.
        se: its standard error.
        z: estimate / se, the Wald test.
        p: two-sided.
        ci: 95 % interval.
    """

    name: str
    estimate: float
    se: float
    z: float
    p: float
    ci: Interval


class MetaRegression(msgspec.Struct, frozen=True):
    """A mixed-effects meta-regression.

    Attributes:
        k: units.
        method: estimator of tau^2.
        coefficients: the intercept, then the moderators.
        tau2: variance between units that the moderators leave.
        tau2_without: the same without moderators.
        r2: share (0 to 1) of the variance between units that the moderators explain; None where there is
            none.
        i2: share of the residual variance that lies between units.
        q_moderators: Wald test of all moderators together.
        q_moderators_df, q_moderators_p: its degrees of freedom and p.
        q_residual: test of residual heterogeneity.
        q_residual_df, q_residual_p: its degrees of freedom and p.
    """

    k: int
    method: str
    coefficients: tuple[Coefficient, ...]
    tau2: float
    tau2_without: float
    r2: float | None
    i2: float
    q_moderators: float
    q_moderators_df: int
    q_moderators_p: float
    q_residual: float
    q_residual_df: int
    q_residual_p: float


class CorpusUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A corpus as the unit of replication.

    Attributes:
        label: what tables call it.
        corpus: its name.
        averaged: labels of the places that measure it, where there are several; they count as one.
    """

    label: str
    corpus: str
    averaged: list[str] = msgspec.field(default_factory=list)


class SignsOverCorpora(estimates.SignTest, frozen=True, kw_only=True):
    """The sign test of a - b over corpora.

    Attributes:
        a, b: labels of the arms.
        unit: of replication.
    """

    a: str
    b: str
    unit: str = "corpus"


class CorpusEffect(CorpusUnit, frozen=True, kw_only=True):
    """The effect of one corpus, as it is pooled.

    Attributes:
        effect: its size.
        variance: of sampling.
        se: root of the variance.
    """

    effect: float
    variance: float
    se: float


class Regressions(msgspec.Struct, frozen=True, kw_only=True):
    """Effects over a property of the corpora.

    Attributes:
        depth: over H(finest | L0).
        product: over H(finest | L0) times the baseline accuracy.
    """

    depth: MetaRegression | None = None
    product: MetaRegression | None = None
    reason: str | None = None


class Meta(Pooled, frozen=True, kw_only=True):
    """Effects of a over b pooled over corpora; at the top level by DerSimonian and Laird.

    Attributes:
        a, b: labels of the arms.
        unit: of replication.
        effect: what is pooled.
        combined: what was done where several places measure one corpus; None where none does.
        effects: of each corpus.
        estimators: the same with every estimator of tau^2.
        hedges_g: the same for g.
        difference: the same for the plain mean difference.
        influence: each corpus left out in turn.
        regression: on properties of the corpora.
        excluded: labels of places without an effect size.
    """

    a: str
    b: str
    unit: str = "corpus"
    effect: str
    combined: str | None
    effects: list[CorpusEffect]
    estimators: dict[str, Pooled]
    hedges_g: Pooled | None
    difference: Pooled | None
    influence: list[Influence]
    regression: Regressions
    excluded: list[str]


class OverCorpora(msgspec.Struct, frozen=True, kw_only=True):
    """What corpora say together about one pair of arms.

    Attributes:
        a, b: labels of the arms.
        sign_test: on how many corpora a is above b.
        meta: the pooled effect; None where fewer than two corpora have one.
    """

    a: str
    b: str
    sign_test: SignsOverCorpora
    meta: Meta | None


class ScalingPoint(CorpusUnit, frozen=True, kw_only=True):
    """One corpus.

    Attributes:
        mean: of the metric over seeds.
        depth: bits, H(finest | L0).
        baseline_accuracy: fraction, of the untouched backbone at the finest level.
        product: of both.
    """

    mean: float
    depth: float
    baseline_accuracy: float
    product: float


class Predictor(msgspec.Struct, frozen=True, kw_only=True):
    """How one property of corpora goes with the metric.

    Attributes:
        spearman, pearson, kendall: that coefficient.
        bootstrap: of Spearman's rho.
        leave_one_out: all corpora, then each dropped in turn.
        cooks_distance: of the straight line, by corpus; None where no line can be drawn.
    """

    spearman: estimates.Correlation
    pearson: estimates.Correlation
    kendall: estimates.Correlation
    bootstrap: estimates.CorrelationBootstrap
    leave_one_out: list[estimates.WithoutOne]
    cooks_distance: dict[str, float] | None


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """What predicts an arm's metric over corpora.

    Attributes:
        arm: its label.
        metric: that is predicted.
        unit: of replication.
        n: corpora.
        points: one for each corpus.
        predictors: by name: ``depth``, ``baseline_accuracy`` and their ``product``.
        power_law: by least squares of the metric.
        power_law_logarithmic: by least squares of its logarithm.
    """

    arm: str
    metric: str
    unit: str = "corpus"
    n: int
    points: list[ScalingPoint]
    predictors: dict[str, Predictor]
    power_law: estimates.PowerLaw
    power_law_logarithmic: estimates.PowerLaw
    reason: str | None = None


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """Differences a - b of every corpus under one definition of steerability.

    Attributes:
        metric: the definition.
        differences: in the order of the corpora.
        sign_test: of these differences.
    """

    metric: str
    differences: list[float]
    sign_test: estimates.SignTest


class RankAgreement(estimates.Correlation, frozen=True, kw_only=True):
    """Spearman's rho between the differences under two definitions.

    Attributes:
        x, y: the definitions.
    """

    x: str
    y: str


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """The same comparison under every definition of steerability.

    Attributes:
        unit: of replication.
        n: corpora.
        a, b: labels of the arms.
        units: the corpora, in the order of the differences.
        definitions: the differences under each.
        rank_agreement: of every two definitions.
        missing: definitions that the measurements do not have.
        note: what to know about them; None for nothing.
    """

    unit: str = "corpus"
    n: int
    a: str
    b: str
    units: list[CorpusUnit]
    definitions: list[Definition]
    rank_agreement: list[RankAgreement]
    missing: list[str]
    note: str | None
