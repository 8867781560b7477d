"""Pool the comparisons of one pair of strategies over corpora: the blocks ``sign_test`` and ``meta``."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fractalctl.errors import RequestError
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.heterogeneity import ESTIMATORS
from fractalctl.statistics.influence import Influence, influence
from fractalctl.statistics.meta import effect_variance, pool
from fractalctl.statistics.meta_regression import meta_regression
from fractalctl.statistics.observations import Profile, Unit
from fractalctl.statistics.scaling import PREDICTORS, unit_name
from fractalctl.statistics.signs import sign_test

MAIN_METHOD = "dersimonian-laird"
"""The paper's, and so the one whose figures stand at the top level of ``meta``."""

MODERATORS = ("depth", "product")


def sign_block(rows: Sequence[Comparison]) -> dict[str, Any]:
    """The sign test over the corpora of one pair.

    Raises:
        RequestError: there is no comparison.
    """
    return {
        "unit": unit_name([row.unit for row in rows]),
        "a": rows[0].a,
        "b": rows[0].b,
        **asdict(sign_test([row.test.difference for row in rows])),
    }


def meta_block(rows: Sequence[Comparison], profiles: Mapping[Unit, Profile]) -> dict[str, Any]:
    """Pool paired d over the corpora of one pair, with everything a reviewer may ask beside it.

    Top level: DerSimonian-Laird of d with variance 1/n + d^2/(2n). Beside it the other estimators, the
    same for Hedges' g and for the plain difference (variance sd^2/n), leave-one-out influence, and
    meta-regression on the depth and on the product predictor where profiles are known.

    Raises:
        RequestError: no corpus has an effect size.
    """
    poolable = [row for row in rows if row.effects.cohens_d is not None and row.test.sd]
    if not poolable:
        raise RequestError(
            "no corpus has an effect size to pool: each needs two seeds whose differences vary"
        )
    units = [row.unit for row in poolable]
    labels = [unit.label(units) for unit in units]
    effects = [row.effects.cohens_d or 0.0 for row in poolable]
    variances = [effect_variance(d, row.test.n) for d, row in zip(effects, poolable, strict=True)]
    return {
        "unit": unit_name(units),
        "a": rows[0].a,
        "b": rows[0].b,
        "effect": "paired Cohen's d, variance 1/n + d^2/(2n)",
        **asdict(pool(effects, variances, MAIN_METHOD)),
        "effects": [
            {"label": label, "effect": effect, "variance": variance, "se": math.sqrt(variance)}
            for label, effect, variance in zip(labels, effects, variances, strict=True)
        ],
        "estimators": {name: asdict(pool(effects, variances, name)) for name in ESTIMATORS},
        "hedges_g": _pooled_g(poolable),
        "difference": asdict(
            pool(
                [row.test.difference for row in poolable],
                [_squared_error(row) for row in poolable],
                MAIN_METHOD,
            )
        ),
        "influence": [_influence(unit) for unit in influence(effects, variances, labels, MAIN_METHOD)]
        if len(poolable) > 1
        else [],
        "regression": _regressions(effects, variances, units, profiles),
        "excluded": [row.unit.label(units) for row in rows if row not in poolable],
    }


def _squared_error(row: Comparison) -> float:
    return (row.test.sd or 0.0) ** 2 / row.test.n


def _pooled_g(rows: Sequence[Comparison]) -> dict[str, Any] | None:
    known = [(row.effects.hedges_g, row.test.n) for row in rows if row.effects.hedges_g is not None]
    if not known:
        return None
    return asdict(pool([g for g, _ in known], [effect_variance(g, n) for g, n in known], MAIN_METHOD))


def _influence(unit: Influence) -> dict[str, Any]:
    without = asdict(unit.without)
    kept = ("k", "pooled", "se", "ci", "z", "p", "tau2", "q", "i2", "prediction_interval")
    return {
        "label": unit.label,
        "weight": unit.weight,
        "residual": unit.residual,
        "cooks_distance": unit.cooks_distance,
        "without": {name: without[name] for name in kept},
    }


def _regressions(
    effects: Sequence[float],
    variances: Sequence[float],
    units: Sequence[Unit],
    profiles: Mapping[Unit, Profile],
) -> dict[str, Any]:
    """A meta-regression on each moderator by itself; eight corpora cannot carry both."""
    missing = [unit.label(units) for unit in units if unit not in profiles]
    found: dict[str, Any] = dict.fromkeys(MODERATORS)
    reason = f"no profile of {', '.join(missing)} (--profiles)" if missing else None
    if reason is None and len(units) < 3:
        reason = "a regression on one moderator needs three corpora"
    if reason is None:
        for name in MODERATORS:
            column = [PREDICTORS[name](profiles[unit]) for unit in units]
            found[name] = asdict(meta_regression(effects, variances, {name: column}))
    return found | {"reason": reason}
