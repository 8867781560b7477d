"""Describe arms and compare pairs of them, seed by seed at each place: tests, effect sizes, corrections."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
import numpy as np

from fractalctl.documents.statistics import Against, Comparison, Description
from fractalctl.errors import RequestError
from fractalctl.statistics.checks import check_arms, check_conditions, check_metric, check_protocol
from fractalctl.statistics.corrections import adjust, family_names
from fractalctl.statistics.effect_sizes import paired_effects
from fractalctl.statistics.observations import (
    Measured,
    Observation,
    Seeds,
    arranged,
    first_seen,
    grouped,
    place_labels,
)
from fractalctl.statistics.paired import paired_t, sign_flip, signed_rank
from fractalctl.statistics.samples import differences

Pair = tuple[str, str]
"""Labels of two arms, a and b; differences are a - b."""

DEFAULT_PAIR: Pair = ("v5", "mrl")


def default_pairs(arms: Sequence[str], reference: str | None = None, every: bool = False) -> list[Pair]:
    """Which arms are compared when nobody says: each other one with the reference.

    Without a reference: v5 with mrl where both are there, else the only two, else each other one with the
    first; none where there is one arm.

    Args:
        arms: that were measured, in order.
        reference: the arm that the others are compared with.
        every: where v5 and mrl are there, compare each other arm with mrl too.

    Raises:
        RequestError: the reference was not measured.

    >>> default_pairs(["lda", "mrl", "v5"]), default_pairs(["lda", "pca", "raw"], "raw")
    ([('v5', 'mrl')], [('lda', 'raw'), ('pca', 'raw')])
    """
    if reference is not None and reference not in arms:
        raise RequestError(f"no arm '{reference}' to compare with; there are: {', '.join(arms)}")
    if reference is None and set(DEFAULT_PAIR) <= set(arms):
        others = [arm for arm in arms if arm not in DEFAULT_PAIR] if every else []
        return [DEFAULT_PAIR, *((arm, DEFAULT_PAIR[1]) for arm in others)]
    if reference is None and len(arms) == 2:
        return [(arms[0], arms[1])]
    base = reference or next(iter(arms), None)
    return [(arm, base) for arm in arms if base is not None and arm != base]


def compare(
    observations: Sequence[Observation],
    pairs: Sequence[Pair] = (DEFAULT_PAIR,),
    *,
    metric: str = "S",
    correction: str | None = None,
    families: Sequence[str] = ("pair",),
    allow_unpaired: bool = False,
    refused: list[str] | None = None,
) -> list[Comparison]:
    """Compare pairs of arms at every place where both were measured.

    Args:
        observations: of one protocol; the order of places in the result is that of their first appearance.
        pairs: (a, b) labels of arms.
        metric: which measurement to compare.
        correction: a key of `corrections.CORRECTIONS`, or None for raw p values only.
        families: which comparisons are corrected together; see `corrections.family_names`.
        allow_unpaired: drop seeds that only one arm has, instead of refusing them.
        refused: takes the reason for each comparison that cannot be made, instead of ending with it.

    Raises:
        RequestError: no place has both arms, they were measured on different feature sets of one corpus, a
            seed is unpaired, heads were trained or measured unlike each other, or a name is unknown.

    >>> values = {"v5": [0.10, 0.18, 0.15], "mrl": [0.01, 0.03, 0.01]}
    >>> table = [Observation("clinc", arm, seed, {"S": value})
    ...          for arm in values for seed, value in enumerate(values[arm])]
    >>> [(row.corpus, round(row.t, 2), row.p_adjusted) for row in compare(table)]
    [('clinc', 6.83, None)]
    """
    check_metric(observations, metric)
    check_protocol(observations)
    measured = arranged(observations)
    labels, rows = place_labels(measured), []
    sound = [pair for pair in pairs if attempted(refused, partial(check_arms, observations, pair))]
    for place, arms in measured.items():
        for a, b in sound:
            if a in arms and b in arms:
                both = arms[a], arms[b]
                rows += attempted(refused, partial(_compare, *both, labels[place], metric, allow_unpaired))
    if refused is None:
        _check_made(measured, pairs, rows)
    return corrected(rows, correction, families)


Made = TypeVar("Made")


def attempted(refused: list[str] | None, make: Callable[[], Made]) -> list[Made]:
    """What was made; nothing, with the reason in ``refused`` where that is a list, where it cannot be made.

    Raises:
        RequestError: it cannot be made and ``refused`` is None.
    """
    try:
        return [make()]
    except RequestError as error:
        if refused is None:
            raise
        refused.append(str(error))
        return []


def _check_made(measured: Measured, pairs: Sequence[Pair], rows: Sequence[Comparison]) -> None:
    """Make sure that something was compared, and no pair is kept apart by two feature sets of one corpus."""
    made = {(row.corpus, row.backbone, row.a, row.b) for row in rows}
    for a, b in pairs:
        there = {(place.corpus, place.backbone): place for place in measured if b in measured[place]}
        for place in [one for one in measured if a in measured[one]]:
            other = there.get((place.corpus, place.backbone))
            if other and (place.corpus, place.backbone, a, b) not in made:
                labels = place_labels([place, other])
                first, second = (
                    next(iter(measured[at][arm].values())) for at, arm in ((place, a), (other, b))
                )
                raise RequestError(
                    f"{a} was measured on {labels[place]} ({first.where}) but {b} on {labels[other]} "
                    f"({second.where}): evaluate both on one feature set"
                )
    if not rows:
        found = ", ".join(sorted({arm for arms in measured.values() for arm in arms}))
        wanted = " or ".join(f"{a} and {b}" for a, b in pairs)
        raise RequestError(f"no corpus was measured with both {wanted}; arms there are: {found}")


def _compare(a: Seeds, b: Seeds, label: str, metric: str, allow_unpaired: bool) -> Comparison:
    seeds = paired_seeds(a, b, label, allow_unpaired)
    check_conditions([arm[seed] for arm in (a, b) for seed in seeds])
    first, second = a[seeds[0]], b[seeds[0]]
    values_a, values_b = ([arm[seed].metrics[metric] for seed in seeds] for arm in (a, b))
    gaps = differences(values_a, values_b)
    test = msgspec.structs.asdict(paired_t(gaps))
    sizes = msgspec.structs.asdict(paired_effects(values_a, values_b))
    reasons = [reason for reason in (test.pop("reason"), sizes.pop("reason")) if reason]
    test["difference_sd"], test["difference_ci"] = test.pop("sd"), test.pop("ci")
    return Comparison(
        **msgspec.structs.asdict(first.place),
        **test,
        **sizes,
        label=label,
        protocol=first.protocol or None,
        metric=metric,
        a=first.arm,
        b=second.arm,
        seeds=seeds,
        values_a=values_a,
        values_b=values_b,
        mean_a=float(np.mean(values_a)),
        sd_a=_sd(values_a),
        mean_b=float(np.mean(values_b)),
        sd_b=_sd(values_b),
        wilcoxon=signed_rank(gaps),
        permutation=sign_flip(gaps),
        differs={
            name: [here, second.training[name]]
            for name, here in first.training.items()
            if name in second.training and here != second.training[name]
        },
        reason="; ".join(reasons) or None,
    )


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def paired_seeds(a: Seeds, b: Seeds, label: str, allow_unpaired: bool = False) -> list[int]:
    """The seeds that both arms have, in the order of the first.

    Raises:
        RequestError: a seed is missing in one arm (unless allowed), or none is in both.
    """
    missing = {
        next(iter(arm.values())).arm: [seed for seed in other if seed not in arm]
        for arm, other in ((a, b), (b, a))
    }
    common = [seed for seed in a if seed in b]
    if any(missing.values()) and not (allow_unpaired and common):
        lacks = "; ".join(
            f"{arm} lacks {', '.join(map(str, seeds))}" for arm, seeds in missing.items() if seeds
        )
        remedy = "train and evaluate them, or leave them out with --allow-unpaired"
        way_on = remedy if common else "none is in both"
        raise RequestError(f"{label}: seeds pair the arms, but {lacks}; {way_on}")
    return common


def corrected(
    rows: Sequence[Comparison], correction: str | None, families: Sequence[str] = ("pair",)
) -> list[Comparison]:
    """Give each comparison its family and, with a correction, its adjusted p value.

    Raises:
        RequestError: no such correction or family.
    """
    names = family_names([(row.corpus, row.backbone, row.a, row.b) for row in rows], families)
    result = list(rows)
    for name, members in grouped(range(len(rows)), names.__getitem__).items():
        p_values = [rows[position].p for position in members]
        adjusted = adjust(p_values, correction) if correction else [None] * len(members)
        size = sum(p is not None for p in p_values)
        for position, p in zip(members, adjusted, strict=True):
            result[position] = msgspec.structs.replace(
                rows[position], family=name, family_size=size, correction=correction, p_adjusted=p
            )
    return result


def describe(
    observations: Sequence[Observation],
    metric: str = "S",
    correction: str | None = None,
    refused: list[str] | None = None,
) -> list[Description]:
    """Describe every arm at every place over its seeds: mean, interval, against zero, against truncation.

    Truncation is the same measure of the backbone's own features, cut to the lengths of the head: one number
    without a spread, since nothing of it is trained. p values are corrected over the places of an arm.

    Args:
        observations: of one protocol.
        metric: which measurement.
        correction: a key of `corrections.CORRECTIONS`, or None.
        refused: takes the reason for each arm that cannot be described, instead of ending with it.

    Raises:
        RequestError: a measurement lacks the metric, or heads of an arm were trained or measured unlike each
            other.
    """
    check_metric(observations, metric)
    measured, found = arranged(observations), list[Description]()
    labels = place_labels(measured)
    for arm in first_seen(one.arm for one in observations):
        if attempted(refused, partial(check_arms, observations, [arm])):
            groups = [
                (list(arms[arm].values()), labels[place]) for place, arms in measured.items() if arm in arms
            ]
            rows = [row for group in groups for row in attempted(refused, partial(_describe, *group, metric))]
            found += _adjusted(rows, correction) if correction else rows
    order = {place: number for number, place in enumerate(measured)}
    return sorted(found, key=lambda row: order[row.place])


def _describe(heads: Sequence[Observation], label: str, metric: str) -> Description:
    check_conditions(heads)
    first, values = heads[0], [one.metrics[metric] for one in heads]
    zero, cut = paired_t(values), first.truncated.get(metric)
    against = None if cut is None else paired_t(differences(values, [cut] * len(values)))
    return Description(
        **msgspec.structs.asdict(first.place),
        label=label,
        protocol=first.protocol or None,
        metric=metric,
        arm=first.arm,
        strategy=first.strategy or first.arm,
        seeds=[one.seed for one in heads],
        values=values,
        n=zero.n,
        mean=zero.difference,
        sd=zero.sd,
        ci=zero.ci,
        zero=Against(value=0.0, test=zero),
        truncation=Against(value=cut, test=against) if cut is not None and against else None,
        reason=zero.reason,
    )


def _adjusted(rows: Sequence[Description], correction: str) -> list[Description]:
    """The descriptions of one arm with p values corrected over places, against zero and truncation apart."""
    replace = msgspec.structs.replace
    zero = adjust([row.zero.test.p for row in rows], correction)
    cut = adjust([row.truncation.test.p if row.truncation else None for row in rows], correction)
    return [
        replace(
            row,
            correction=correction,
            family_size=len(rows),
            zero=replace(row.zero, p_adjusted=first),
            truncation=replace(row.truncation, p_adjusted=second) if row.truncation else None,
        )
        for row, first, second in zip(rows, zero, cut, strict=True)
    ]
