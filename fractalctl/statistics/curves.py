"""Curves through a handful of points: a line and what bends it, a power law, a parabola and its peak."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from fractalctl.documents.estimates import Band, Peak, PowerLaw, Quadratic, Slopes, VertexBootstrap
from fractalctl.documents.measured import Interval
from fractalctl.errors import RequestError
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics.paired import is_constant, same_length

if TYPE_CHECKING:
    from statsmodels.regression.linear_model import RegressionResults

Vector = NDArray[np.float64]
STRAIGHT = "the points lie on a straight line, which has no vertex"
SPACES = ("linear", "logarithmic")
RESAMPLES = 2000
OVER_PARTITIONS = 2  # tells this bootstrap's random numbers from those of bootstraps over queries and corpora
BAND_POINTS = 41
FEW_CONDITIONS = "a parabola needs three conditions"
ONE_UNIT = "resampling needs two units of every condition"
MOSTLY = 0.95  # share of resamples that must have a maximum before its place has an interval


def cooks_distances(x: ArrayLike, y: ArrayLike) -> list[float] | None:
    """Cook's distance of each point from the line y = b0 + b1 x; above 1 it bends the line to itself.

    D_i = e_i^2 h_i / (2 s^2 (1 - h_i)^2), h the leverages and s^2 the residual variance. None where there is
    no residual variance or a single point fixes the slope.

    Raises: RequestError, as `paired` says. Source: Cook, Technometrics 19, 1977.

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
    """Fit S = c H^a A^b of the depth H, H(L1|L0) in bits, and the baseline's fine accuracy A (paper, 6.1).

    In ``linear`` space nonlinear least squares; standard errors from the Jacobian, s^2 (J'J)^-1 with k - 3
    degrees of freedom. This reproduces the paper's figures. In ``logarithmic`` space ordinary least squares
    of log S, which asks for positive S and gives small corpora the say that large ones have here. All are
    (k,), depth and accuracy (a fraction) positive, values the mean steerability of each corpus.

    Raises: RequestError, as `paired` says, or where there is no such space. Source: Bates and Watts,
    Nonlinear Regression Analysis and Its Applications, 1988.

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
    # In linear space logarithms only begin the search, and values near zero or below have none.
    logs = np.log(s if space == "logarithmic" else np.maximum(s, s.max() / 1e3))
    try:
        coefficients, covariance, fitted = _fit_in(space, design, logs, s)
    except RuntimeError:  # what scipy raises where its search does not end
        return PowerLaw(k=len(s), space=space, reason="least squares found no power law that fits best")
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
        with np.errstate(over="ignore"):  # a step that goes too far is taken back
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
    with n - 3 degrees of freedom and g = (-1 / (2 c2), c1 / (2 c2^2)); with n = 3 the fit is exact and there
    is none.

    Raises: RequestError, as `paired` says, or where x has fewer than three different values. Source: Casella
    and Berger, Statistical Inference, 2002, section 5.5.4 (delta method).

    >>> found = quadratic([0, 1, 2, 3], [0, 3, 4, 3])
    >>> round(found.vertex, 6), round(found.height, 6), found.kind
    (2.0, 4.0, 'maximum')
    """
    first, second = same_length(x=x, y=y)
    if _n_different(first) < 3:
        raise RequestError(f"a parabola needs three different x, found {_n_different(first)}")
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


def _n_different(values: Vector) -> int:
    """How many values there are that differ by more than rounding does."""
    if not len(values):
        return 0
    return 1 + int((np.diff(np.sort(values)) > 1e-9 * np.ptp(values)).sum())


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


