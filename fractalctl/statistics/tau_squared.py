"""Estimators of the variance tau^2 between studies, with or without moderators.

The model: effect y_i ~ N(x_i' beta, v_i + tau^2) with known sampling variances v_i. Pooling is the case of
one column of ones. Every estimator is truncated at zero: a homogeneous set of effects gives tau^2 = 0,
never less.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from fractalctl.errors import RequestError

Vector = NDArray[np.floating]
Matrix = NDArray[np.floating]


@dataclass(frozen=True)
class Fit:
    """Weighted least squares at one tau^2.

    Attributes:
        coefficients: (p,).
        covariance: (p, p) of the coefficients, weights taken as known.
        q: weighted sum of squared residuals; at tau^2 = 0 Cochran's Q.
        weights: (k,) 1 / (v + tau^2).
    """

    coefficients: Vector
    covariance: Matrix
    q: float
    weights: Vector


def fit(effects: Vector, variances: Vector, design: Matrix, tau2: float) -> Fit:
    """Coefficients of the model at a given tau^2.

    Raises:
        RequestError: the columns of the design are linearly dependent.
    """
    weights = 1.0 / (variances + tau2)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise RequestError("the moderators are linearly dependent: leave one out")
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    coefficients = covariance @ (design.T @ (weights * effects))
    residuals = effects - design @ coefficients
    return Fit(coefficients, covariance, float(weights @ residuals**2), weights)


def typical_variance(variances: Vector, design: Matrix) -> float:
    """The sampling variance of a typical study, (k - p) / trace P with P at tau^2 = 0.

    P = W - W X (X'WX)^-1 X'W. With it I^2 = tau^2 / (tau^2 + s^2) holds for every estimator; with
    DerSimonian-Laird it equals (Q - df) / Q.

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


def no_heterogeneity(effects: Vector, variances: Vector, design: Matrix) -> float:  # noqa: ARG001  the shape of an estimator
    """tau^2 = 0: the fixed-effect model, which speaks of these studies only."""
    return 0.0


Estimator = Callable[[Vector, Vector, Matrix], float]

ESTIMATORS: dict[str, Estimator] = {
    "fixed": no_heterogeneity,
    "dersimonian-laird": dersimonian_laird,
    "paule-mandel": paule_mandel,
    "reml": restricted_maximum_likelihood,
}
"""Every estimator of tau^2 by its name in ``stats.json``."""
