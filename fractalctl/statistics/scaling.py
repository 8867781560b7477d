"""What predicts how steerable a corpus becomes: its depth, the backbone's grasp of it, or their product."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fractalctl.errors import RequestError
from fractalctl.statistics.correlations import kendall, leave_one_out, pearson, spearman, spearman_bootstrap
from fractalctl.statistics.observations import Observation, Profile, Unit, first_seen
from fractalctl.statistics.regressions import cooks_distances, power_law

Profiles = Mapping[tuple[str, str], Profile]
"""(corpus, backbone), or (corpus, "") for every backbone, to profile."""

PREDICTORS: dict[str, Callable[[Profile], float]] = {
    "depth": lambda profile: profile.depth,
    "learnability": lambda profile: profile.learnability,
    "product": lambda profile: profile.depth * profile.learnability,
}
"""H(L1|L0), the baseline's fine accuracy, and the paper's product of both (section 6.1)."""


@dataclass(frozen=True)
class Point:
    """One unit of the scaling analysis: its profile, and the mean of the metric over seeds."""

    unit: Unit
    profile: Profile
    mean: float


def find_profiles(observations: Sequence[Observation], given: Profiles | None = None) -> dict[Unit, Profile]:
    """The profile of each unit: the given one, else that of its evaluation files; others are left out."""
    tabled = given or {}
    found: dict[Unit, Profile] = {}
    for one in observations:
        profile = tabled.get((one.corpus, one.backbone)) or tabled.get((one.corpus, "")) or one.profile
        if profile is not None:
            found.setdefault(one.unit, profile)
    return found


def points(
    observations: Sequence[Observation], strategy: str, metric: str, profiles: Mapping[Unit, Profile]
) -> list[Point]:
    """Mean of the metric over seeds for each unit where the strategy was measured.

    Raises:
        RequestError: a unit has no profile, or the strategy was not measured at all.
    """
    measured = [one for one in observations if one.strategy == strategy]
    if not measured:
        raise RequestError(f"strategy '{strategy}' was not measured, so there is nothing to scale")
    units = first_seen(one.unit for one in measured)
    missing = [unit.label(units) for unit in units if unit not in profiles]
    if missing:
        raise RequestError(
            f"scaling needs the entropies and baseline accuracy of {', '.join(missing)}: give them with "
            "--profiles FILE.csv (dataset, h_l1_given_l0, baseline_l1)"
        )
    means = {
        unit: float(np.mean([one.metrics[metric] for one in measured if one.unit == unit])) for unit in units
    }
    return [Point(unit, profiles[unit], mean) for unit, mean in means.items()]


def scaling(measured: Sequence[Point]) -> dict[str, Any]:
    """Correlate the metric with each predictor, drop each unit in turn, bootstrap, and fit the power law.

    The unit of replication is the corpus (under a backbone): seeds are averaged first, so a corpus
    counts once.

    Returns:
        The block ``scaling`` of ``stats.json``, but for the names of strategy and metric.
    """
    values = [point.mean for point in measured]
    columns = {name: [of(point.profile) for point in measured] for name, of in PREDICTORS.items()}
    units = [point.unit for point in measured]
    labels = [unit.label(units) for unit in units]
    return {
        "unit": unit_name(units),
        "n": len(measured),
        "points": [
            {"corpus": unit.corpus, "backbone": unit.backbone or None, "mean": value}
            | {name: column[i] for name, column in columns.items()}
            for i, (unit, value) in enumerate(zip(units, values, strict=True))
        ],
        "predictors": {
            name: {
                "spearman": asdict(spearman(column, values)),
                "pearson": asdict(pearson(column, values)),
                "kendall": asdict(kendall(column, values)),
                "bootstrap": asdict(spearman_bootstrap(column, values)),
                "leave_one_out": [asdict(row) for row in leave_one_out(column, values, labels)],
                "cooks_distance": _labelled(labels, cooks_distances(column, values)),
            }
            for name, column in columns.items()
        },
        "power_law": asdict(power_law(columns["depth"], columns["learnability"], values)),
        "power_law_logarithmic": asdict(
            power_law(columns["depth"], columns["learnability"], values, "logarithmic")
        ),
    }


def _labelled(labels: Sequence[str], distances: Sequence[float] | None) -> dict[str, float] | None:
    return None if distances is None else dict(zip(labels, distances, strict=True))


def unit_name(units: Sequence[Unit]) -> str:
    """What the unit of replication over these units is called."""
    return "corpus x backbone" if len({unit.backbone for unit in units}) > 1 else "corpus"
