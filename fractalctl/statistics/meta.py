"""Pooling effects over corpora: fixed and random effects, heterogeneity, prediction, influence, moderators.

The model: effect y_i ~ N(x_i' beta, v_i + tau^2) with known sampling variances v_i, positive; pooling is the
case of one column of ones. Effects and variances are (k,), one per unit, independent of each other. It is our
own: statsmodels' DerSimonian-Laird does not truncate tau^2 at zero, and it has neither REML nor prediction
intervals. Here a homogeneous set of effects gives tau^2 = 0 by every estimator, never less.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from fractalctl.documents.measured import Interval
from fractalctl.documents.pooled import Coefficient, HartungKnapp, Influence, MetaRegression, Pooled
from fractalctl.errors import RequestError
from fractalctl.statistics.paired import LEVEL, finite, same_length

Vector = NDArray[np.floating]
Matrix = NDArray[np.floating]
DEPENDENT = 1e-7
"""Singular value of columns of length 1 below which they are dependent: their products have no inverse."""
FEW = "the prediction interval has k - 2 degrees of freedom and needs three units"


@dataclass(frozen=True)
class Fit:
    """Weighted least squares at one tau^2.

    Attributes:
        coefficients: (p,), with their covariance (p, p), weights taken as known.
        q: weighted sum of squared residuals; at tau^2 = 0 Cochran's Q.
        weights: (k,) 1 / (v + tau^2).
    """

    coefficients: Vector
    covariance: Matrix
    q: float
    weights: Vector


def fit(effects: Vector, variances: Vector, design: Matrix, tau2: float) -> Fit:
    """Coefficients of the model at a given tau^2, for a design whose columns are independent."""
    weights = 1.0 / (variances + tau2)
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    coefficients = covariance @ (design.T @ (weights * effects))
    residuals = effects - design @ coefficients
    return Fit(coefficients, covariance, float(weights @ residuals**2), weights)


def typical_variance(variances: Vector, design: Matrix) -> float:
    """The sampling variance of a typical study, (k - p) / trace P with P at tau^2 = 0.

    With it I^2 = tau^2 / (tau^2 + s^2) holds for every estimator; with DerSimonian-Laird it equals (Q - df) /
    Q.

    Source: Higgins and Thompson, Statistics in Medicine 21, 2002, eq. 9.
    """
    weights = 1.0 / variances
    return float((len(variances) - design.shape[1]) / _trace(weights, design))


def _trace(weights: Vector, design: Matrix) -> float:
    """Trace of P = W - W X (X'WX)^-1 X'W."""
    weighted = weights[:, None] * design
    inner = np.linalg.inv(design.T @ weighted)
    return float(weights.sum() - np.trace(inner @ (weighted.T @ weighted)))


def dersimonian_laird(effects: Vector, variances: Vector, design: Matrix) -> float:
    """Method of moments in one step: (Q - (k - p)) / trace P, at least 0.

    Source: DerSimonian and Laird, Controlled Clinical Trials 7, 1986.

    >>> y, v = np.array([0.1, 0.3, 0.8]), np.array([0.01, 0.02, 0.02])
    >>> round(dersimonian_laird(y, v, np.ones((3, 1))), 4)
    0.115
    """
    q = fit(effects, variances, design, 0.0).q
    excess = q - (len(effects) - design.shape[1])
    return max(0.0, float(excess / _trace(1.0 / variances, design)))


def paule_mandel(effects: Vector, variances: Vector, design: Matrix) -> float:
    """The tau^2 at which the generalised Q equals its expectation k - p; 0 where Q is below it already.

    Source: Paule and Mandel, Journal of Research of the National Bureau of Standards 87, 1982.

    >>> y, v = np.array([0.1, 0.3, 0.8]), np.array([0.01, 0.02, 0.02])
    >>> round(paule_mandel(y, v, np.ones((3, 1))), 4)
    0.1135
    """
    df = len(effects) - design.shape[1]

    def excess(tau2: float) -> float:
        return float(fit(effects, variances, design, tau2).q - df)

    if excess(0.0) <= 0:
        return 0.0
    most = float(np.ptp(effects) ** 2 + variances.max())
    while excess(most) > 0:
        most *= 2
    return float(optimize.brentq(excess, 0.0, most, xtol=1e-14, rtol=1e-14))


def restricted_maximum_likelihood(effects: Vector, variances: Vector, design: Matrix) -> float:
    """REML: maximises -1/2 (sum log(v + tau^2) + log det X'WX + Q(tau^2)) over tau^2 >= 0.

    The maximum is searched on a logarithmic grid and then refined, because the likelihood can have two.

    Source: Viechtbauer, Journal of Educational and Behavioral Statistics 30, 2005.

    >>> y, v = np.array([0.1, 0.3, 0.8]), np.array([0.01, 0.02, 0.02])
    >>> round(restricted_maximum_likelihood(y, v, np.ones((3, 1))), 4)
    0.1138
    """

    def deviance(tau2: float) -> float:
        found = fit(effects, variances, design, tau2)
        determinant = np.linalg.slogdet(found.covariance)[1]
        return float(-np.log(found.weights).sum() - determinant + found.q)

    most = float(np.ptp(effects) ** 2 + variances.max())
    grid = np.concatenate([[0.0], np.geomspace(most * 1e-8, most, 60)])
    best = int(np.argmin([deviance(tau2) for tau2 in grid]))
    bounds = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    refined = optimize.minimize_scalar(
        deviance, bounds=bounds, method="bounded", options={"xatol": 1e-12 * most}
    )
    return float(refined.x) if refined.fun < deviance(0.0) else 0.0


Estimator = Callable[[Vector, Vector, Matrix], float]

ESTIMATORS: dict[str, Estimator] = {
    "fixed": lambda *_: 0.0,  # which speaks of these studies only
    "dersimonian-laird": dersimonian_laird,
    "paule-mandel": paule_mandel,
    "reml": restricted_maximum_likelihood,
}
"""Every estimator of tau^2 by its name in ``stats.json``."""


def effect_variance(d: float, n: int) -> float:
    """Sampling variance of a paired d: 1/n + d^2 / (2n).

    The large-sample formula that the paper uses. At n = 5 it is rough, and as it grows with d it gives large
    effects small weights: read the pooled difference in the unit of the metric beside it.

    Raises: RequestError where n is not positive. Source: Gibbons, Hedeker and Davis, Journal of Educational
    Statistics 18, 1993; it is the measure that metafor calls SMCC.

    >>> round(effect_variance(1.5, 5), 3)
    0.425
    """
    if n < 1:
        raise RequestError(f"the variance of an effect needs at least one pair, not {n}")
    return 1 / n + d * d / (2 * n)


def pool(effects: ArrayLike, variances: ArrayLike, method: str = "dersimonian-laird") -> Pooled:
    """Random-effects meta-analysis by a method, a key of `ESTIMATORS` (with ``fixed``: fixed-effect).

    pooled = sum w y / sum w with w = 1 / (v + tau^2), se = (sum w)^-1/2. Prediction interval: pooled +- t(k -
    2) sqrt(tau^2 + se^2). Hartung-Knapp: se^2 = sum w (y - pooled)^2 / ((k - 1) sum w), t(k - 1).

    Raises: RequestError where a variance is not positive, or there is no such method. Source: DerSimonian and
    Laird, Controlled Clinical Trials 7, 1986; Higgins, Thompson and Spiegelhalter, Journal of the Royal
    Statistical Society A 172, 2009 (prediction); Hartung and Knapp, Statistics in Medicine 20, 2001; Sidik
    and Jonkman, Statistics in Medicine 21, 2002.

    >>> result = pool([0.1, 0.3, 0.8], [0.01, 0.02, 0.02])
    >>> round(result.pooled, 3), round(result.tau2, 3), round(result.i2, 2)
    (0.392, 0.115, 0.88)
    >>> pool([0.30, 0.31, 0.29], [0.01, 0.02, 0.015]).tau2
    0.0
    """
    y, v = checked_effects(effects, variances)
    design, df = np.ones((len(y), 1)), len(y) - 1
    if method not in ESTIMATORS:
        raise RequestError(f"no estimator '{method}'; there are {', '.join(ESTIMATORS)}")
    tau2 = ESTIMATORS[method](y, v, design) if df else 0.0
    found, q = fit(y, v, design, tau2), fit(y, v, design, 0.0).q
    mean, se = float(found.coefficients[0]), math.sqrt(found.covariance[0, 0])
    half = float(stats.norm.ppf((1 + LEVEL) / 2)) * se
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
        prediction_interval=_prediction(mean, se, tau2, df - 1) if random else None,
        weights=tuple((found.weights / found.weights.sum()).tolist()),
        hartung_knapp=_hartung_knapp(found, df) if random else None,
        reason=FEW if random and df < 2 else None,
    )


def checked_effects(
    effects: ArrayLike, variances: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check effects and their variances and return them as vectors."""
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


def _prediction(mean: float, se: float, tau2: float, df: int) -> Interval | None:
    if df < 1:
        return None
    half = float(stats.t.ppf((1 + LEVEL) / 2, df)) * math.sqrt(tau2 + se * se)
    return mean - half, mean + half


def _hartung_knapp(found: Fit, df: int) -> HartungKnapp | None:
    if not df or found.q == 0:
        return None
    mean = float(found.coefficients[0])
    se = math.sqrt(found.q / df * found.covariance[0, 0])
    half = float(stats.t.ppf((1 + LEVEL) / 2, df)) * se
    p = float(2 * stats.t.sf(abs(mean / se), df))
    return HartungKnapp(se, df, mean / se, p, (mean - half, mean + half))


def influence(
    effects: ArrayLike, variances: ArrayLike, labels: Sequence[str], method: str = "dersimonian-laird"
) -> list[Influence]:
    """Leave-one-out: pool without each unit in turn, tau^2 estimated anew each time.

    residual = (y_i - pooled_-i) / sqrt(v_i + tau^2_-i + se_-i^2); distance = (pooled - pooled_-i)^2 / se^2.

    Raises: RequestError where there are fewer than two units, or as `pool`. Source: Viechtbauer and Cheung,
    Research Synthesis Methods 1, 2010.

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
        residual = float(y[i] - without.pooled) / math.sqrt(v[i] + without.tau2 + without.se**2)
        distance = ((whole.pooled - without.pooled) / whole.se) ** 2
        units.append(Influence(label, whole.weights[i], residual, distance, without))
    return units


def meta_regression(
    effects: ArrayLike, variances: ArrayLike, moderators: Mapping[str, ArrayLike]
) -> MetaRegression:
    """Regress effects on moderators, name to (k,), weighting each unit by 1 / (v + tau^2), tau^2 by REML.

    beta = (X'WX)^-1 X'Wy, an intercept added, covariance (X'WX)^-1, R^2 = (tau^2 without - tau^2) / tau^2
    without, at least 0. With eight corpora it can show a strong moderator, not tell two correlated ones
    apart.

    Raises: RequestError where there are too few units for the moderators, or moderators are linearly
    dependent or constant. Source: Raudenbush, in Cooper et al. (eds.), The Handbook of Research Synthesis and
    Meta-Analysis, 2009, ch. 16.

    >>> result = meta_regression([0.1, 0.3, 0.8, 0.9], [0.01] * 4, {"depth": [1, 2, 3, 4]})
    >>> round(result.coefficients[1].estimate, 3), round(result.coefficients[1].p, 6)
    (0.29, 0.0)
    """
    y, v = checked_effects(effects, variances)
    columns = [np.ones_like(y)] + [finite(values, name) for name, values in moderators.items()]
    if any(len(column) != len(y) for column in columns):
        raise RequestError(f"each moderator needs one value per unit ({len(y)})")
    design = np.column_stack(columns)
    df = len(y) - design.shape[1]
    if df < 1:
        raise RequestError(
            f"{len(moderators)} moderators need at least {design.shape[1] + 1} units, not {len(y)}"
        )
    lengths = np.linalg.norm(design, axis=0).clip(min=np.finfo(np.float64).tiny)
    if np.linalg.matrix_rank(design / lengths, tol=DEPENDENT) < design.shape[1]:
        raise RequestError("the moderators are linearly dependent, or constant: leave one out")
    tau2, without = (ESTIMATORS["reml"](y, v, columns) for columns in (design, np.ones((len(y), 1))))
    found = fit(y, v, design, tau2)
    slopes, covariance = found.coefficients[1:], found.covariance[1:, 1:]
    q_moderators = float(slopes @ np.linalg.solve(covariance, slopes))
    q_residual = fit(y, v, design, 0.0).q
    names = ["intercept", *moderators]
    return MetaRegression(
        k=len(y),
        method="reml",
        coefficients=tuple(
            _coefficient(name, float(found.coefficients[i]), float(found.covariance[i, i]))
            for i, name in enumerate(names)
        ),
        tau2=tau2,
        tau2_without=without,
        r2=max(0.0, (without - tau2) / without) if without > 0 else None,
        i2=tau2 / (tau2 + typical_variance(v, design)),
        q_moderators=q_moderators,
        q_moderators_df=len(slopes),
        q_moderators_p=float(stats.chi2.sf(q_moderators, len(slopes))),
        q_residual=q_residual,
        q_residual_df=df,
        q_residual_p=float(stats.chi2.sf(q_residual, df)),
    )


def _coefficient(name: str, estimate: float, variance: float) -> Coefficient:
    se = math.sqrt(variance)
    half, z = float(stats.norm.ppf((1 + LEVEL) / 2)) * se, estimate / se
    p = float(2 * stats.norm.sf(abs(z)))
    return Coefficient(name, estimate, se, z, p, (estimate - half, estimate + half))
