"""Whether a curve rises and falls: a parabola, its slopes at both ends, its vertex over resamples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fractalctl.documents.estimates import Band, Peak, Quadratic, Slopes, VertexBootstrap
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics.regressions import least_squares, powers, quadratic
from fractalctl.statistics.samples import same_length

Vector = NDArray[np.float64]

RESAMPLES = 2000
OVER_PARTITIONS = 2
"""Tells this bootstrap's random numbers from those of bootstraps over queries and corpora."""
BAND_POINTS = 41
FEW_CONDITIONS = "a parabola needs three conditions"
ONE_UNIT = "resampling needs two units of every condition"
MOSTLY = 0.95
"""Share of resamples that must have a maximum before its place has an interval."""


def peak(x: Sequence[ArrayLike], y: Sequence[ArrayLike], resamples: int = RESAMPLES, seed: int = 0) -> Peak:
    """Fit a parabola through the means of conditions and ask how surely it has a peak (paper, Section 6.2).

    Conditions, not units, are the points of the fit: units of one condition share its x, and would make any
    curve look certain. A significant quadratic term alone is no inverted U, since a curve that only flattens
    has one too; both slopes must be right at the ends of the data. The bootstrap draws units anew within each
    condition. With few of them it is too narrow: its variance is (n - 1) / n of theirs.

    Args:
        x: per condition (n,) one number per unit, such as the coarse entropy of each random partition.
        y: the same for the other variable.
        resamples: bootstrap samples.
        seed: of the resampling.

    Raises:
        RequestError: units are not paired or not finite.

    Source: Lind and Mehlum, With or without U?, Oxford Bulletin of Economics and Statistics 72, 2010. Efron
    and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    >>> found = peak([[1, 1], [2, 2], [3, 3], [4, 4]], [[0, 1], [3, 4], [3.5, 4.5], [0, 2]])
    >>> round(found.quadratic.vertex, 2), round(found.slopes.p, 3), found.bootstrap.share_inside
    (2.57, 0.026, 1.0)
    """
    groups = [same_length(x=first, y=second) for first, second in zip(x, y, strict=True)]
    means = np.array([[first.mean(), second.mean()] for first, second in groups]).reshape(-1, 2)
    if len(np.unique(means[:, 0])) < 3:
        return Peak(None, None, None, None, FEW_CONDITIONS)
    fit = quadratic(means[:, 0], means[:, 1])
    along = np.linspace(means[:, 0].min(), means[:, 0].max(), BAND_POINTS)
    drawn = _resampled(groups, resamples, seed)
    limits = None if drawn is None else np.quantile(drawn @ powers(along).T, [0.025, 0.975], axis=0)
    return Peak(
        fit,
        _slopes(fit, means),
        _bootstrap(drawn, along[0], along[-1]),
        Band(
            tuple(along.tolist()),
            tuple((powers(along) @ fit.coefficients).tolist()),
            None if limits is None else tuple(limits[0].tolist()),
            None if limits is None else tuple(limits[1].tolist()),
        ),
    )


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
