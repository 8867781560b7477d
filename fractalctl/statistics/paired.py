"""Tests of paired differences, and what every estimator asks of its numbers: finite, enough of them, paired.

The unit of replication is what the pairs are: training seeds, or corpora. Samples are (n,), one number per
unit; every estimator raises RequestError where one is empty, not finite, or not paired with its other.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from fractalctl.documents.estimates import PairedT, Randomization, SignTest
from fractalctl.errors import RequestError
from fractalctl.randomness import Purpose, generator

NOISE = 1e-12  # relative size below which a spread is rounding of decimal fractions, not variation
LEVEL = 0.95  # of confidence, of every interval that does not say another
EXACT_LIMIT = 16  # up to this many pairs all 2^n sign patterns are visited; beyond, a random sample of them
RESAMPLES = 100_000
SEED = 0  # of the random patterns
AT_ONCE = 2**21  # signs that are held in memory at a time
ONE_VALUE = "one pair: a spread, and so a test, needs at least two"
NO_DIFFERENCE = "every difference is zero"


def finite(values: ArrayLike, name: str = "values") -> NDArray[np.float64]:
    """Check a sample, called by a name in messages, and return it as a vector.

    >>> finite([0.5, 1])
    array([0.5, 1. ])
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise RequestError(f"{name}: expected one number per unit, found an array of shape {vector.shape}")
    if not len(vector):
        raise RequestError(f"{name}: expected at least one value, found none")
    wrong = np.flatnonzero(~np.isfinite(vector))
    if len(wrong):
        raise RequestError(
            f"{name}: value {wrong[0] + 1} of {len(vector)} is {vector[wrong[0]]}, not a finite number"
        )
    return vector


def same_length(**samples: ArrayLike) -> list[NDArray[np.float64]]:
    """Check samples that belong together value by value and return them as vectors.

    >>> same_length(a=[1, 2], b=[3, 4])
    [array([1., 2.]), array([3., 4.])]
    """
    vectors = {name: finite(values, name) for name, values in samples.items()}
    if len({len(vector) for vector in vectors.values()}) > 1:
        lengths = ", ".join(f"{name} has {len(vector)}" for name, vector in vectors.items())
        raise RequestError(f"the values belong together one by one, but {lengths}")
    return list(vectors.values())


def differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Paired differences a - b, freed of the rounding noise of decimal fractions.

    0.3 - 0.1 and 0.2 - 0.0 are equal as decimals but not as binary fractions. Left alone, that noise would
    break ties of ranks and turn a spread of zero into one of 1e-17, so differences are rounded to thirteen
    significant digits of the larger operand.

    >>> differences([0.3, 0.2], [0.1, 0.0])
    array([0.2, 0.2])
    """
    first, second = same_length(a=a, b=b)
    largest = max(np.abs(first).max(), np.abs(second).max())
    if largest == 0:
        return first - second
    digits = 12 - int(np.floor(np.log10(largest)))
    return np.asarray([round(float(value), digits) for value in first - second])


def spread(values: ArrayLike) -> float | None:
    """Standard deviation of a sample; None for a single value."""
    vector = np.asarray(values)
    return float(vector.std(ddof=1)) if len(vector) > 1 else None


def is_constant(values: NDArray[np.float64]) -> bool:
    """Whether the values vary by no more than rounding does."""
    return bool(np.ptp(values) <= NOISE * np.abs(values).max())


def paired_t(differences: ArrayLike, level: float = LEVEL) -> PairedT:
    """Student's t test of paired differences against zero, two-sided, with the interval of their mean.

    t = mean(d) / (sd(d) / sqrt(n)) with n - 1 degrees of freedom. All differences zero: t = 0, p = 1. All
    equal but not zero: t would be infinite, so t and p are None.

    Raises: RequestError, as this module says. Source: Student, The probable error of a mean, Biometrika 6,
    1908.

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
    sd = float(values.std(ddof=1))
    error = sd / n**0.5
    t, reach = mean / error, float(special.stdtrit(n - 1, (1 + level) / 2)) * error
    p = 2 * float(special.stdtr(n - 1, -abs(t)))
    return PairedT(n, n - 1, mean, sd, (mean - reach, mean + reach), t, p)


