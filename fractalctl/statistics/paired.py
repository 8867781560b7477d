"""Tests of paired differences. The unit of replication is whatever the pairs are: here, training seeds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fractalctl.statistics.samples import Interval, finite, is_constant

EXACT_LIMIT = 16
"""Up to this many pairs all 2^n sign patterns are visited; beyond, a random sample of them."""

RESAMPLES = 100_000
ONE_VALUE = "one pair: a spread, and so a test, needs at least two"
NO_DIFFERENCE = "every difference is zero"


@dataclass(frozen=True)
class PairedT:
    """Paired t test. Where ``t`` or ``p`` is None, ``reason`` says why."""

    n: int
    df: int
    difference: float
    sd: float | None
    ci: Interval | None
    t: float | None
    p: float | None
    reason: str | None = None


def paired_t(differences: ArrayLike, level: float = 0.95) -> PairedT:
    """Student's t test of paired differences against zero, two-sided.

    t = mean(d) / (sd(d) / sqrt(n)) with n - 1 degrees of freedom. All differences zero: t = 0, p = 1. All
    equal but not zero: t would be infinite, so t and p are None.

    Args:
        differences: (n,) one per pair.
        level: of the confidence interval of the mean difference.

    Raises:
        RequestError: a difference is not a finite number.

    References:
        Student, The probable error of a mean, Biometrika 6, 1908.

    >>> result = paired_t([0.02, 0.03, 0.05, 0.01])
    >>> round(result.t, 4), result.df, round(result.p, 4)
    (3.2205, 3, 0.0486)
    """
    values = finite(differences, "differences")
    n, mean = len(values), float(values.mean())
    if n == 1:
        return PairedT(1, 0, mean, None, None, None, None, ONE_VALUE)
    if not values.any():
        return PairedT(n, n - 1, 0.0, 0.0, (0.0, 0.0), 0.0, 1.0, NO_DIFFERENCE)
    if is_constant(values):
        reason = f"every difference is {mean:.4g}: without spread t is infinite"
        return PairedT(n, n - 1, mean, 0.0, None, None, None, reason)
    test = stats.ttest_1samp(values, 0.0)
    low, high = test.confidence_interval(level)
    sd, t, p = float(values.std(ddof=1)), float(test.statistic), float(test.pvalue)
    return PairedT(n, n - 1, mean, sd, (float(low), float(high)), t, p)


@dataclass(frozen=True)
class Randomization:
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


def sign_flip(differences: ArrayLike, seed: int = 0) -> Randomization:
    """Permutation test of paired differences: flips the sign of each, two-sided on their sum.

    p = share of the 2^n sign patterns s with |sum s d| >= |sum d|; beyond `EXACT_LIMIT` pairs that share is
    estimated from random patterns as (hits + 1) / (patterns + 1). Assumes that under the null hypothesis each
    difference is as likely positive as negative, nothing about its shape.

    Args:
        differences: (n,) one per pair.
        seed: of the random patterns.

    Raises:
        RequestError: a difference is not a finite number.

    References:
        Fisher, The Design of Experiments, 1935, section 21; Phipson and Smyth, Statistical Applications in
        Genetics and Molecular Biology 9, 2010 (the + 1).

    >>> sign_flip([0.02, 0.03, 0.05, 0.01]).p
    0.125
    """
    values = finite(differences, "differences")
    return _randomization(values, float(values.mean()), seed)


def signed_rank(differences: ArrayLike, seed: int = 0) -> Randomization:
    """Wilcoxon's signed-rank test, two-sided, with the exact null distribution also under ties.

    Zeros are dropped and ties get mid-ranks; the statistic is the smaller of the two rank sums. The null
    distribution flips the signs of the ranks that are there, so without ties it is the tabulated one.

    Args:
        differences: (n,) one per pair.
        seed: of the random patterns beyond `EXACT_LIMIT` pairs.

    Raises:
        RequestError: a difference is not a finite number.

    References:
        Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1, 1945; Pratt and Gibbons,
        Concepts of Nonparametric Theory, 1981 (exact under ties).

    >>> signed_rank([0.02, 0.03, 0.05, -0.01, 0]).p
    0.25
    """
    values = finite(differences, "differences")
    values = values[values != 0]
    if not len(values):
        return Randomization(0, 0.0, 1.0, 1.0, True, NO_DIFFERENCE)
    signed = np.sign(values) * stats.rankdata(np.abs(values))
    smaller = min(signed[signed > 0].sum(), -signed[signed < 0].sum())
    return _randomization(signed, float(smaller), seed)


def _randomization(values: NDArray[np.float64], statistic: float, seed: int) -> Randomization:
    n = len(values)
    exact = n <= EXACT_LIMIT
    sums = np.abs(_sign_patterns(n, exact, seed) @ values)
    # Sums that are equal as decimals differ by rounding; the observed pattern must count itself.
    reached = int((sums >= abs(values.sum()) - 1e-9 * np.abs(values).sum()).sum())
    p = reached / len(sums) if exact else (reached + 1) / (len(sums) + 1)
    return Randomization(n, statistic, p, min(1.0, 2.0 ** (1 - n)), exact)


def _sign_patterns(n: int, exact: bool, seed: int) -> NDArray[np.float64]:
    if exact:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    else:
        bits = np.random.default_rng(seed).integers(0, 2, size=(RESAMPLES, n))
    return np.where(bits, -1.0, 1.0)
