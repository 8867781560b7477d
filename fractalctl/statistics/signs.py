"""The exact sign test over corpora: does one arm win more often than a coin would?"""

from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy import stats

from fractalctl.statistics.samples import finite


@dataclass(frozen=True)
class SignTest:
    """Wins among n units; ties count for neither side and are left out of n."""

    wins: int
    n: int
    ties: int
    p_one_sided: float
    p_two_sided: float


def sign_test(differences: ArrayLike) -> SignTest:
    """Exact binomial test of the number of positive differences.

    One-sided: P(X >= wins) for X ~ Binomial(n, 1/2); two-sided: both tails. The size of a difference does not
    count, and neither does its uncertainty. Without any difference p is 1.

    Args:
        differences: (k,) one per unit, such as the mean difference of each corpus.

    Raises:
        RequestError: a difference is not a finite number.

    References:
        Arbuthnot, Philosophical Transactions 27, 1710; Conover, Practical Nonparametric Statistics, 1999,
        section 3.4.

    >>> sign_test([1, 2, 3, 4, 5, 6, 7, 8])
    SignTest(wins=8, n=8, ties=0, p_one_sided=0.00390625, p_two_sided=0.0078125)
    """
    values = finite(differences, "differences")
    wins, n = int((values > 0).sum()), int((values != 0).sum())
    if n == 0:
        return SignTest(0, 0, len(values), 1.0, 1.0)
    one_sided = float(stats.binomtest(wins, n, alternative="greater").pvalue)
    return SignTest(wins, n, len(values) - n, one_sided, float(stats.binomtest(wins, n).pvalue))
