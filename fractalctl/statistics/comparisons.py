"""Compare two strategies seed by seed on each corpus: tests, effect sizes, corrected p values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fractalctl.errors import RequestError
from fractalctl.statistics.corrections import adjust
from fractalctl.statistics.effect_sizes import PairedEffects, paired_effects
from fractalctl.statistics.families import family_names
from fractalctl.statistics.observations import Observation, Unit, check_metric, check_protocol, first_seen
from fractalctl.statistics.paired import PairedT, Randomization, paired_t, sign_flip, signed_rank
from fractalctl.statistics.samples import differences

Pair = tuple[str, str]
"""Names of two strategies, a and b; differences are a - b."""

DEFAULT_PAIR: Pair = ("v5", "mrl")


@dataclass(frozen=True)
class Comparison:
    """A pair of strategies on one corpus and backbone; the unit of replication is the training seed."""

    unit: Unit
    protocol: str
    metric: str
    a: str
    b: str
    seeds: tuple[int, ...]
    values_a: tuple[float, ...]
    values_b: tuple[float, ...]
    test: PairedT
    effects: PairedEffects
    wilcoxon: Randomization
    permutation: Randomization
    family: str = ""
    family_size: int = 1
    correction: str | None = None
    p_adjusted: float | None = None

    @property
    def gaps(self) -> tuple[float, ...]:
        """Differences a - b, one per seed."""
        return tuple(differences(self.values_a, self.values_b).tolist())

    def document(self) -> dict[str, Any]:
        """As it stands in ``comparisons`` of ``stats.json``."""
        t, effects = asdict(self.test), asdict(self.effects)
        reasons = [reason for reason in (t.pop("reason"), effects.pop("reason")) if reason]
        t["difference_sd"], t["difference_ci"] = t.pop("sd"), t.pop("ci")
        return {
            "corpus": self.unit.corpus,
            "backbone": self.unit.backbone or None,
            "protocol": self.protocol or None,
            "metric": self.metric,
            "a": self.a,
            "b": self.b,
            "unit": "seed",
            "seeds": list(self.seeds),
            "values_a": list(self.values_a),
            "values_b": list(self.values_b),
            "mean_a": float(np.mean(self.values_a)),
            "sd_a": _sd(self.values_a),
            "mean_b": float(np.mean(self.values_b)),
            "sd_b": _sd(self.values_b),
            **t,
            "p_adjusted": self.p_adjusted,
            "correction": self.correction,
            "family": self.family,
            "family_size": self.family_size,
            **effects,
            "wilcoxon": asdict(self.wilcoxon),
            "permutation": asdict(self.permutation),
            "reason": "; ".join(reasons) or None,
        }


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def compare(
    observations: Sequence[Observation],
    pairs: Sequence[Pair] = (DEFAULT_PAIR,),
    *,
    metric: str = "S",
    correction: str | None = None,
    families: Sequence[str] = ("pair",),
    allow_unpaired: bool = False,
) -> list[Comparison]:
    """Compare pairs of strategies on every corpus where both were measured.

    Args:
        observations: of one protocol; the order of corpora in the result is that of their first appearance.
        pairs: (a, b) names of strategies.
        metric: which measurement to compare.
        correction: a key of `corrections.CORRECTIONS`, or None for raw p values only.
        families: which comparisons are corrected together; see `families.family_names`.
        allow_unpaired: drop seeds that only one arm has, instead of refusing them.

    Raises:
        RequestError: no corpus has both arms, a seed is unpaired, the arms were measured under different
            settings, or a name is unknown.

    >>> values = {"v5": [0.10, 0.18, 0.15], "mrl": [0.01, 0.03, 0.01]}
    >>> table = [Observation("clinc", arm, seed, {"S": value})
    ...          for arm in values for seed, value in enumerate(values[arm])]
    >>> [(row.unit.corpus, round(row.test.t, 2), row.p_adjusted) for row in compare(table)]
    [('clinc', 6.83, None)]
    """
    check_metric(observations, metric)
    check_protocol(observations)
    units = first_seen(observation.unit for observation in observations)
    measured = [(unit, pair, arms_of(observations, unit, pair)) for unit in units for pair in pairs]
    rows = [_compare(arms, unit, pair, metric, allow_unpaired) for unit, pair, arms in measured if all(arms)]
    if not rows:
        there = ", ".join(sorted({observation.strategy for observation in observations}))
        wanted = " or ".join(f"{a} and {b}" for a, b in pairs)
        raise RequestError(f"no corpus was measured with both {wanted}; strategies there are: {there}")
    return corrected(rows, correction, families)


def corrected(
    rows: Sequence[Comparison], correction: str | None, families: Sequence[str] = ("pair",)
) -> list[Comparison]:
    """Give each comparison its family and, with a correction, its adjusted p value.

    Raises:
        RequestError: no such correction or family.
    """
    names = family_names([(row.unit.corpus, row.unit.backbone, row.a, row.b) for row in rows], families)
    result = list(rows)
    for name in first_seen(names):
        members = [position for position, other in enumerate(names) if other == name]
        p_values = [rows[position].test.p for position in members]
        adjusted = adjust(p_values, correction) if correction else [None] * len(members)
        size = sum(p is not None for p in p_values)
        for position, p in zip(members, adjusted, strict=True):
            result[position] = replace(
                rows[position], family=name, family_size=size, correction=correction, p_adjusted=p
            )
    return result


def default_pair(observations: Sequence[Observation]) -> Pair:
    """v5 and mrl where both are there, else the only two strategies there are.

    Raises:
        RequestError: neither applies; the message lists the strategies.
    """
    there = first_seen(observation.strategy for observation in observations)
    if set(DEFAULT_PAIR) <= set(there):
        return DEFAULT_PAIR
    if len(there) == 2:
        return there[0], there[1]
    raise RequestError(
        f"say which two strategies to compare with --compare a,b; there are: {', '.join(there)}"
    )


Arms = tuple[dict[int, Observation], dict[int, Observation]]
"""Measurements of two strategies by seed."""


def arms_of(observations: Sequence[Observation], unit: Unit, pair: Pair) -> Arms:
    """The measurements of both strategies on one unit; a strategy not measured there has none."""
    here = [one for one in observations if one.unit == unit]
    first, second = ({one.seed: one for one in here if one.strategy == strategy} for strategy in pair)
    return first, second


def _compare(arms: Arms, unit: Unit, pair: Pair, metric: str, allow_unpaired: bool) -> Comparison:
    a, b = pair
    seeds = paired_seeds(arms, unit, pair, allow_unpaired)
    check_settings([arm[seed] for arm in arms for seed in seeds])
    values_a, values_b = ([arm[seed].metrics[metric] for seed in seeds] for arm in arms)
    gaps = differences(values_a, values_b)
    return Comparison(
        unit=unit,
        protocol=arms[0][seeds[0]].protocol,
        metric=metric,
        a=a,
        b=b,
        seeds=tuple(seeds),
        values_a=tuple(values_a),
        values_b=tuple(values_b),
        test=paired_t(gaps),
        effects=paired_effects(values_a, values_b),
        wilcoxon=signed_rank(gaps),
        permutation=sign_flip(gaps),
    )


def paired_seeds(arms: Arms, unit: Unit, pair: Pair, allow_unpaired: bool = False) -> list[int]:
    """The seeds that both arms have, in the order of the first.

    Raises:
        RequestError: a seed is missing in one arm (unless allowed), or none is in both.
    """
    missing = {
        strategy: [seed for seed in other if seed not in arm]
        for strategy, arm, other in zip(pair, arms, reversed(arms), strict=True)
    }
    common = [seed for seed in arms[0] if seed in arms[1]]
    if any(missing.values()) and not (allow_unpaired and common):
        lacks = "; ".join(
            f"{strategy} lacks {', '.join(map(str, seeds))}" for strategy, seeds in missing.items() if seeds
        )
        remedy = "train and evaluate them, or leave them out with --allow-unpaired"
        way_on = remedy if common else "none is in both"
        raise RequestError(f"{unit.corpus}: seeds pair the arms, but {lacks}; {way_on}")
    return common


def check_settings(observations: Sequence[Observation]) -> None:
    """Make sure that measurements differ in nothing but strategy and seed.

    Raises:
        RequestError: two were made under different settings; the message names the field and both files.
    """
    first = observations[0]
    for other in observations[1:]:
        for name in first.settings:
            here, there = first.settings[name], other.settings.get(name)
            if here != there:
                raise RequestError(
                    f"{first.corpus}: '{name}' is {here} in {first.where} but {there} in {other.where}; "
                    "compare heads that were evaluated alike"
                )
