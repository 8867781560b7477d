"""Power of the paired t test: what n seeds can show, and how many an effect needs.

Power itself is statsmodels'; its solver for n and d is not used, because it does not converge for few pairs.
"""

import math

from scipy import optimize

from fractalctl.documents.estimates import Power
from fractalctl.errors import RequestError

MOST_SEEDS = 100_000
FAR = 1e3
"""A noncentrality beyond which power is 1 to double precision at any level in use."""


def paired_power(d: float, n: int, alpha: float = 0.05) -> float:
    """Probability that the two-sided paired t test rejects when the true effect is d.

    1 - F(t_crit; n-1, d sqrt n) + F(-t_crit; n-1, d sqrt n), F the noncentral t distribution function.

    Args:
        d: true mean difference over the standard deviation of differences.
        n: pairs, at least 2.
        alpha: two-sided level.

    Raises:
        RequestError: fewer than two pairs, or alpha not between 0 and 1.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 2.

    >>> round(paired_power(1.5, 5), 3)
    0.711
    """
    if n < 2 or not 0 < alpha < 1:
        raise RequestError(f"power needs at least 2 pairs and 0 < alpha < 1, not n = {n} and alpha = {alpha}")
    if abs(d) * math.sqrt(n) > FAR:
        return 1.0
    from statsmodels.stats.power import ttest_power

    found = float(ttest_power(abs(d), n, alpha))
    if math.isnan(found):  # the far tail is 0 to double precision, and scipy's answer for it not a number
        found = float(ttest_power(abs(d), n, alpha / 2, alternative="larger"))
    return min(1.0, found)


def seeds_needed(d: float, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Smallest number of pairs at which the paired t test has the wanted power; None beyond `MOST_SEEDS`.

    Raises:
        RequestError: power or alpha is not between 0 and 1.

    >>> seeds_needed(0.5)
    34
    """
    if not 0 < power < 1:
        raise RequestError(f"a wanted power lies between 0 and 1, not {power}")
    few, many = 1, 2
    while paired_power(d, many, alpha) < power:
        few, many = many, 2 * many
        if many > MOST_SEEDS:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if paired_power(d, middle, alpha) >= power else (middle, many)
    return many


def detectable_effect(n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest d that n pairs detect with the wanted power.

    Raises:
        RequestError: fewer than two pairs, or power or alpha out of range.

    >>> round(detectable_effect(5), 2)
    1.68
    """
    if not alpha < power < 1:
        raise RequestError(f"a wanted power lies between alpha and 1, not {power}")
    most = 1.0
    while paired_power(most, n, alpha) < power:
        most *= 2
    return float(optimize.brentq(lambda d: paired_power(d, n, alpha) - power, 0.0, most))


def plan(d: float | None, n: int, wanted: float = 0.8, alpha: float = 0.05) -> Power:
    """Power at effect d and n pairs, pairs needed for the wanted power, and the effect that n pairs detect.

    Raises:
        RequestError: power or alpha is out of range.

    >>> plan(0.5, 5).seeds_needed
    34
    """
    if n < 2:
        return Power(n, d, alpha, wanted, None, None, None, "one pair: no test, so no power")
    detectable = detectable_effect(n, wanted, alpha)
    if d is None:
        return Power(n, None, alpha, wanted, None, None, detectable, "there is no effect size")
    needed = seeds_needed(d, wanted, alpha)
    reason = None if needed else f"more than {MOST_SEEDS} pairs"
    return Power(n, d, alpha, wanted, paired_power(d, n, alpha), needed, detectable, reason)
