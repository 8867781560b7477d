"""Does the conclusion depend on how steerability is defined? The four definitions side by side."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from fractalctl.statistics.comparisons import Pair, arms_of, paired_seeds
from fractalctl.statistics.correlations import spearman
from fractalctl.statistics.observations import Observation, first_seen
from fractalctl.statistics.scaling import unit_name
from fractalctl.statistics.signs import sign_test

DEFINITIONS = ("S", "S_auc", "S_mono", "S_gap")
"""Steerability and the alternatives of the paper's Appendix I."""

IDENTICAL = (
    "S_gap is S with its terms in another order, (L0@1 - L1@1) - (L0@J - L1@J): it agrees by algebra "
    "and confirms nothing"
)


def robustness(
    observations: Sequence[Observation], pair: Pair, allow_unpaired: bool = False
) -> dict[str, Any]:
    """Compare a and b on each corpus under each definition of steerability.

    Gives the mean differences, their sign tests, and how the definitions agree in ranking the corpora.
    The unit of replication is the corpus (paper, Table 10). Definitions that were not measured are
    listed as missing.

    Raises:
        RequestError: a seed is unpaired.

    Returns:
        The block ``robustness`` of ``stats.json``.
    """
    measured = first_seen(one.unit for one in observations)
    units = [unit for unit in measured if all(arms_of(observations, unit, pair))]
    there = [name for name in DEFINITIONS if all(name in one.metrics for one in observations)]
    gaps: dict[str, list[float]] = {name: [] for name in there}
    for unit in units:
        arms = arms_of(observations, unit, pair)
        seeds = paired_seeds(arms, unit, pair, allow_unpaired)
        for name, column in gaps.items():
            first, second = (float(np.mean([arm[seed].metrics[name] for seed in seeds])) for arm in arms)
            column.append(round(first - second, 12))
    return {
        "unit": unit_name(units),
        "n": len(units),
        "a": pair[0],
        "b": pair[1],
        "units": [{"corpus": unit.corpus, "backbone": unit.backbone or None} for unit in units],
        "definitions": [
            {"metric": name, "differences": column, "sign_test": asdict(sign_test(column))}
            for name, column in gaps.items()
        ],
        "rank_agreement": [
            {"x": x, "y": y, **asdict(spearman(gaps[x], gaps[y]))} for x, y in combinations(there, 2)
        ],
        "missing": [name for name in DEFINITIONS if name not in there],
        "note": IDENTICAL if "S_gap" in there else None,
    }
