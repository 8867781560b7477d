"""Pooling effects over corpora: fixed and random effects, heterogeneity, prediction."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.statistics.heterogeneity import Fit, estimator_named, fit, typical_variance
from fractalctl.statistics.samples import Interval, same_length

FEW = "the prediction interval has k - 2 degrees of freedom and needs three units"


@dataclass(frozen=True)
class HartungKnapp:
    """The Hartung-Knapp-Sidik-Jonkman interval: a t test whose error comes from the effects' own spread."""

    se: float
    df: int
    t: float
    p: float
    ci: Interval


@dataclass(frozen=True)
class Pooled:
    """A pooled effect.

    Attributes:
        k: units pooled.
        method: estimator of tau^2.
        pooled: the average effect.
        se: its standard error.
        ci: normal-theory interval (Wald).
        z: pooled / se.
        p: two-sided.
        tau2: variance between units.
        q: Cochran's Q, with ``q_df`` and ``q_p``.
        i2: share (0 to 1) of the total variance that lies between units.
        h2: total over sampling variance, 1 / (1 - i2).
        prediction_interval: for the true effect of one new unit, t with k - 2 degrees of freedom.
        weights: (k,) of the units, summing to 1.
        hartung_knapp: the alternative interval for few units.
        reason: why a part is missing.
    """

    k: int
    method: str
    pooled: float
    se: float
    ci: Interval
    z: float
    p: float
    tau2: float
    q: float
    q_df: int
    q_p: float | None
    i2: float
    h2: float
    prediction_interval: Interval | None
    weights: tuple[float, ...]
    hartung_knapp: HartungKnapp | None
    reason: str | None = None


def effect_variance(d: float, n: int) -> float:
    """Sampling variance of a paired d: 1/n + d^2 / (2n).

    The large-sample formula that the paper uses. At n = 5 it is rough, and as it grows with d it gives large
    effects small weights: read the pooled difference in the unit of the metric beside it.

    Raises:
        RequestError: n is not positive.

    References:
        Gibbons, Hedeker and Davis, Journal of Educational Statistics 18, 1993; it is the measure that metafor
        calls SMCC.

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

    References:
        DerSimonian and Laird, Controlled Clinical Trials 7, 1986; Higgins, Thompson and Spiegelhalter,
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
