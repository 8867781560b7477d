"""Curves through a handful of corpora: a line with its influential points, a power law, a parabola's peak."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from fractalctl.errors import RequestError
from fractalctl.statistics.samples import Interval, is_constant, same_length

Vector = NDArray[np.float64]

STRAIGHT = "the points lie on a straight line, which has no vertex"


def cooks_distances(x: ArrayLike, y: ArrayLike) -> list[float] | None:
    """Cook's distance of each point from the line y = b0 + b1 x; above 1 it bends the line to itself.

    D_i = e_i^2 h_i / (2 s^2 (1 - h_i)^2), h the leverages and s^2 the residual variance. None where there
    is no residual variance or a single point fixes the slope.

    Raises:
        RequestError: the variables are not paired or not finite.

    References:
        Cook, Technometrics 19, 1977.

    >>> [round(distance, 2) for distance in cooks_distances([1, 2, 3, 4], [1, 2, 3, 8])]
    [1.04, 0.02, 0.33, 2.33]
    """
    first, second = same_length(x=x, y=y)
    n = len(first)
    if n < 4 or is_constant(first):
        return None
    design = np.column_stack([np.ones(n), first])
    leverages = np.einsum("ij,ji->i", design, np.linalg.pinv(design))
    residuals = second - design @ np.linalg.lstsq(design, second)[0]
    variance = float(residuals @ residuals) / (n - 2)
    if variance <= 1e-24 * float(second @ second) or leverages.max() > 1 - 1e-12:
        return None
    return [float(d) for d in residuals**2 * leverages / (2 * variance * (1 - leverages) ** 2)]


@dataclass(frozen=True)
class PowerLaw:
    """S = c H^a A^b.

    Attributes:
        k: units.
        space: ``linear`` (least squares of S) or ``logarithmic`` (of log S).
        c, a, b: scale and exponents, each with its standard error.
        r2: share of variance explained in that space.
        reason: why there is no fit.
    """

    k: int
    space: str
    c: float | None
    a: float | None
    b: float | None
    c_se: float | None
    a_se: float | None
    b_se: float | None
    r2: float | None
    reason: str | None = None


def power_law(
    depth: ArrayLike, learnability: ArrayLike, values: ArrayLike, space: str = "linear"
) -> PowerLaw:
    """Fit S = c H^a A^b with H the depth H(L1|L0) and A the baseline's fine accuracy (paper, section 6.1).

    In ``linear`` space nonlinear least squares; standard errors from the Jacobian, s^2 (J'J)^-1 with k - 3
    degrees of freedom. This reproduces the paper's figures. In ``logarithmic`` space ordinary least
    squares of log S, which asks for positive S and gives small corpora the say that large ones have here.

    Args:
        depth: (k,) bits, positive.
        learnability: (k,) fractions, positive.
        values: (k,) mean steerability per corpus.
        space: ``linear`` or ``logarithmic``.

    Raises:
        RequestError: the vectors are not paired or not finite, or there is no such space.

    References:
        Bates and Watts, Nonlinear Regression Analysis and Its Applications, 1988.

    >>> law = power_law([1, 2, 3, 4], [0.5, 0.9, 0.3, 0.8], [0.5, 3.6, 2.7, 12.8])
    >>> round(law.c, 6), round(law.a, 6), round(law.b, 6)
    (1.0, 2.0, 1.0)
    """
    h, accuracy, s = same_length(depth=depth, learnability=learnability, values=values)
    if space not in ("linear", "logarithmic"):
        raise RequestError(f"a power law is fitted in linear or logarithmic space, not '{space}'")
    reason = _unfit(h, accuracy, s, space)
    if reason:
        return PowerLaw(len(s), space, None, None, None, None, None, None, None, reason)
    design = np.column_stack([np.ones_like(h), np.log(h), np.log(accuracy)])
    target = np.log(s) if space == "logarithmic" else s
    coefficients = np.linalg.lstsq(design, np.log(np.maximum(s, s.max() / 1e3)))[0]
    if space == "linear":
        solved = optimize.least_squares(lambda beta: np.exp(design @ beta) - s, coefficients, x_scale="jac")
        coefficients, fitted = solved.x, np.exp(design @ solved.x)
        jacobian = fitted[:, None] * design
    else:
        fitted, jacobian = design @ coefficients, design
    return _power_law(space, coefficients, jacobian, target, fitted)


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


def _power_law(
    space: str, coefficients: Vector, jacobian: Vector, target: Vector, fitted: Vector
) -> PowerLaw:
    residuals = target - fitted
    variance = float(residuals @ residuals) / (len(target) - 3)
    errors = np.sqrt(np.diag(variance * np.linalg.inv(jacobian.T @ jacobian)))
    c = float(np.exp(coefficients[0]))
    return PowerLaw(
        k=len(target),
        space=space,
        c=c,
        a=float(coefficients[1]),
        b=float(coefficients[2]),
        c_se=c * float(errors[0]),
        a_se=float(errors[1]),
        b_se=float(errors[2]),
        r2=_explained(target, fitted),
    )


def _explained(target: Vector, fitted: Vector) -> float:
    return float(1 - np.sum((target - fitted) ** 2) / np.sum((target - target.mean()) ** 2))


@dataclass(frozen=True)
class Quadratic:
    """y = c0 + c1 x + c2 x^2.

    Attributes:
        n: points.
        coefficients: (c0, c1, c2).
        r2: share of variance explained.
        vertex: -c1 / (2 c2), where the parabola turns; with its delta-method standard error and 95 %
            interval.
        height: of the parabola there.
        kind: ``maximum`` or ``minimum``.
        inside: the vertex lies within the range of x, so it is observed rather than extrapolated.
    """

    n: int
    coefficients: tuple[float, float, float]
    r2: float
    vertex: float | None
    vertex_se: float | None
    vertex_ci: Interval | None
    height: float | None
    kind: str | None
    inside: bool | None
    reason: str | None = None


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

    References:
        Casella and Berger, Statistical Inference, 2002, section 5.5.4 (delta method).

    >>> found = quadratic([0, 1, 2, 3], [0, 3, 4, 3])
    >>> round(found.vertex, 6), round(found.height, 6), found.kind
    (2.0, 4.0, 'maximum')
    """
    first, second = same_length(x=x, y=y)
    if len(np.unique(first)) < 3:
        raise RequestError(f"a parabola needs three different x, found {len(np.unique(first))}")
    design = np.column_stack([np.ones_like(first), first, first**2])
    c = np.linalg.lstsq(design, second)[0]
    fitted = design @ c
    constant = is_constant(second)
    r2 = 1.0 if constant else _explained(second, fitted)
    c0, c1, c2 = (float(value) for value in c)
    if constant or abs(c2) * np.ptp(first) ** 2 < 1e-9 * np.ptp(second):
        return Quadratic(len(first), (c0, c1, c2), r2, None, None, None, None, None, None, STRAIGHT)
    vertex = -c1 / (2 * c2)
    se, ci = _vertex_error(design, second - fitted, c1, c2, vertex)
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


def _vertex_error(
    design: Vector, residuals: Vector, c1: float, c2: float, vertex: float
) -> tuple[float | None, Interval | None]:
    df = len(residuals) - 3
    if df < 1:
        return None, None
    covariance = float(residuals @ residuals) / df * np.linalg.inv(design.T @ design)
    gradient = np.array([0.0, -1 / (2 * c2), c1 / (2 * c2 * c2)])
    se = float(np.sqrt(gradient @ covariance @ gradient))
    half = float(stats.t.ppf(0.975, df)) * se
    return se, (vertex - half, vertex + half)
