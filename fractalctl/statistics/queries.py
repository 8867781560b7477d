"""Tests whose unit of replication is the query: two heads answer the same queries.

They say whether the difference between these trained heads would hold for other queries. Whether it would
hold for other training seeds is a question for the tests over seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.statistics.samples import Interval, finite


@dataclass(frozen=True)
class McNemar:
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


def mcnemar(a: ArrayLike, b: ArrayLike) -> McNemar:
    """Do two heads answer the same queries rightly equally often? Exact, on the queries where they differ.

    p = P(|X - m/2| >= |only_a - m/2|) with X ~ Binomial(m, 1/2) and m = only_a + only_b; without any such
    query p is 1.

    Args:
        a: (n,) bool, whether the first head answered each query rightly.
        b: (n,) bool, the second head on the same queries.

    Raises:
        RequestError: the heads answered different numbers of queries, or none.

    References:
        McNemar, Psychometrika 12, 1947; exact form: Conover, Practical Nonparametric Statistics, 1999,
        sec. 3.5.

    >>> mcnemar([True] * 8 + [False] * 3, [True] * 2 + [False] * 9)
    McNemar(n=11, only_a=6, only_b=0, p=0.03125)
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise RequestError(
            f"McNemar pairs query by query, but the heads have {first.shape} and {second.shape} hits"
        )
    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(len(first), only_a, only_b, p)


@dataclass(frozen=True)
class QueryBootstrap:
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


def query_bootstrap(
    contributions: ArrayLike, resamples: int = 10_000, level: float = 0.95, seed: int = 0
) -> QueryBootstrap:
    """Resample queries with replacement and watch the mean of what each contributes.

    For the difference between two arms, a query contributes the difference of its own steerability under
    the two, averaged over seeds; so arms, prefixes, levels and seeds stay paired.

    Equal contributions are drawn together (a resample is a multinomial draw of how often each value
    occurs), which is the same distribution at a fraction of the work.

    Args:
        contributions: (n,) one number per query.
        resamples: bootstrap samples.
        level: of confidence.
        seed: of the resampling.

    Raises:
        RequestError: a contribution is not a finite number.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    >>> result = query_bootstrap([0, 1, 1, 0, 1, 1, 1, 0, 1, 1])
    >>> result.mean, result.ci[0] < 0.7 < result.ci[1], result.share_positive
    (0.7, True, 0.9999)
    """
    values: NDArray[np.float64] = finite(contributions, "contributions of queries")
    n = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=resamples)
    means = drawn @ distinct / n
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return QueryBootstrap(
        n, float(values.mean()), (float(low), float(high)), float((means > 0).mean()), resamples
    )
