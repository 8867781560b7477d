"""Tests of experiments: files of one axis, one per corpus, corrected together, paired over seeds.

Arms are compared with a reference, by default the first.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from fractalctl.documents.ablation import Ablation
from fractalctl.documents.measured import Run
from fractalctl.documents.statistics import Comparison
from fractalctl.documents.synth import Synthesis
from fractalctl.errors import RequestError
from fractalctl.statistics.comparisons import Pair, compare, corrected
from fractalctl.statistics.observations import Observation, first_seen
from fractalctl.statistics.reading import where_measured

FROZEN, TUNED = "frozen", "tuned"
PAIR_OF_LEVELS = re.compile(r"S_\d+")


def compare_ablations(documents: Sequence[Ablation], reference: str | None = None) -> list[Comparison]:
    """The tests of an axis: its own where it has some, else of the arms with each other at every point.

    Args:
        documents: of one axis and protocol, one per corpus.
        reference: arm that the others are compared with; None: the first.

    Returns:
        Comparisons in the order of files; none where there is nothing to compare.

    Raises:
        RequestError: the reference is not among the arms, or the files cannot be compared.
    """
    return AXES.get(documents[0].axis, _along)(documents, reference)


def compare_partitions(document: Synthesis, reference: str | None = None) -> list[Comparison]:
    """The reference against each other arm at every number of coarse classes, partitions averaged first.

    Holm over the numbers of one pair of arms.

    Args:
        document: synthetic hierarchies of one corpus.
        reference: arm that the others are compared with; None: the first.

    Raises:
        RequestError: the reference is not among the arms.
    """
    first, *others = _ordered(document.arms, reference)
    values: dict[tuple[str, int], list[float]] = {}
    for partition in document.partitions:
        for run in partition.runs:
            key = arm_at(run.arm, "K0", partition.coarse), run.seed
            values.setdefault(key, []).append(run.steerability.s)
    where = where_measured(document)
    observations = [
        Observation(arm=arm, seed=seed, metrics={"S": float(np.mean(found))}, **where)
        for (arm, seed), found in values.items()
    ]
    rows: list[Comparison] = []
    for other in others:
        pairs = [(arm_at(first, "K0", size), arm_at(other, "K0", size)) for size in document.coarse]
        rows += _compared(observations, pairs, "all")
    return rows


def arm_at(arm: str, varied: str, value: Any) -> str:
    """What an arm at one point of an axis is called in comparisons: ``v5 at block 16``."""
    return f"{arm} at {varied} {value}"


def _conditions(documents: Sequence[Ablation], reference: str | None) -> list[Comparison]:
    """The reference against each other arm, Holm over all of them and all corpora."""
    first, *others = _arms(documents, reference)
    observations = _observations(documents, lambda run: run.arm)
    return _compared(observations, [(first, other) for other in others], "all")


def _along(documents: Sequence[Ablation], reference: str | None, usual: Any = None) -> list[Comparison]:
    """The reference against each other arm at every point, and at the usual point against itself elsewhere.

    Holm over the comparisons of one corpus, separately for the two.
    """
    varied = documents[0].varied
    if varied is None:
        return _conditions(documents, reference)
    first, *others = _arms(documents, reference)
    points = first_seen(run.point[varied] for one in documents for run in one.runs)
    observations = _observations(documents, lambda run: arm_at(run.arm, varied, run.point[varied]))
    arms = [(arm_at(first, varied, p), arm_at(other, varied, p)) for p in points for other in others]
    itself = [(arm_at(first, varied, usual), arm_at(first, varied, p)) for p in points if p != usual]
    return _compared(observations, arms) + (_compared(observations, itself) if usual in points else [])


def _levels(documents: Sequence[Ablation], reference: str | None) -> list[Comparison]:
    """The reference against each other arm in S of every pair of levels; files may differ in their levels.

    The outermost pair is a family of its own, as the paper tests S_02 alone; Holm over all other pairs of a
    corpus.
    """
    first, *others = _arms(documents, reference)
    known = {
        one.features.identity: [name for name in one.runs[0].more if PAIR_OF_LEVELS.fullmatch(name)]
        for one in documents
    }
    rows: list[Comparison] = []
    for name in sorted(first_seen(name for names in known.values() for name in names)):
        having = [one for one in documents if name in known[one.features.identity]]
        observations = _observations(having, lambda run: run.arm, lambda run: run.more)
        rows += _compared(observations, [(first, other) for other in others], metric=name)
    widest = {one.features.identity: f"S_0{len(one.profile.classes) - 1}" for one in documents}
    families = [
        [row for row in rows if (row.metric == widest[row.features_identity or ""]) is outer]
        for outer in (True, False)
    ]
    return [row for family in families for row in corrected(family, "holm", ["corpus"])]


def _tuning(documents: Sequence[Ablation], reference: str | None) -> list[Comparison]:
    """Arms on a frozen backbone and on a tuned one; Holm over the comparisons of one corpus.

    For the reference a and each other arm b: a against b on either encoder, a frozen against b tuned, tuned
    against frozen for each, and the interaction: whether a leads b by more on the tuned encoder than on the
    frozen one.
    """
    first, *others = _arms(documents, reference)
    runs = _observations(documents, lambda run: f"{run.arm} {run.point['encoder']}")
    pairs: list[Pair] = []
    for other in others:
        pairs += [(f"{first} {encoder}", f"{other} {encoder}") for encoder in (FROZEN, TUNED)]
        pairs += [(f"{first} {FROZEN}", f"{other} {TUNED}")]
        pairs += [(f"{first} over {other} {TUNED}", f"{first} over {other} {FROZEN}")]
    pairs += [(f"{arm} {TUNED}", f"{arm} {FROZEN}") for arm in (first, *others) if others]
    leads = (_leads(runs, first, other, encoder) for other in others for encoder in (FROZEN, TUNED))
    return _compared([*runs, *chain.from_iterable(leads)], pairs)


def _leads(runs: Sequence[Observation], first: str, other: str, encoder: str) -> list[Observation]:
    """What the first arm has over another, for every place and seed on one encoder."""
    rivals = {(one.place, one.seed): one.metrics["S"] for one in runs if one.arm == f"{other} {encoder}"}
    return [
        replace(one, arm=f"{first} over {other} {encoder}", metrics={"S": one.metrics["S"] - rivals[key]})
        for one in runs
        if one.arm == f"{first} {encoder}" and (key := (one.place, one.seed)) in rivals
    ]


AXES: Mapping[str, Callable[[Sequence[Ablation], str | None], list[Comparison]]] = {
    "alignment": _conditions,
    "capacity": partial(_along, usual=64),
    "noise": partial(_along, usual=0),
    "depth": _levels,
    "backbone": _tuning,
}
"""The tests of every axis that has its own; blocks usually have 64 numbers, and labels no noise."""


def _arms(documents: Iterable[Ablation], reference: str | None) -> list[str]:
    return _ordered(first_seen(run.arm for one in documents for run in one.runs), reference)


def _ordered(arms: Iterable[str], reference: str | None) -> list[str]:
    """The reference, then the others."""
    found = list(arms)
    if reference is not None and reference not in found:
        raise RequestError(f"no arm '{reference}' to compare with; there are: {', '.join(found)}")
    return sorted(found, key=lambda arm: arm != (reference or found[0]))


def _observations(
    documents: Iterable[Ablation],
    name: Callable[[Run], str],
    metrics: Callable[[Run], Mapping[str, float]] = lambda run: {"S": run.steerability.s},
) -> list[Observation]:
    return [
        Observation(
            arm=name(run),
            seed=run.seed,
            metrics=metrics(run),
            strategy=run.strategy,
            training=_training(document, run),
            source=f"{document.axis} ablation of {document.corpus}, {name(run)}, seed {run.seed}",
            **where,
        )
        for document in documents
        for where in [where_measured(document)]
        for run in document.runs
    ]


def _training(document: Ablation, run: Run) -> dict[str, Any]:
    known = document.arms.get(run.arm)
    settings = {"method": known.method, "trunk": known.trunk, **known.settings} if known else {}
    return settings | run.point


def _compared(
    observations: Sequence[Observation], pairs: Iterable[Pair], family: str = "corpus", metric: str = "S"
) -> list[Comparison]:
    """The pairs that some corpus has both arms of."""
    there = {(one.place, one.arm) for one in observations}
    present = [(a, b) for a, b in pairs if any((place, b) in there for place, arm in there if arm == a)]
    if not present:
        return []
    return compare(observations, present, metric=metric, correction="holm", families=[family])
