"""Describe arms and compare pairs of them, seed by seed at each place: tests, effect sizes, corrections.

What is compared must be alike: where it is not, RequestError names what differs, with both files.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
import numpy as np

from fractalctl.documents.statistics import Against, Comparison, Description
from fractalctl.errors import RequestError
from fractalctl.heads.arms import follows_depth
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
from fractalctl.statistics.paired import differences, paired_t, sign_flip, signed_rank, spread

Pair = tuple[str, str]  # labels of two arms, a and b; differences are a - b
DEFAULT_PAIR: Pair = ("v5", "mrl")
PLAIN = ("mrl", "raw", "pca")
"""Arms that shorten without saying which level a prefix is for, the first choice first."""
Made = TypeVar("Made")


def check_protocol(observations: Sequence[Observation]) -> None:
    """Refuse measurements of several protocols."""
    found = first_seen(observation.protocol for observation in observations)
    if len(found) > 1:
        there = " and ".join(name or "none named" for name in found)
        raise RequestError(
            f"S is not comparable across protocols, and these are of {there}: keep those of one"
        )


def check_metric(observations: Sequence[Observation], metric: str) -> None:
    """Refuse measurements that lack the metric."""
    for observation in observations:
        if metric not in observation.metrics:
            there = ", ".join(observation.metrics) or "nothing"
            raise RequestError(f"{observation.where}: no metric '{metric}' (there is: {there})")


def check_arms(observations: Iterable[Observation], arms: Collection[str]) -> None:
    """Refuse an arm that is not the same everywhere: heads of all seeds and corpora are trained alike.

    At one place they must be trained on one feature set. Corpora with another number of levels may differ in
    settings that follow it, see `fractalctl.heads.arms.follows_depth`. The message names setting and both
    files.
    """
    first: dict[tuple[Any, ...], Observation] = {}
    for one in observations:
        if one.arm in arms and one.training:
            for key in ((one.arm,), (one.arm, one.levels), (one.arm, one.place)):
                _check_trained_alike(first.setdefault(key, one), one)


def _check_trained_alike(first: Observation, other: Observation) -> None:
    pairs = {name: (value, other.training.get(name)) for name, value in first.training.items()}
    if first.place == other.place:
        pairs["trained_on"] = _identity(first), _identity(other)
    for name, (here, there) in pairs.items():
        by_depth = first.levels != other.levels and follows_depth(first.strategy, name, here)
        if here != there and not by_depth:
            raise RequestError(
                f"{first.arm}: '{name}' is {here} in {first.where} but {there} in {other.where}; heads "
                "of one arm are trained alike, so train them again or leave some out"
            )


def _identity(one: Observation) -> str | None:
    return one.trained_on.identity[:8] if one.trained_on else None


def check_conditions(observations: Sequence[Observation]) -> None:
    """Refuse measurements of one place that were not taken alike, as far as they say how they were."""
    known = [one for one in observations if one.conditions]
    for other in known[1:]:
        for name, here in known[0].conditions.items():
            there = other.conditions.get(name)
            if here != there:
                raise RequestError(
                    f"{other.corpus}: '{name}' is {here} in {known[0].where} but {there} in {other.where}; "
                    "compare heads that were evaluated alike"
                )


def usual_reference(arms: Sequence[str]) -> str:
    """What arms are compared with when nobody says: plain shortening, else the first that was read.

    >>> usual_reference(["lda", "pca", "raw", "zoom"]), usual_reference(["zoom", "lda", "heal"])
    ('raw', 'zoom')
    """
    return next((arm for arm in PLAIN if arm in arms), arms[0])


def default_pairs(arms: Sequence[str], reference: str | None = None, every: bool = False) -> list[Pair]:
    """Which arms are compared when nobody says: each other one with the reference.

    Without a reference: v5 with mrl where both are there (with ``every``, each other arm with mrl too), else
    each other one with the usual reference; of two that are no plain shortening, the first with the second.
    None where there is one arm.

    Raises: RequestError where the reference was not measured.

    >>> default_pairs(["lda", "mrl", "v5"]), default_pairs(["lda", "pca", "raw"], "raw")
    ([('v5', 'mrl')], [('lda', 'raw'), ('pca', 'raw')])
    """
    if reference is not None and reference not in arms:
        raise RequestError(f"no arm '{reference}' to compare with; there are: {', '.join(arms)}")
    if reference is None and set(DEFAULT_PAIR) <= set(arms):
        others = [arm for arm in arms if arm not in DEFAULT_PAIR] if every else []
        return [DEFAULT_PAIR, *((arm, DEFAULT_PAIR[1]) for arm in others)]
    if reference is None and len(arms) == 2 and not set(PLAIN) & set(arms):
        return [(arms[0], arms[1])]
    base = reference or (usual_reference(arms) if arms else None)
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


def attempted(refused: list[str] | None, make: Callable[[], Made]) -> list[Made]:
    """What was made; nothing, with the reason in ``refused`` where that is a list, after a RequestError."""
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
        sd_a=spread(values_a),
        mean_b=float(np.mean(values_b)),
        sd_b=spread(values_b),
        wilcoxon=signed_rank(gaps),
        permutation=sign_flip(gaps),
        differs={
            name: [here, second.training[name]]
            for name, here in first.training.items()
            if name in second.training and here != second.training[name]
        },
        reason="; ".join(reasons) or None,
    )


def paired_seeds(a: Seeds, b: Seeds, label: str, allow_unpaired: bool = False) -> list[int]:
    """The seeds that both arms have, in the order of the first; RequestError where one or all are missing."""
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
        way_on = (
            remedy if common else "none is in both; train both with the same --seeds, or remove one of them"
        )
        raise RequestError(f"{label}: seeds pair the arms, but {lacks}; {way_on}")
    return common


def corrected(
    rows: Sequence[Comparison], correction: str | None, families: Sequence[str] = ("pair",)
) -> list[Comparison]:
    """Give each comparison its family and, with a correction, its adjusted p value."""
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
    zero, truncation = paired_t(values), None
    if (cut := first.truncated.get(metric)) is not None:
        truncation = Against(value=cut, test=paired_t(differences(values, [cut] * len(values))))
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
        truncation=truncation,
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
            family_size=sum(p is not None for p in zero),
            zero=replace(row.zero, p_adjusted=first),
            truncation=replace(row.truncation, p_adjusted=second) if row.truncation else None,
        )
        for row, first, second in zip(rows, zero, cut, strict=True)
    ]
