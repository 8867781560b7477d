"""Meta-regression: does a property of the corpora explain how their effects differ?"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fractalctl.documents.pooled import Coefficient, MetaRegression
from fractalctl.errors import RequestError
from fractalctl.statistics.meta import checked_effects
from fractalctl.statistics.samples import finite
from fractalctl.statistics.tau_squared import estimator_named, fit, typical_variance


def meta_regression(
    effects: ArrayLike,
    variances: ArrayLike,
    moderators: Mapping[str, ArrayLike],
    method: str = "reml",
    level: float = 0.95,
) -> MetaRegression:
    """Regress effects on moderators, weighting each unit by 1 / (v + tau^2).

    beta = (X'WX)^-1 X'Wy, covariance (X'WX)^-1, R^2 = (tau^2 without - tau^2) / tau^2 without, at least 0.
    With eight corpora it can show a strong moderator, not tell two correlated ones apart.

    Args:
        effects: (k,) one per unit.
        variances: (k,) sampling variances, positive.
        moderators: name to (k,) values; an intercept is added.
        method: a key of `heterogeneity.ESTIMATORS`.
        level: of confidence.

    Raises:
        RequestError: too few units for the moderators, moderators that are linearly dependent or constant, or
            numbers that are not finite.

    Source: Raudenbush, in Cooper et al. (eds.), The Handbook of Research Synthesis and Meta-Analysis, 2009,
    ch. 16.

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
    estimate_tau2 = estimator_named(method)
    tau2, without = estimate_tau2(y, v, design), estimate_tau2(y, v, np.ones((len(y), 1)))
    found = fit(y, v, design, tau2)
    slopes, covariance = found.coefficients[1:], found.covariance[1:, 1:]
    q_moderators = float(slopes @ np.linalg.solve(covariance, slopes))
    q_residual = fit(y, v, design, 0.0).q
    names = ["intercept", *moderators]
    return MetaRegression(
        k=len(y),
        method=method,
        coefficients=tuple(
            _coefficient(name, float(found.coefficients[i]), float(found.covariance[i, i]), level)
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


def _coefficient(name: str, estimate: float, variance: float, level: float) -> Coefficient:
    se = math.sqrt(variance)
    half = float(stats.norm.ppf((1 + level) / 2)) * se
    z = estimate / se
    return Coefficient(
        name, estimate, se, z, float(2 * stats.norm.sf(abs(z))), (estimate - half, estimate + half)
    )
