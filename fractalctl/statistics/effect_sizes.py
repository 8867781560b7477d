"""Standardised mean differences of paired samples with exact intervals, and the power that seeds give.

Power itself is statsmodels'; its solver for n and d is not used, because it does not converge for few pairs.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from fractalctl.documents.estimates import PairedEffects, Power
from fractalctl.documents.measured import Interval
from fractalctl.errors import RequestError
from fractalctl.statistics.paired import differences, is_constant, same_length

FAR = 1e4
"""Beyond this t the normal part of a noncentral t is negligible, and scipy's distribution function ends."""
WANTED, MOST_SEEDS = 0.8, 100_000
CERTAIN = 1e3  # a noncentrality beyond which power is 1 to double precision at any level in use


def hedges_correction(df: float) -> float | None:
    """Hedges' exact small-sample correction J = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2)).

    g = J d is unbiased for normal data. J(4) = 0.798 and J(2) = 0.564; the common approximation 1 - 3 / (4 df
    - 1) gives 0.800 and 0.571. At df = 1 d has no expectation, and the result is None.

    Source: Hedges, Distribution theory for Glass's estimator of effect size, Journal of Educational
    Statistics 6, 1981.

    >>> round(hedges_correction(4), 4)
    0.7979
    """
    if df < 2:
        return None
    return math.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / math.sqrt(df / 2)


def noncentrality_interval(t: float, df: float, level: float = 0.95) -> Interval:
    """Confidence interval of the noncentrality parameter, by inverting the test for each of its values.

    The limits are those delta for which the observed t (finite, df >= 1) is the upper, or lower, (1 - level)
    / 2 quantile of the noncentral t distribution.

    Source: Steiger and Fouladi, in Harlow et al. (eds.), What If There Were No Significance Tests?, 1997;
    Cumming and Finch, Educational and Psychological Measurement 61, 2001.

    >>> low, high = noncentrality_interval(2.83, 126)
    >>> round(low, 6), round(high, 6)
    (0.83375, 4.815359)
    """
    if t < 0:
        low, high = noncentrality_interval(-t, df, level)
        return -high, -low
    tails = (1 + level) / 2, (1 - level) / 2
    if t > FAR:
        low, high = (t * math.sqrt(_chi_square(tail, df) / df) for tail in reversed(tails))
        return low, high
    least, most = (t * math.sqrt(_chi_square(edge, df) / df) for edge in (1e-5, 1 - 1e-5))

    def excess(delta: float, tail: float) -> float:
        found = float(special.nctdtr(df, delta, t))
        # scipy has no answer in the far tails, where the probability is 0 or 1 to double precision.
        return (float(delta < t) if math.isnan(found) else found) - tail

    low, high = (optimize.brentq(excess, least - 5, most + 5, args=(tail,), xtol=1e-10) for tail in tails)
    return float(low), float(high)


def _chi_square(share: float, df: float) -> float:
    """The quantile of a chi-square distribution, as scipy.stats has it but without its checks."""
    return 2 * float(special.gammaincinv(df / 2, share))


def paired_effects(a: ArrayLike, b: ArrayLike) -> PairedEffects:
    """Cohen's d (d_z), Hedges' g and d_av of paired samples, one value per seed.

    d = mean(a - b) / sd(a - b) = t / sqrt(n), its interval the noncentrality interval over sqrt(n). g = J(n -
    1) d. d_av = mean(a - b) / sqrt((var a + var b) / 2) measures against the spread of the arms rather than
    of the differences, so it does not grow when pairing removes shared variation; its interval scales with
    it. Equal samples give 0; with two pairs g does not exist; without spread, or with one pair, nothing does.

    Raises: RequestError, as `paired` says. Source: Cohen, Statistical Power Analysis, 1988, p. 48; Lakens,
    Frontiers in Psychology 4, 2013 (d_z); Cumming, Understanding the New Statistics, 2012, p. 291 (d_av);
    Algina and Keselman, Educational and Psychological Measurement 63, 2003 (interval of d_av).

    >>> effects = paired_effects([0.05, 0.06, 0.09], [0.03, 0.05, 0.04])
    >>> round(effects.cohens_d, 3), round(effects.hedges_g, 3), round(effects.d_av, 3)
    (1.281, 0.723, 1.633)
    """
    first, second = same_length(a=a, b=b)
    gaps = differences(first, second)
    n = len(gaps)
    if is_constant(gaps):
        return _without_spread(n, bool(gaps.any()))
    d = float(gaps.mean() / gaps.std(ddof=1))
    low, high = (limit / math.sqrt(n) for limit in noncentrality_interval(d * math.sqrt(n), n - 1))
    j = hedges_correction(n - 1)
    ratio = float(gaps.std(ddof=1) / np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2))
    return PairedEffects(
        cohens_d=d,
        cohens_d_ci=(low, high),
        hedges_g=None if j is None else j * d,
        hedges_g_ci=None if j is None else (j * low, j * high),
        d_av=ratio * d,
        d_av_ci=(ratio * low, ratio * high),
        reason="two pairs: the correction of Hedges' g does not exist" if j is None else None,
    )