def sign_flip(differences: ArrayLike) -> Randomization:
    """Permutation test of paired differences: flips the sign of each, two-sided on their sum.

    p = share of the 2^n sign patterns s with |sum s d| >= |sum d|; beyond `EXACT_LIMIT` pairs that share is
    estimated from random patterns as (hits + 1) / (patterns + 1). Assumes that under the null hypothesis each
    difference is as likely positive as negative, nothing about its shape. It is our own because scipy's
    compares sums without regard to the rounding of the terms: where the observed sum is zero but for
    rounding, patterns with the same sum would not be counted.

    Raises: RequestError, as this module says. Source: Fisher, The Design of Experiments, 1935, section 21;
    Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010 (the + 1).

    >>> sign_flip([0.02, 0.03, 0.05, 0.01]).p
    0.125
    """
    values = finite(differences, "differences")
    return _randomization(values, float(values.mean()))


def signed_rank(differences: ArrayLike) -> Randomization:
    """Wilcoxon's signed-rank test, two-sided, with the exact null distribution also under ties.

    Zeros are dropped and ties get mid-ranks; the statistic is the smaller of the two rank sums. The null
    distribution flips the signs of the ranks that are there, so without ties it is the tabulated one; scipy's
    exact distribution is the tabulated one even where there are ties.

    Raises: RequestError, as this module says. Source: Wilcoxon, Individual comparisons by ranking methods,
    Biometrics Bulletin 1, 1945; Pratt and Gibbons, Concepts of Nonparametric Theory, 1981 (exact under ties).

    >>> signed_rank([0.02, 0.03, 0.05, -0.01, 0]).p
    0.25
    """
    values = finite(differences, "differences")
    values = values[values != 0]
    if not len(values):
        return Randomization(0, 0.0, 1.0, 1.0, True, NO_DIFFERENCE)
    signed = np.sign(values) * stats.rankdata(np.abs(values))
    smaller = min(signed[signed > 0].sum(), -signed[signed < 0].sum())
    return _randomization(signed, float(smaller))


def _randomization(values: NDArray[np.float64], statistic: float) -> Randomization:
    n = len(values)
    exact = n <= EXACT_LIMIT
    # Sums that are equal as decimals differ by rounding; the observed pattern must count itself.
    least = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    reached = sum(int((np.abs(signs @ values) >= least).sum()) for signs in _sign_patterns(n, exact))
    p = reached / 2**n if exact else (reached + 1) / (RESAMPLES + 1)
    return Randomization(n, statistic, p, 2.0 ** (1 - n), exact)


def _sign_patterns(n: int, exact: bool) -> Iterator[NDArray[np.float64]]:
    """Patterns (m, n) of signs, as many at a time as `AT_ONCE` allows; how many changes none of them."""
    if exact:
        yield np.where(np.arange(2**n)[:, None] >> np.arange(n) & 1, -1.0, 1.0)
        return
    random, step = generator(SEED, Purpose.SIGN_FLIPS), max(1, AT_ONCE // n)
    for start in range(0, RESAMPLES, step):
        bits = random.integers(0, 2, size=(min(step, RESAMPLES - start), n))
        yield np.where(bits, -1.0, 1.0)


def sign_test(differences: ArrayLike) -> SignTest:
    """Exact binomial test of the number of positive differences, such as the mean difference of each corpus.

    One-sided: P(X >= wins) for X ~ Binomial(n, 1/2); two-sided: both tails. The size of a difference does not
    count, and neither does its uncertainty. Without any difference p is 1.

    Raises: RequestError, as this module says. Source: Arbuthnot, Philosophical Transactions 27, 1710;
    Conover, Practical Nonparametric Statistics, 1999, section 3.4.

    >>> sign_test([1, 2, 3, 4, 5, 6, 7, 8])
    SignTest(wins=8, n=8, ties=0, p_one_sided=0.00390625, p_two_sided=0.0078125)
    """
    values = finite(differences, "differences")
    wins, n = int((values > 0).sum()), int((values != 0).sum())
    if n == 0:
        return SignTest(0, 0, len(values), 1.0, 1.0)
    one_sided = float(stats.binomtest(wins, n, alternative="greater").pvalue)
    return SignTest(wins, n, len(values) - n, one_sided, float(stats.binomtest(wins, n).pvalue))
