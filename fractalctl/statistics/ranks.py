"""Ranks of arms over corpora: Friedman's test and Nemenyi's critical difference."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from fractalctl.documents.compare import Ranking

ROUNDING = 12
"""Decimals beyond which means differ by rounding alone, and so are tied."""


def ranking(
    measure: str,
    means: Mapping[str, Mapping[str, float]],
    *,
    more_is_better: bool = True,
    alpha: float = 0.05,
) -> Ranking:
    """Rank arms on each corpus and test whether their mean ranks differ.

    CD = q / sqrt(2) sqrt(k (k + 1) / (6 N)), with q the studentized range of k arms and infinitely many
    degrees of freedom, N the number of corpora.

    Args:
        measure: what ranks them.
        means: by corpus, then by arm; corpora are those that all of the arms were measured on.
        more_is_better: whether rank 1 has the largest mean.
        alpha: level of the critical difference.

    Sources: Friedman, Journal of the American Statistical Association 32, 1937; Nemenyi, dissertation, 1963;
    both as in Demsar, Journal of Machine Learning Research 7, 2006.
    """
    arms = list(next(iter(means.values()), {}))
    n, k = len(means), len(arms)
    sign = -1 if more_is_better else 1
    table = np.array([[sign * round(own[arm], ROUNDING) for arm in arms] for own in means.values()])
    ranks = stats.rankdata(table, axis=1) if n else np.zeros((1, k))
    order = np.argsort(ranks.mean(axis=0), kind="stable")
    sorted_arms, mean_ranks = [arms[place] for place in order], ranks.mean(axis=0)[order].tolist()
    reason = _reason(n, k, ranks)
    statistic = p = difference = None
    if reason is None:
        test = stats.friedmanchisquare(*table.T)
        statistic, p = float(test.statistic), float(test.pvalue)
        quantile = stats.studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2)
        difference = float(quantile * np.sqrt(k * (k + 1) / (6 * n)))
    return Ranking(
        measure=measure,
        corpora=list(means),
        arms=sorted_arms,
        mean_ranks=mean_ranks,
        statistic=statistic,
        df=max(0, k - 1),
        p=p,
        critical_difference=difference,
        groups=[] if difference is None else alike(sorted_arms, mean_ranks, difference),
        reason=reason,
    )


def _reason(n: int, k: int, ranks: np.ndarray) -> str | None:
    if n < 2:
        return f"ranks are compared over two corpora or more, and all arms were measured on {n or 'none'}"
    if k < 3:
        return f"Friedman's test ranks three arms or more, and there are {k}"
    return "all arms are equal on every corpus" if np.ptp(ranks) == 0 else None


def alike(arms: Sequence[str], mean_ranks: Sequence[float], difference: float) -> list[list[str]]:
    """Largest sets of arms, given by rising mean rank, whose ranks differ by no more than the difference.

    >>> alike(["a", "b", "c"], [1.0, 1.8, 2.5], 1.0)
    [['a', 'b'], ['b', 'c']]
    """
    found: list[list[str]] = []
    reached = 0
    for first, rank in enumerate(mean_ranks):
        last = max(place for place, other in enumerate(mean_ranks) if other - rank <= difference)
        if last > first and last + 1 > reached:
            found.append(list(arms[first : last + 1]))
        reached = max(reached, last + 1)
    return found