def _without_spread(n: int, different: bool) -> PairedEffects:
    nothing = (None,) * 6
    if n < 2:
        return PairedEffects(*nothing, "one pair: no spread to measure against")
    if different:
        return PairedEffects(*nothing, "the differences do not vary: a standardised difference is infinite")
    return PairedEffects(0.0, None, 0.0, None, 0.0, None, "the arms are equal")


def paired_power(d: float, n: int, alpha: float = 0.05) -> float:
    """Probability that the two-sided paired t test of n pairs rejects at alpha when the true effect is d.

    1 - F(t_crit; n-1, d sqrt n) + F(-t_crit; n-1, d sqrt n), F the noncentral t distribution function and d
    the true mean difference over the standard deviation of differences.

    Raises: RequestError where there are fewer than two pairs, or alpha is not between 0 and 1. Source: Cohen,
    Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 2.

    >>> round(paired_power(1.5, 5), 3)
    0.711
    """
    if n < 2 or not 0 < alpha < 1:
        raise RequestError(f"power needs at least 2 pairs and 0 < alpha < 1, not n = {n} and alpha = {alpha}")
    if abs(d) * math.sqrt(n) > CERTAIN:
        return 1.0
    from statsmodels.stats.power import ttest_power

    found = float(ttest_power(abs(d), n, alpha))
    if math.isnan(found):  # the far tail is 0 to double precision, and scipy's answer for it not a number
        found = float(ttest_power(abs(d), n, alpha / 2, alternative="larger"))
    return min(1.0, found)


def seeds_needed(d: float, power: float = WANTED, alpha: float = 0.05) -> int | None:
    """Smallest number of pairs at which the paired t test has the wanted power; None beyond `MOST_SEEDS`.

    Raises: RequestError where power or alpha is not between 0 and 1.

    >>> seeds_needed(0.5)
    34
    """
    if not 0 < power < 1:
        raise RequestError(f"a wanted power lies between 0 and 1, not {power}")
    few, many = 1, 2
    while paired_power(d, many, alpha) < power:
        if many == MOST_SEEDS:
            return None
        few, many = many, min(2 * many, MOST_SEEDS)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if paired_power(d, middle, alpha) >= power else (middle, many)
    return many


def detectable_effect(n: int, power: float = WANTED, alpha: float = 0.05) -> float:
    """Smallest d that n pairs detect with the wanted power.

    Raises: RequestError where there are fewer than two pairs, or power or alpha is out of range.

    >>> round(detectable_effect(5), 2)
    1.68
    """
    if not alpha < power < 1:
        raise RequestError(f"a wanted power lies between alpha and 1, not {power}")
    most = 1.0
    while paired_power(most, n, alpha) < power:
        most *= 2
    return float(optimize.brentq(lambda d: paired_power(d, n, alpha) - power, 0.0, most))


def plan(d: float | None, n: int, alpha: float = 0.05) -> Power:
    """Power at effect d and n pairs, pairs needed for the wanted power, and the effect that n pairs detect.

    >>> plan(0.5, 5).seeds_needed
    34
    """
    if n < 2:
        return Power(n, d, alpha, WANTED, None, None, None, "one pair: no test, so no power")
    detectable = detectable_effect(n, WANTED, alpha)
    if d is None:
        return Power(n, None, alpha, WANTED, None, None, detectable, "there is no effect size")
    needed = seeds_needed(d, WANTED, alpha)
    reason = None if needed else f"more than {MOST_SEEDS} pairs"
    return Power(n, d, alpha, WANTED, paired_power(d, n, alpha), needed, detectable, reason)
