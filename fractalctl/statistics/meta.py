"""Pooling effects over corpora: fixed and random effects, heterogeneity, prediction, influence.

It is our own: statsmodels' DerSimonian-Laird does not truncate tau^2 at zero, and it has neither REML nor
prediction intervals.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fractalctl.documents.measured import Interval
from fractalctl.documents.pooled import HartungKnapp, Influence, Pooled
from fractalctl.errors import RequestError
from fractalctl.statistics.samples import same_length
from fractalctl.statistics.tau_squared import Fit, estimator_named, fit, typical_variance

FEW = "the prediction interval has k - 2 degrees of freedom and needs three units"


def effect_variance(d: float, n: int) -> float:
    """Sampling variance of a paired d: 1/n + d^2 / (2n).

    The large-sample formula that the paper uses. At n = 5 it is rough, and as it grows with d it gives large
    effects small weights: read the pooled difference in the unit of the metric beside it.

    Raises:
        RequestError: n is not positive.

    Source: Gibbons, Hedeker and Davis, Journal of Educational Statistics 18, 1993; it is the measure that
    metafor calls SMCC.

    >>> round(effect_variance(1.5, 5), 3)
    0.425
    """
    if n < 1:
        raise RequestError(f"the variance of an effect needs at least one pair, not {n}")
    return 1 / n + d * d / (2 * n)


def pool(
    effects: ArrayLike, variances: ArrayLike, method: str = "dersimonian-laird", level: float = 0.95
) -> Pooled:
    """Random-effects meta-analysis (with ``fixed``: fixed-effect).

    pooled = sum w y / sum w with w = 1 / (v + tau^2), se = (sum w)^-1/2. Prediction interval: pooled +-
    t(k - 2) sqrt(tau^2 + se^2). Hartung-Knapp: se^2 = sum w (y - pooled)^2 / ((k - 1) sum w), t(k - 1).

    Args:
        effects: (k,) one per unit, independent of each other.
        variances: (k,) their sampling variances, positive.
        method: a key of `heterogeneity.ESTIMATORS`.
        level: of confidence.

    Raises:
        RequestError: a variance is not positive, or no such method.

    Source: DerSimonian and Laird, Controlled Clinical Trials 7, 1986; Higgins, Thompson and Spiegelhalter,
    Journal of the Royal Statistical Society A 172, 2009 (prediction); Hartung and Knapp, Statistics in
    Medicine 20, 2001; Sidik and Jonkman, Statistics in Medicine 21, 2002.

    >>> result = pool([0.1, 0.3, 0.8], [0.01, 0.02, 0.02])
    >>> round(result.pooled, 3), round(result.tau2, 3), round(result.i2, 2)
    (0.392, 0.115, 0.88)
    >>> pool([0.30, 0.31, 0.29], [0.01, 0.02, 0.015]).tau2
    0.0
    """
    y, v = checked_effects(effects, variances)
    design, df = np.ones((len(y), 1)), len(y) - 1
    tau2 = estimator_named(method)(y, v, design) if df else 0.0
    found, q = fit(y, v, design, tau2), fit(y, v, design, 0.0).q
    mean, se = float(found.coefficients[0]), math.sqrt(found.covariance[0, 0])
    half = float(stats.norm.ppf((1 + level) / 2)) * se
    h2 = _inflation(method, q, df, tau2, v)
    random = method != "fixed"
    return Pooled(
        k=len(y),
        method=method,
        pooled=mean,
        se=se,
        ci=(mean - half, mean + half),
        z=mean / se,
        p=float(2 * stats.norm.sf(abs(mean / se))),
        tau2=tau2,
        q=q,
        q_df=df,
        q_p=float(stats.chi2.sf(q, df)) if df else None,
        i2=1 - 1 / h2,
        h2=h2,
        prediction_interval=_prediction(mean, se, tau2, df - 1, level) if random else None,
        weights=tuple((found.weights / found.weights.sum()).tolist()),
        hartung_knapp=_hartung_knapp(found, df, level) if random else None,
        reason=FEW if random and df < 2 else None,
    )


def checked_effects(
    effects: ArrayLike, variances: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check effects and their variances and return them as vectors.

    Raises:
        RequestError: they differ in number, are not finite, or a variance is not positive.
    """
    y, v = same_length(effects=effects, variances=variances)
    if v.min() <= 0:
        raise RequestError(f"sampling variances are positive, but the smallest is {v.min():.4g}")
    return y, v


def _inflation(method: str, q: float, df: int, tau2: float, variances: NDArray[np.float64]) -> float:
    """H^2 = 1 + tau^2 / s^2; a fixed-effect model has no tau^2, so there it is Q / df."""
    if not df:
        return 1.0
    if method == "fixed":
        return max(1.0, q / df)
    return 1 + tau2 / typical_variance(variances, np.ones((len(variances), 1)))


def _prediction(mean: float, se: float, tau2: float, df: int, level: float) -> Interval | None:
    if df < 1:
        return None
    half = float(stats.t.ppf((1 + level) / 2, df)) * math.sqrt(tau2 + se * se)
    return mean - half, mean + half


def _hartung_knapp(found: Fit, df: int, level: float) -> HartungKnapp | None:
    if not df or found.q == 0:
        return None
    mean = float(found.coefficients[0])
    se = math.sqrt(found.q / df * found.covariance[0, 0])
    half = float(stats.t.ppf((1 + level) / 2, df)) * se
    return HartungKnapp(
        se, df, mean / se, float(2 * stats.t.sf(abs(mean / se), df)), (mean - half, mean + half)
    )


def influence(
    effects: ArrayLike, variances: ArrayLike, labels: Sequence[str], method: str = "dersimonian-laird"
) -> list[Influence]:
    """Leave-one-out: pool without each unit in turn, tau^2 estimated anew each time.

    residual = (y_i - pooled_-i) / sqrt(v_i + tau^2_-i + se_-i^2); distance = (pooled - pooled_-i)^2 / se^2.

    Raises:
        RequestError: fewer than two units, or as `pool`.

    Source: Viechtbauer and Cheung, Research Synthesis Methods 1, 2010.

    >>> [round(unit.without.pooled, 3) for unit in influence([0.1, 0.3, 0.8], [0.01, 0.02, 0.02], "abc")]
    [0.55, 0.443, 0.175]
    """
    y, v = checked_effects(effects, variances)
    if len(y) < 2:
        raise RequestError("leave-one-out needs at least two units")
    whole = pool(y, v, method)
    units = []
    for i, label in enumerate(labels):
        rest = np.arange(len(y)) != i
        without = pool(y[rest], v[rest], method)
        spread = math.sqrt(v[i] + without.tau2 + without.se**2)
        shift = whole.pooled - without.pooled
        units.append(
            Influence(
                label,
                whole.weights[i],
                float(y[i] - without.pooled) / spread,
                (shift / whole.se) ** 2,
                without,
            )
        )
    return units
