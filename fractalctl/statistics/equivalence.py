"""Evidence of absence: two one-sided tests that a mean lies within a margin around zero."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.statistics.samples import Interval, finite, is_constant

ALPHA = 0.05
"""The level of a test unless told otherwise."""


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests. Where ``p`` is None no test was possible and ``reason`` says why.

    Attributes:
        n: units of replication.
        mean: of the values.
        margin: what counts as practically zero lies between -margin and +margin.
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


def equivalence(values: ArrayLike, margin: float, alpha: float = ALPHA) -> Equivalence:
    """TOST: reject both "mean <= -margin" and "mean >= +margin" with one-sided t tests at alpha.

    p = max(P(T > (mean + margin) / se), P(T < (mean - margin) / se)), n - 1 degrees of freedom. A large p of
    an ordinary test is no evidence of zero; this is. The margin is a decision, to be made before looking.

    Args:
        values: (n,) one per unit: the values of one arm, or paired differences.
        margin: positive, in the unit of the values.
        alpha: of each one-sided test.

    Raises:
        RequestError: the margin is not positive, or a value is not finite.

    References:
        Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987; Lakens, Social Psychological
        and Personality Science 8, 2017.

    >>> result = equivalence([0.004, -0.006, 0.01, 0.002, -0.001], margin=0.02)
    >>> round(result.p, 5), result.equivalent
    (0.00118, True)
    """
    if not margin > 0:
        raise RequestError(f"an equivalence margin is a positive number, not {margin}")
    vector = finite(values)
    n, mean = len(vector), float(vector.mean())
    if n < 2 or is_constant(vector):
        reason = (
            "one value: a test needs at least two" if n < 2 else "the values do not vary: no test is possible"
        )
        return Equivalence(n, mean, margin, alpha, None, None, None, None, False, reason)
    p_lower = float(stats.ttest_1samp(vector, -margin, alternative="greater").pvalue)
    p_upper = float(stats.ttest_1samp(vector, margin, alternative="less").pvalue)
    half = stats.t.ppf(1 - alpha, n - 1) * vector.std(ddof=1) / np.sqrt(n)
    p = max(p_lower, p_upper)
    return Equivalence(
        n, mean, margin, alpha, p_lower, p_upper, p, (float(mean - half), float(mean + half)), p < alpha
    )
