"""Correlations over a handful of corpora, with exact p values, leave-one-out tables and a bootstrap."""

import math
from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fractalctl.documents.estimates import Correlation, CorrelationBootstrap, WithoutOne
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics.paired import LEVEL, is_constant, same_length

MOST_PERMUTED = 9  # up to this many units Spearman's exact distribution is computed: 9! = 362,880 orders
SEED = 42
OVER_CORPORA = 1  # tells this bootstrap's random numbers from those of bootstraps over queries and partitions
FEW = "a correlation and its p need three units"
CONSTANT = "one of the variables does not vary"


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Pearson's r, its p from t = r sqrt((n - 2) / (1 - r^2)).

    Raises: RequestError, as `paired` says. Source: Pearson, Proceedings of the Royal Society of London 58,
    1895.

    >>> round(pearson([1, 2, 3, 4], [2, 1, 4, 5]).coefficient, 3)
    0.849
    """
    return _correlation(x, y, stats.pearsonr)


def kendall(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Kendall's tau-b; p exact without ties and up to 33 units, else from the normal approximation.

    Raises: RequestError, as `paired` says. Source: Kendall, Biometrika 30, 1938.

    >>> round(kendall([1, 2, 3, 4], [2, 1, 4, 5]).coefficient, 3)
    0.667
    """
    return _correlation(x, y, stats.kendalltau)


def spearman(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Spearman's rho with both the t approximation and, up to nine units, the exact permutation p.

    rho is Pearson's r of mid-ranks. The exact p is the share of the n! orders with |rho| at least as large,
    so it holds under ties; the t approximation is usual but anti-conservative for few units.

    Raises: RequestError, as `paired` says. Source: Spearman, American Journal of Psychology 15, 1904;
    Kendall, Rank Correlation Methods, 1948, chapter 4.

    >>> spearman([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]).p_exact.__round__(5)
    0.01667
    """
    found = _correlation(x, y, stats.spearmanr)
    exact = None
    if found.coefficient is not None and found.n <= MOST_PERMUTED:
        exact = _exact_p(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    return Correlation(found.n, found.coefficient, found.p, exact, found.reason)


def _correlation(x: ArrayLike, y: ArrayLike, test: Callable[..., tuple[float, float]]) -> Correlation:
    first, second = same_length(x=x, y=y)
    if len(first) < 3:
        return Correlation(len(first), None, None, reason=FEW)
    if is_constant(first) or is_constant(second):
        return Correlation(len(first), None, None, reason=CONSTANT)
    coefficient, p = test(first, second)
    return Correlation(len(first), float(coefficient), float(p))


def _exact_p(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    first, second = (stats.rankdata(values) - (len(values) + 1) / 2 for values in (x, y))
    n = len(x)
    orders = np.fromiter(permutations(range(n)), dtype=np.dtype((np.int8, n)), count=math.factorial(n))
    # The spread of the ranks is the same in every order, so sums of products compare like coefficients.
    products = np.abs(second[orders] @ first)
    return float((products >= abs(first @ second) - 1e-9).mean())


def leave_one_out(x: ArrayLike, y: ArrayLike, labels: Sequence[str]) -> list[WithoutOne]:
    """Correlate with all units, then without each in turn where there are several (paper, Table 12).

    >>> [round(row.spearman.coefficient, 1) for row in leave_one_out([1, 2, 3, 4], [1, 3, 2, 4], "abcd")]
    [0.8, 0.5, 1.0, 1.0, 0.5]
    """
    first, second = same_length(x=x, y=y)
    rows = []
    for dropped in (None, *(range(len(first)) if len(first) > 1 else ())):
        kept = np.arange(len(first)) != (-1 if dropped is None else dropped)
        label, left = None if dropped is None else labels[dropped], (first[kept], second[kept])
        rows.append(WithoutOne(label, int(kept.sum()), spearman(*left), pearson(*left)))
    return rows


def spearman_bootstrap(x: ArrayLike, y: ArrayLike, resamples: int = 10_000) -> CorrelationBootstrap:
    """Resample units with replacement and watch Spearman's rho (paper, Appendix K).

    With eight units the interval is coarse and optimistic: it describes these corpora, not corpora in
    general.

    Raises: RequestError, as `paired` says. Source: Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13.

    >>> spearman_bootstrap([1, 2, 3, 4, 5], [2, 1, 3, 5, 4], resamples=1000).ci[1]
    1.0
    """
    first, second = same_length(x=x, y=y)
    n = len(first)
    drawn = generator(SEED, Purpose.BOOTSTRAP, OVER_CORPORA).integers(0, n, size=(resamples, n))
    ranks = [stats.rankdata(values[drawn], axis=1) - (n + 1) / 2 for values in (first, second)]
    spreads = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    defined = spreads > 0
    if n < 3 or not defined.any():
        return CorrelationBootstrap(0, resamples, None, None, FEW if n < 3 else CONSTANT)
    rho = (ranks[0] * ranks[1]).sum(axis=1)[defined] / spreads[defined]
    low, high = np.quantile(rho, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return CorrelationBootstrap(
        len(rho), resamples - len(rho), (float(low), float(high)), float((rho > 0).mean())
    )
