"""Tests whose unit of replication is the query: two heads answer the same queries.

They say whether the difference between these trained heads would hold for other queries. Whether it would
hold for other training seeds is a question for the tests over seeds.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractalctl.documents.estimates import McNemar, QueryBootstrap
from fractalctl.documents.statistics import Comparison, Located, McNemarAt, Queries, QueryComparison
from fractalctl.errors import FractalError, RequestError
from fractalctl.measures.steerability import MEASURES
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics.observations import Measured, Observation
from fractalctl.statistics.paired import LEVEL, finite

NOT_A_MEAN = frozenset({"S_mono"})
"""Metrics that are no mean over queries, so that a query contributes nothing of its own."""

RESAMPLES, SEED = 10_000, 0
OVER_QUERIES = 3  # tells this bootstrap's random numbers from those of bootstraps over corpora and partitions
Hits = NDArray[np.bool_]


def mcnemar(a: ArrayLike, b: ArrayLike) -> McNemar:
    """Do two heads answer the same queries, (n,) bool, rightly equally often? Exact, where they differ.

    p = P(|X - m/2| >= |only_a - m/2|) with X ~ Binomial(m, 1/2) and m = only_a + only_b; without any such
    query p is 1.

    Raises: RequestError where the heads answered different numbers of queries, or none. Source: McNemar,
    Psychometrika 12, 1947; exact form: Conover, Practical Nonparametric Statistics, 1999, sec. 3.5.

    >>> mcnemar([True] * 8 + [False] * 3, [True] * 2 + [False] * 9)
    McNemar(n=11, only_a=6, only_b=0, p=0.03125)
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise RequestError(
            f"McNemar pairs query by query, but the heads have {first.shape} and {second.shape} hits"
        )
    from statsmodels.stats.contingency_tables import mcnemar as exact_test

    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(exact_test([[0, only_a], [only_b, 0]], exact=True).pvalue)
    return McNemar(len(first), only_a, only_b, min(1.0, p))


def query_bootstrap(contributions: ArrayLike) -> QueryBootstrap:
    """Resample queries with replacement and watch the mean of what each contributes, (n,).

    For the difference between two arms, a query contributes the difference of its own steerability under the
    two, averaged over seeds; so arms, prefixes, levels and seeds stay paired. Equal contributions are drawn
    together (a resample is a multinomial draw of how often each value occurs): the same distribution for a
    fraction of the work.

    Raises: RequestError, as `paired` says. Source: Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13.

    >>> result = query_bootstrap([0, 1, 1, 0, 1, 1, 1, 0, 1, 1])
    >>> result.mean, result.ci[0] < 0.7 < result.ci[1], result.share_positive > 0.99
    (0.7, True, True)
    """
    values: NDArray[np.float64] = finite(contributions, "contributions of queries")
    n = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    drawn = generator(SEED, Purpose.BOOTSTRAP, OVER_QUERIES).multinomial(n, counts / n, size=RESAMPLES)
    means = drawn @ distinct / n
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    share = float((means > 0).mean())
    return QueryBootstrap(n, float(values.mean()), (float(low), float(high)), share, RESAMPLES)


def query_tests(measured: Measured, comparisons: Sequence[Comparison]) -> Queries | None:
    """McNemar's test at each common length and level for each seed, and a bootstrap of the difference.

    The p values are raw, one per seed, and not independent of each other. None when no comparison has hits
    for both arms; FractalError where hits are damaged.
    """
    rows = []
    for comparison in comparisons:
        a, b = (
            [measured[comparison.place][arm][seed] for seed in comparison.seeds]
            for arm in (comparison.a, comparison.b)
        )
        if all(one.hits for one in (*a, *b)):
            rows.append(_tests(comparison, a, b))
    return Queries(comparisons=rows) if rows else None


def _tests(comparison: Comparison, a: Sequence[Observation], b: Sequence[Observation]) -> QueryComparison:
    pairs = [(_hits(first), _hits(second)) for first, second in zip(a, b, strict=True)]
    places = {
        length: (a[0].dims.index(length), b[0].dims.index(length))
        for length in a[0].dims
        if length in b[0].dims
    }
    return QueryComparison(
        **{name: getattr(comparison, name) for name in Located.__struct_fields__},
        a=comparison.a,
        b=comparison.b,
        n=len(pairs[0][0]),
        seeds=comparison.seeds,
        bootstrap=_bootstrap(comparison.metric, pairs),
        mcnemar=[
            McNemarAt(
                **msgspec.structs.asdict(mcnemar(first[:, i, level], second[:, j, level])),
                seed=seed,
                prefix=length,
                level=f"L{level}",
            )
            for seed, (first, second) in zip(comparison.seeds, pairs, strict=True)
            for length, (i, j) in places.items()
            for level in range(first.shape[2])
        ],
    )


def _bootstrap(metric: str, pairs: Sequence[tuple[Hits, Hits]]) -> QueryBootstrap | None:
    if metric in NOT_A_MEAN or metric not in MEASURES:
        return None
    measure = MEASURES[metric]
    contributions = np.mean([measure(first * 1.0) - measure(second * 1.0) for first, second in pairs], axis=0)
    return query_bootstrap(np.round(contributions, 12))


def _hits(observation: Observation) -> Hits:
    try:
        return observation.hits.unpack() if observation.hits else np.zeros((0, 0, 0), dtype=np.bool_)
    except FractalError as error:
        raise FractalError(f"{observation.where}: {error}; evaluate that head again") from error
