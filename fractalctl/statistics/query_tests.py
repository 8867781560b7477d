"""Tests over queries for each comparison whose evaluation files carry per-query hits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalctl.errors import FractalError
from fractalctl.measures.hits import unpack_hits
from fractalctl.measures.steerability import MEASURES
from fractalctl.statistics.comparisons import Comparison, arms_of
from fractalctl.statistics.observations import Observation
from fractalctl.statistics.queries import mcnemar, query_bootstrap

NOT_A_MEAN = frozenset({"S_mono"})
"""Metrics that are no mean over queries, so that a query contributes nothing of its own."""

Hits = NDArray[np.bool_]


def query_tests(
    observations: Sequence[Observation], comparisons: Sequence[Comparison]
) -> dict[str, Any] | None:
    """McNemar's test at each prefix and level for each seed, and a bootstrap of the difference of the metric.

    The unit of replication is the query; the p values are raw, one per seed, and not independent of each
    other.

    Raises:
        FractalError: hits are damaged.

    Returns:
        The block ``queries`` of ``stats.json``; None when no comparison has hits for both arms.
    """
    rows = []
    for comparison in comparisons:
        arms = arms_of(observations, comparison.unit, (comparison.a, comparison.b))
        chosen = [[arm[seed] for seed in comparison.seeds] for arm in arms]
        if all(one.hits for arm in chosen for one in arm):
            rows.append(_tests(comparison, *chosen))
    return {"unit": "query", "comparisons": rows} if rows else None


def _tests(comparison: Comparison, a: Sequence[Observation], b: Sequence[Observation]) -> dict[str, Any]:
    pairs = [(_hits(first), _hits(second)) for first, second in zip(a, b, strict=True)]
    prefixes = a[0].settings.get("dims") or list(range(1, pairs[0][0].shape[1] + 1))
    return {
        "corpus": comparison.unit.corpus,
        "backbone": comparison.unit.backbone or None,
        "a": comparison.a,
        "b": comparison.b,
        "metric": comparison.metric,
        "n": len(pairs[0][0]),
        "seeds": list(comparison.seeds),
        "bootstrap": _bootstrap(comparison.metric, pairs),
        "mcnemar": [
            {"seed": seed, "prefix": prefix, "level": f"L{level}"}
            | asdict(mcnemar(first[:, j, level], second[:, j, level]))
            for seed, (first, second) in zip(comparison.seeds, pairs, strict=True)
            for j, prefix in enumerate(prefixes)
            for level in range(first.shape[2])
        ],
    }


def _bootstrap(metric: str, pairs: Sequence[tuple[Hits, Hits]]) -> Mapping[str, Any] | None:
    if metric in NOT_A_MEAN or metric not in MEASURES:
        return None
    measure = MEASURES[metric]
    contributions = np.mean([measure(first * 1.0) - measure(second * 1.0) for first, second in pairs], axis=0)
    return asdict(query_bootstrap(np.round(contributions, 12)))


def _hits(observation: Observation) -> Hits:
    try:
        return unpack_hits(dict(observation.hits or {}))
    except (FractalError, KeyError) as error:
        raise FractalError(f"{observation.where}: {error}; evaluate that head again") from error
