"""What the estimators of `fractalctl.statistics` give: typed, and part of the files that hold statistics.

Where a figure does not exist it is None and ``reason`` says why; there is never a NaN.
"""

from typing import Literal

import msgspec

from fractalctl.documents.measured import Interval


class PairedT(msgspec.Struct, frozen=True):
    """t test of differences against zero.

    Attributes:
        n: pairs.
        df: n - 1.
        difference: mean of the differences.
        sd: of the differences.
        ci: interval of the mean, 95 % unless said otherwise.
        t: mean over its standard error.
        p: two-sided.
    """

    n: int
    df: int
    difference: float
    sd: float | None
    ci: Interval | None
    t: float | None
    p: float | None
    reason: str | None = None


class Randomization(msgspec.Struct, frozen=True):
    """A test whose null distribution is that of the data's own signs.

    Attributes:
        n: pairs that enter.
        statistic: of the data.
        p: two-sided.
        minimum_p: the smallest p that n pairs can give, 2 / 2^n: at n = 5 no outcome reaches 0.05.
        exact: all sign patterns were visited.
    """

    n: int
    statistic: float
    p: float
    minimum_p: float
    exact: bool
    reason: str | None = None


class PairedEffects(msgspec.Struct, frozen=True):
    """Effect sizes of one paired comparison."""

    cohens_d: float | None
    cohens_d_ci: Interval | None
    hedges_g: float | None
    hedges_g_ci: Interval | None
    d_av: float | None
    d_av_ci: Interval | None
    reason: str | None = None


class SignTest(msgspec.Struct, frozen=True):
    """Wins among units.

    Attributes:
        wins: units above zero.
        n: units above or below zero.
        ties: units at zero, which count for neither side and are left out of n.
        p_one_sided, p_two_sided: exact binomial.
    """

    wins: int
    n: int
    ties: int
    p_one_sided: float
    p_two_sided: float


class Equivalence(msgspec.Struct, frozen=True):
    """Two one-sided tests that a mean lies within a margin around zero.

    Attributes:
        n: units of replication.
        mean: of the values.
        margin: what counts as practically zero lies between -margin and +margin.
        alpha: level of each one-sided test.
        p_lower: of the test against means below -margin.
        p_upper: of the test against means above +margin.
        p: the larger of the two.
        ci: interval of the mean at level 1 - 2 alpha; inside the margin exactly when ``equivalent``.
        equivalent: p < alpha.
    """

    n: int
    mean: float
    margin: float
    alpha: float
    p_lower: float | None
    p_upper: float | None
    p: float | None
    ci: Interval | None
    equivalent: bool
    reason: str | None = None


Finding = Literal["holds", "does not hold", "cannot tell"]


class NoDifference(msgspec.Struct, frozen=True):
    """What data say to a claim that a mean is practically zero, see `fractalctl.statistics.no_difference`.

    Attributes:
        equivalence: whether the mean lies within the margin.
        difference: whether it differs from zero.
        finding: what follows from both.
    """

    equivalence: Equivalence
    difference: PairedT
    finding: Finding


class GroupMean(msgspec.Struct, frozen=True):
    """One of several groups of replicates, such as the seeds under one backbone.

    Attributes:
        label: what to call it.
        n: replicates.
        mean, sd: of these.
    """

    label: str
    n: int
    mean: float
    sd: float | None


class Heterogeneity(msgspec.Struct, frozen=True):
    """What data say to a claim that a mean does not depend on the group it is taken in.

    Attributes:
        groups: in their order.
        q: Cochran's Q of the groups' means about their weighted mean, weights n / variance.
        q_df: groups - 1.
        q_p: its p from chi squared, which is too small for few replicates.
        f: Welch's statistic: Q over its degrees of freedom, corrected for variances being estimated.
        f_df: denominator degrees of freedom.
        p: of Welch's test.
        i2: share of Q above its expectation, 0 to 1.
        margin: groups whose means differ by less are practically alike; None where none was stated.
        widest: the pair of groups farthest apart, and the 1 - 2 alpha interval of their difference.
        widest_ci: that interval.
        equivalent: every pair of groups differs by less than the margin, by two one-sided tests.
        finding: what follows; None without a margin.
    """

    groups: tuple[GroupMean, ...]
    q: float | None
    q_df: int
    q_p: float | None
    f: float | None
    f_df: float | None
    p: float | None
    i2: float | None
    margin: float | None
    widest: tuple[str, str] | None
    widest_ci: Interval | None
    equivalent: bool | None
    finding: Finding | None
    reason: str | None = None


class Power(msgspec.Struct, frozen=True):
    """Planning figures of one comparison.

    Power at the observed effect repeats what its p value says; plan with ``seeds_needed`` and
    ``detectable_d``.

    Attributes:
        n: seeds.
        d: observed effect, mean over SD of the differences.
        alpha: level of the two-sided test.
        wanted: power that the next two are for.
        power: at the observed effect.
        seeds_needed: for the wanted power at the observed effect.
        detectable_d: the smallest effect that n seeds show with the wanted power.
    """

    n: int
    d: float | None
    alpha: float
    wanted: float
    power: float | None
    seeds_needed: int | None
    detectable_d: float | None
    reason: str | None = None


