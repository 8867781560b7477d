"""Curves through a handful of corpora: a line with its influential points, a power law, a parabola."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from fractalctl.documents.estimates import PowerLaw, Quadratic
from fractalctl.documents.measured import Interval
from fractalctl.errors import RequestError
from fractalctl.statistics.samples import is_constant, same_length

if TYPE_CHECKING:
    from statsmodels.regression.linear_model import RegressionResults

Vector = NDArray[np.float64]

STRAIGHT = "the points lie on a straight line, which has no vertex"
SPACES = ("linear", "logarithmic")


def cooks_distances(x: ArrayLike, y: ArrayLike) -> list[float] | None:
    """Cook's distance of each point from the line y = b0 + b1 x; above 1 it bends the line to itself.

    D_i = e_i^2 h_i / (2 s^2 (1 - h_i)^2), h the leverages and s^2 the residual variance. None where there
    is no residual variance or a single point fixes the slope.

    Raises:
        RequestError: the variables are not paired or not finite.

    Source: Cook, Technometrics 19, 1977.

    >>> [round(distance, 2) for distance in cooks_distances([1, 2, 3, 4], [1, 2, 3, 8])]
    [1.04, 0.02, 0.33, 2.33]
    """
    first, second = same_length(x=x, y=y)
    if len(first) < 4 or is_constant(first):
        return None
    line = least_squares(second, powers(first)[:, :2])
    influence = line.get_influence()
    if line.ssr <= 1e-24 * float(second @ second) or influence.hat_matrix_diag.max() > 1 - 1e-12:
        return None
    return [float(distance) for distance in influence.cooks_distance[0]]


def power_law(
    depth: ArrayLike, baseline_accuracy: ArrayLike, values: ArrayLike, space: str = "linear"
) -> PowerLaw:
    """Fit S = c H^a A^b with H the depth H(L1|L0) and A the baseline's fine accuracy (paper, section 6.1).

    In ``linear`` space nonlinear least squares; standard errors from the Jacobian, s^2 (J'J)^-1 with k - 3
    degrees of freedom. This reproduces the paper's figures. In ``logarithmic`` space ordinary least
    squares of log S, which asks for positive S and gives small corpora the say that large ones have here.

    Args:
        depth: (k,) bits, positive.
        baseline_accuracy: (k,) fractions, positive.
        values: (k,) mean steerability per corpus.
        space: ``linear`` or ``logarithmic``.

    Raises:
        RequestError: the vectors are not paired or not finite, or there is no such space.

    Source: Bates and Watts, Nonlinear Regression Analysis and Its Applications, 1988.

    >>> law = power_law([1, 2, 3, 4], [0.5, 0.9, 0.3, 0.8], [0.5, 3.6, 2.7, 12.8])
    >>> round(law.c, 6), round(law.a, 6), round(law.b, 6)
    (1.0, 2.0, 1.0)
    """
    h, accuracy, s = same_length(depth=depth, baseline_accuracy=baseline_accuracy, values=values)
    if space not in SPACES:
        raise RequestError(f"a power law is fitted in linear or logarithmic space, not '{space}'")
    if reason := _unfit(h, accuracy, s, space):
        return PowerLaw(k=len(s), space=space, reason=reason)
    design = np.column_stack([np.ones_like(h), np.log(h), np.log(accuracy)])
    logs = np.log(np.maximum(s, s.max() / 1e3))
    coefficients, covariance, fitted = _fit_in(space, design, logs, s)
    (log_c, a, b), errors = coefficients.tolist(), np.sqrt(np.diag(covariance)).tolist()
    c = float(np.exp(log_c))
    return PowerLaw(
        k=len(s),
        space=space,
        c=c,
        a=a,
        b=b,
        c_se=c * errors[0],
        a_se=errors[1],
        b_se=errors[2],
        r2=_explained(logs if space == "logarithmic" else s, fitted),
    )


def _fit_in(space: str, design: Vector, logs: Vector, s: Vector) -> tuple[Vector, Vector, Vector]:
    """Coefficients of (log c, a, b), their covariance, and what they give for each unit."""
    line = least_squares(logs, design)
    if space == "logarithmic":
        return line.params, line.cov_params(), line.fittedvalues

    def law(design: Vector, *coefficients: float) -> Vector:
        return np.asarray(np.exp(design @ np.array(coefficients)))

    found, covariance = optimize.curve_fit(law, design, s, line.params, method="trf", x_scale="jac")
    return found, covariance, law(design, *found)


def _unfit(h: Vector, accuracy: Vector, s: Vector, space: str) -> str | None:
    if len(s) < 4:
        return "three parameters need at least four units"
    if min(h.min(), accuracy.min()) <= 0:
        return "a depth or a baseline accuracy is zero"
    if s.max() <= 0 or (space == "logarithmic" and s.min() <= 0):
        return "a mean that is not positive has no logarithm"
    if is_constant(s):
        return "the values do not vary"
    logs = np.column_stack([np.ones_like(h), np.log(h), np.log(accuracy)])
    dependent = np.linalg.matrix_rank(logs) < 3
    return "depth and baseline accuracy do not vary independently" if dependent else None


def _explained(target: Vector, fitted: Vector) -> float:
    return float(1 - np.sum((target - fitted) ** 2) / np.sum((target - target.mean()) ** 2))


def quadratic(x: ArrayLike, y: ArrayLike) -> Quadratic:
    """Fit a parabola by least squares and find where it peaks (paper, Table 5 and Figure 5).

    The standard error of the vertex v = -c1 / (2 c2) is sqrt(g' C g), C the covariance of the coefficients
    with n - 3 degrees of freedom and g = (-1 / (2 c2), c1 / (2 c2^2)); with n = 3 the fit is exact and
    there is none.

    Args:
        x: (n,) at least three different values.
        y: (n,).

    Raises:
        RequestError: the variables are not paired or not finite, or x has fewer than three different values.

    Source: Casella and Berger, Statistical Inference, 2002, section 5.5.4 (delta method).

    >>> found = quadratic([0, 1, 2, 3], [0, 3, 4, 3])
    >>> round(found.vertex, 6), round(found.height, 6), found.kind
    (2.0, 4.0, 'maximum')
    """
    first, second = same_length(x=x, y=y)
    if len(np.unique(first)) < 3:
        raise RequestError(f"a parabola needs three different x, found {len(np.unique(first))}")
    fit = least_squares(second, powers(first))
    c0, c1, c2 = fit.params.tolist()
    constant = is_constant(second)
    r2 = 1.0 if constant else _explained(second, fit.fittedvalues)
    if constant or abs(c2) * np.ptp(first) ** 2 < 1e-9 * np.ptp(second):
        return Quadratic(n=len(first), coefficients=(c0, c1, c2), r2=r2, reason=STRAIGHT)
    vertex = -c1 / (2 * c2)
    se, ci = _vertex_error(fit, vertex)
    tolerance = 1e-9 * np.ptp(first)
    return Quadratic(
        n=len(first),
        coefficients=(c0, c1, c2),
        r2=r2,
        vertex=vertex,
        vertex_se=se,
        vertex_ci=ci,
        height=c0 - c1 * c1 / (4 * c2),
        kind="maximum" if c2 < 0 else "minimum",
        inside=bool(first.min() - tolerance <= vertex <= first.max() + tolerance),
        reason=None if se is not None else "three points fix the parabola: no standard error",
    )


def _vertex_error(fit: "RegressionResults", vertex: float) -> tuple[float | None, Interval | None]:
    if fit.df_resid < 1:
        return None, None
    _, c1, c2 = fit.params
    gradient = np.array([0.0, -1 / (2 * c2), c1 / (2 * c2 * c2)])
    se = float(np.sqrt(gradient @ fit.cov_params() @ gradient))
    half = float(stats.t.ppf(0.975, fit.df_resid)) * se
    return se, (vertex - half, vertex + half)


def least_squares(y: Vector, design: Vector) -> "RegressionResults":
    """Ordinary least squares of (n,) y on an (n, p) design (statsmodels)."""
    from statsmodels.regression.linear_model import OLS

    return OLS(y, design).fit()


def powers(x: Vector) -> Vector:
    """1, x, x^2 along a new last axis."""
    return np.stack([np.ones_like(x), x, x**2], axis=-1)