def peak(x: Sequence[ArrayLike], y: Sequence[ArrayLike], resamples: int = RESAMPLES, seed: int = 0) -> Peak:
    """Fit a parabola through the means of conditions and ask how surely it has a peak (paper, Section 6.2).

    Both variables have (n,) one number per unit for each condition, such as the coarse entropy of each random
    partition. Conditions, not units, are the points of the fit: units of one condition share its x, and would
    make any curve look certain. A significant quadratic term alone is no inverted U, since a curve that only
    flattens has one too; both slopes must be right at the ends of the data. The bootstrap draws units anew
    within each condition. With few of them it is too narrow: its variance is (n - 1) / n of theirs.

    Raises: RequestError, as `paired` says. Source: Lind and Mehlum, With or without U?, Oxford Bulletin of
    Economics and Statistics 72, 2010; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
    13.

    >>> found = peak([[1, 1], [2, 2], [3, 3], [4, 4]], [[0, 1], [3, 4], [3.5, 4.5], [0, 2]])
    >>> round(found.quadratic.vertex, 2), round(found.slopes.p, 3), found.bootstrap.share_inside
    (2.57, 0.026, 1.0)
    """
    groups = [same_length(x=first, y=second) for first, second in zip(x, y, strict=True)]
    means = np.array([[first.mean(), second.mean()] for first, second in groups]).reshape(-1, 2)
    if _n_different(means[:, 0]) < 3:
        return Peak(None, None, None, None, FEW_CONDITIONS)
    fit = quadratic(means[:, 0], means[:, 1])
    along = np.linspace(means[:, 0].min(), means[:, 0].max(), BAND_POINTS)
    drawn = _resampled(groups, resamples, seed)
    limits: tuple[tuple[float, ...] | None, ...] = (None, None)
    if drawn is not None:
        quantiles = np.quantile(drawn @ powers(along).T, [0.025, 0.975], axis=0)
        limits = tuple(tuple(limit) for limit in quantiles.tolist())
    band = Band(tuple(along.tolist()), tuple((powers(along) @ fit.coefficients).tolist()), *limits)
    return Peak(fit, _slopes(fit, means), _bootstrap(drawn, along[0], along[-1]), band)


def _slopes(fit: Quadratic, means: Vector) -> Slopes:
    ends = np.array([means[:, 0].min(), means[:, 0].max()])
    gradients = np.stack([np.zeros(2), np.ones(2), 2 * ends], axis=1)
    low, high = gradients @ fit.coefficients
    df = len(means) - 3
    if df < 1:
        return Slopes(float(low), float(high), None)
    covariance = least_squares(means[:, 1], powers(means[:, 0])).cov_params()
    errors = np.sqrt(np.diag(gradients @ covariance @ gradients.T))
    if not errors.all():
        return Slopes(float(low), float(high), 0.0 if low > 0 > high else 1.0)
    p = max(stats.t.sf(low / errors[0], df), stats.t.cdf(high / errors[1], df))
    return Slopes(float(low), float(high), float(p))


def _resampled(groups: Sequence[Sequence[Vector]], resamples: int, seed: int) -> Vector | None:
    """Coefficients (resamples, 3) of parabolas through means of units drawn anew within each condition."""
    if any(len(first) < 2 for first, _ in groups):
        return None
    random = generator(seed, Purpose.BOOTSTRAP, OVER_PARTITIONS)
    x, y = np.empty((2, resamples, len(groups)))
    for place, (first, second) in enumerate(groups):
        chosen = random.integers(0, len(first), size=(resamples, len(first)))
        x[:, place], y[:, place] = first[chosen].mean(axis=1), second[chosen].mean(axis=1)
    coefficients: Vector = (np.linalg.pinv(powers(x)) @ y[..., None])[..., 0]
    return coefficients


def _bootstrap(drawn: Vector | None, low: float, high: float) -> VertexBootstrap:
    if drawn is None:
        return VertexBootstrap(0, None, None, ONE_UNIT)
    peaked = drawn[drawn[:, 2] < 0]
    vertices = -peaked[:, 1] / (2 * peaked[:, 2])
    inside = float(((vertices >= low) & (vertices <= high)).sum() / len(drawn))
    share = len(peaked) / len(drawn)
    if share < MOSTLY:
        reason = f"only {share:.0%} of the resamples have a maximum"
        return VertexBootstrap(len(drawn), inside, None, reason)
    ends = np.quantile(vertices, [0.025, 0.975])
    return VertexBootstrap(len(drawn), inside, (float(ends[0]), float(ends[1])))