class McNemar(msgspec.Struct, frozen=True):
    """Exact McNemar test.

    Attributes:
        n: queries.
        only_a: queries that only the first head answers rightly.
        only_b: queries that only the second head answers rightly.
        p: two-sided.
    """

    n: int
    only_a: int
    only_b: int
    p: float


class QueryBootstrap(msgspec.Struct, frozen=True):
    """Percentile bootstrap over queries of a mean of per-query numbers.

    Attributes:
        n: queries.
        mean: observed.
        ci: percentile interval.
        share_positive: share of resamples whose mean is above zero.
        resamples: how many were drawn.
    """

    n: int
    mean: float
    ci: Interval
    share_positive: float
    resamples: int


class Correlation(msgspec.Struct, frozen=True):
    """A correlation coefficient.

    Attributes:
        n: units.
        coefficient: between -1 and 1.
        p: two-sided; of Spearman from the t approximation, as most software and the paper report it.
        p_exact: two-sided, over all n! orders of one variable; of Spearman only, for few units.
    """

    n: int
    coefficient: float | None
    p: float | None
    p_exact: float | None = None
    reason: str | None = None


class WithoutOne(msgspec.Struct, frozen=True):
    """Correlations with one unit dropped.

    Attributes:
        dropped: its label; None for all units.
        k: units that are left.
        spearman, pearson: of these.
    """

    dropped: str | None
    k: int
    spearman: Correlation
    pearson: Correlation


class CorrelationBootstrap(msgspec.Struct, frozen=True):
    """Percentile bootstrap of Spearman's rho over units.

    Attributes:
        resamples: drawn, without the undefined ones.
        undefined: further ones, in which a variable did not vary.
        ci: percentile interval.
        share_positive: share of resamples with rho above zero.
    """

    resamples: int
    undefined: int
    ci: Interval | None
    share_positive: float | None
    reason: str | None = None


class PowerLaw(msgspec.Struct, frozen=True, kw_only=True):
    """S = c H^a A^b.

    Attributes:
        k: units.
        space: ``linear`` (least squares of S) or ``logarithmic`` (of log S).
        c: the scale.
        a: exponent of H, the bits of H(finest | L0).
        b: exponent of A, the accuracy of the backbone.
        c_se, a_se, b_se: standard errors.
        r2: share of variance explained in that space.
    """

    k: int
    space: str
    c: float | None = None
    a: float | None = None
    b: float | None = None
    c_se: float | None = None
    a_se: float | None = None
    b_se: float | None = None
    r2: float | None = None
    reason: str | None = None


class Quadratic(msgspec.Struct, frozen=True, kw_only=True):
    """y = c0 + c1 x + c2 x^2.

    Attributes:
        n: points.
        coefficients: (c0, c1, c2).
        r2: share of variance explained.
        vertex: -c1 / (2 c2), where the parabola turns.
        vertex_se, vertex_ci: its delta-method standard error and 95 % interval.
        height: of the parabola there.
        kind: ``maximum`` or ``minimum``.
        inside: the vertex lies within the range of x, so it is observed rather than extrapolated.
        remark: on a curve that is known from elsewhere.
    """

    n: int
    coefficients: tuple[float, float, float]
    r2: float
    vertex: float | None = None
    vertex_se: float | None = None
    vertex_ci: Interval | None = None
    height: float | None = None
    kind: str | None = None
    inside: bool | None = None
    reason: str | None = None
    remark: str | None = None


class Slopes(msgspec.Struct, frozen=True):
    """Slopes of a parabola where its conditions begin and end; an inverted U rises first and falls last.

    Attributes:
        low: c1 + 2 c2 x at the smallest x.
        high: at the largest.
        p: of "does not rise first, or does not fall last": the larger of both one-sided p values (t with
            n - 3 degrees of freedom); None where three conditions fix the parabola.
    """

    low: float
    high: float
    p: float | None


class VertexBootstrap(msgspec.Struct, frozen=True):
    """The vertex over resampled units.

    Attributes:
        resamples: drawn.
        share_inside: share of them whose parabola has its maximum within the range of x.
        ci: 95 % percentile interval over the resamples that have a maximum, where nearly all have.
    """

    resamples: int
    share_inside: float | None
    ci: Interval | None
    reason: str | None = None


class Band(msgspec.Struct, frozen=True):
    """The parabola along x, for drawing.

    Attributes:
        x, y: points of it.
        low, high: pointwise 95 % percentile limits over resamples, where there are any.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


class Peak(msgspec.Struct, frozen=True):
    """A parabola through the means of conditions.

    Attributes:
        quadratic: least squares over conditions.
        slopes: of an inverted U.
        bootstrap: of its vertex.
        band: for drawing.
    """

    quadratic: Quadratic | None
    slopes: Slopes | None
    bootstrap: VertexBootstrap | None
    band: Band | None
    reason: str | None = None
