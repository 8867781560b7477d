"""Evidence of absence: whether a mean is practically zero, and whether it is practically alike in groups.

A large p value of an ordinary test is no evidence of "no difference". These tests ask for a margin, positive
and in the unit of the values, a decision to be made before looking, and end with one of three findings:
``holds``, ``does not hold``, ``cannot tell``. Values are (n,), one per unit: of one arm, or paired
differences.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fractalctl.documents.estimates import Equivalence, Finding, GroupMean, Heterogeneity, NoDifference
from fractalctl.documents.measured import Interval
from fractalctl.errors import RequestError
from fractalctl.statistics.paired import finite, is_constant, paired_t, spread

ALPHA = 0.05  # the level of a test unless told otherwise


def equivalence(values: ArrayLike, margin: float, alpha: float = ALPHA) -> Equivalence:
    """TOST: reject both "mean <= -margin" and "mean >= +margin" with one-sided t tests at alpha.

    p = max(P(T > (mean + margin) / se), P(T < (mean - margin) / se)), n - 1 degrees of freedom.

    Raises: RequestError where the margin is not positive, or as `paired` says. Source: Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987; Lakens, Social Psychological and Personality Science 8,
    2017.

    >>> result = equivalence([0.004, -0.006, 0.01, 0.002, -0.001], margin=0.02)
    >>> round(result.p, 5), result.equivalent
    (0.00118, True)
    """
    _check_margin(margin)
    vector = finite(values)
    n, mean = len(vector), float(vector.mean())
    if n < 2 or is_constant(vector):
        constant = "the values do not vary: no test is possible"
        reason = "one value: a test needs at least two" if n < 2 else constant
        return Equivalence(n, mean, margin, alpha, None, None, None, None, False, reason)
    p_lower = float(stats.ttest_1samp(vector, -margin, alternative="greater").pvalue)
    p_upper = float(stats.ttest_1samp(vector, margin, alternative="less").pvalue)
    low, high = stats.ttest_1samp(vector, 0.0).confidence_interval(1 - 2 * alpha)
    p = max(p_lower, p_upper)
    return Equivalence(n, mean, margin, alpha, p_lower, p_upper, p, (float(low), float(high)), p < alpha)


def no_difference(values: ArrayLike, margin: float) -> NoDifference:
    """Judge a claim that a mean is zero, such as "the arms do not differ", "S stays near zero".

    It holds where the mean is equivalent to zero within the margin, even if it differs from zero. It does not
    hold where the mean differs from zero and is not equivalent to it. Else the data cannot tell.

    Raises: RequestError, as `equivalence`. Source: Lakens, 2017 (the four outcomes).

    >>> no_difference([0.004, -0.006, 0.01, 0.002, -0.001], margin=0.02).finding
    'holds'
    >>> no_difference([0.03, 0.05, -0.02], margin=0.02).finding
    'cannot tell'
    """
    found, test = equivalence(values, margin), paired_t(values)
    return NoDifference(found, test, _finding(found.equivalent, test.p))


def heterogeneity(groups: Mapping[str, ArrayLike], margin: float | None = None) -> Heterogeneity:
    """Judge a claim that a mean does not depend on a condition, such as the backbone.

    Groups are labels with (n,) independent replicates, such as the paired differences of every seed. Q = sum
    w (mean - weighted mean)^2 with w = n / variance; with few replicates its chi squared p is too small, so
    Welch's test (the same Q, its variances taken as estimated) decides. The claim holds where every pair of
    groups is equivalent within the margin (Welch's t, two one-sided tests; all must reject, so nothing is
    corrected). It does not hold where Welch's test rejects and some pair is not equivalent. Else the data
    cannot tell: few seeds rarely can. Without a margin there is no finding.

    Raises: RequestError where there are fewer than two groups, or as `equivalence`. Source: Cochran,
    Biometrics 10, 1954 (Q); Welch, Biometrika 38, 1951; Schuirmann, 1987.

    >>> found = heterogeneity({"minilm": [0.10, 0.12, 0.11], "bge": [0.11, 0.10, 0.12]}, margin=0.05)
    >>> round(found.p, 2), found.finding
    (1.0, 'holds')
    """
    if margin is not None:
        _check_margin(margin)
    samples = {label: finite(values, label) for label, values in groups.items()}
    if len(samples) < 2:
        raise RequestError(f"whether a mean depends on its group needs two groups, not {len(samples)}")
    means = tuple(
        GroupMean(label, len(values), float(values.mean()), spread(values))
        for label, values in samples.items()
    )
    lacking = [one.label for one in means if one.sd is None or is_constant(samples[one.label])]
    if lacking:
        reason = f"{lacking[0]}: a test needs two values that vary"
        finding: Finding | None = None if margin is None else "cannot tell"
        nothing = (None,) * 5
        return Heterogeneity(means, None, len(means) - 1, *nothing, margin, None, None, None, finding, reason)
    from statsmodels.stats.oneway import anova_oneway

    welch = anova_oneway(list(samples.values()), use_var="unequal")
    q, df, p = _cochran(list(samples.values())), len(means) - 1, float(welch.pvalue)
    pairs = {(a, b): _difference_ci(samples[a], samples[b]) for a, b in combinations(samples, 2)}
    widest = max(pairs, key=lambda pair: abs(sum(pairs[pair])))
    equivalent = None
    if margin is not None:
        equivalent = all(-margin < low <= high < margin for low, high in pairs.values())
    return Heterogeneity(
        groups=means,
        q=q,
        q_df=df,
        q_p=float(stats.chi2.sf(q, df)),
        f=float(welch.statistic),
        f_df=float(welch.df[1]),
        p=p,
        i2=max(0.0, 1 - df / q) if q else 0.0,
        margin=margin,
        widest=widest,
        widest_ci=pairs[widest],
        equivalent=equivalent,
        finding=None if equivalent is None else _finding(equivalent, p),
    )


def _finding(equivalent: bool, p: float | None) -> Finding:
    if equivalent:
        return "holds"
    return "does not hold" if p is not None and p < ALPHA else "cannot tell"


def _check_margin(margin: float) -> None:
    if not 0 < margin < float("inf"):
        raise RequestError(f"an equivalence margin is a positive number, not {margin}")


def _cochran(samples: list[NDArray[np.float64]]) -> float:
    means = np.array([values.mean() for values in samples])
    weights = np.array([len(values) / values.var(ddof=1) for values in samples])
    return float(weights @ (means - weights @ means / weights.sum()) ** 2)


def _difference_ci(a: NDArray[np.float64], b: NDArray[np.float64]) -> Interval:
    low, high = stats.ttest_ind(a, b, equal_var=False).confidence_interval(1 - 2 * ALPHA)
    return float(low), float(high)
