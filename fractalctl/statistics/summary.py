"""What a report needs tested about a folder of results; whoever draws it tests nothing.

Experiments: files of one axis, one per corpus, corrected together, paired over seeds; arms are compared with
a reference, by default the first.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from fractalctl.documents.compare import ArmsCompared
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.experiments import Ablation, Synthesis
from fractalctl.documents.measured import Conditions, Run
from fractalctl.documents.statistics import Comparison, Statistics, Subject
from fractalctl.errors import RequestError
from fractalctl.statistics.comparisons import Pair, attempted, compare, corrected, default_pairs
from fractalctl.statistics.document import Options, families_of, tested
from fractalctl.statistics.observations import Observation, arranged, corpora_of, first_seen, grouped
from fractalctl.statistics.reading import observation, protocol_of, where_measured
from fractalctl.statistics.side_by_side import CRITERIA, side_by_side

FROZEN, TUNED = "frozen", "tuned"
PAIR_OF_LEVELS = re.compile(r"S_\d+")
OPTIONS = Options(correction="holm", meta=True, scaling=True, robustness=True)


def compare_ablations(documents: Sequence[Ablation], reference: str | None = None) -> list[Comparison]:
    """The tests of an axis: its own where it has some, else of the arms with each other at every point.

    Documents are of one axis and protocol, one per corpus. The reference, or else the first arm, is what
    others are compared with; RequestError where it is none of them, or the files cannot be compared.
    """
    return AXES.get(documents[0].axis, _along)(documents, reference)


def compare_partitions(document: Synthesis, reference: str | None = None) -> list[Comparison]:
    """The reference against each other arm at every number of coarse classes, partitions averaged first.

    Holm over the numbers of one pair of arms. For the rest see `compare_ablations`.
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
    return _ordered((run.arm for one in documents for run in one.runs), reference)


def _ordered(arms: Iterable[str], reference: str | None) -> list[str]:
    """The reference, then the others."""
    found = first_seen(arms)
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


def summarise(
    evaluations: Sequence[Evaluation],
    ablations: Sequence[Ablation] = (),
    syntheses: Sequence[Synthesis] = (),
    reference: str | None = None,
    allow_unpaired: bool = False,
) -> list[Statistics]:
    """Test everything in a folder of results that a report shows.

    Evaluations of one backbone and protocol: every arm described, each compared with the reference (Holm over
    the corpora of a pair), pooled, under every definition of S, scaled over corpora. Evaluations of corpora
    under several backbones: the same, Holm over the backbones of a corpus, and whether the differences depend
    on the backbone. Ablations of one axis: its own tests, over all corpora. Synthetic hierarchies: arms at
    every number of coarse classes.

    Args:
        evaluations: of any corpora, backbones, arms and protocols.
        ablations: of any axes.
        syntheses: of any corpora.
        reference: arm to compare with; None: see `comparisons.default_pairs`, and the first arm of an
            experiment.
        allow_unpaired: drop seeds that only one arm has.

    Returns:
        A document for each of these, ``about`` saying which. What cannot be computed is left out, and a note
        says why.
    """
    options = replace(OPTIONS, allow_unpaired=allow_unpaired)
    over_backbones = replace(options, families=("corpus-pair",))
    observations = [observation(one, _name(one)) for one in evaluations]
    by_backbone = grouped(observations, lambda one: (one.backbone, one.protocol)).values()
    by_protocol = map(_under_several_backbones, grouped(observations, lambda one: one.protocol).values())
    tests = [(files, partial(compare_ablations, files)) for files in _of_one_kind(ablations)]
    return [
        *(_evaluated("evaluations", group, reference, options) for group in by_backbone),
        *(_evaluated("backbones", kept, reference, over_backbones) for kept in by_protocol if kept),
        *(_experiment("ablation", files, reference, test) for files, test in tests),
        *(_experiment("synthesis", [one], reference, partial(compare_partitions, one)) for one in syntheses),
    ]


def compare_all(evaluations: Sequence[Evaluation]) -> list[ArmsCompared]:
    """Arms side by side, for each backbone and protocol under which the frontier's criteria were measured.

    Evaluations that lack one are left out, and a note of the document names the first of them.
    """
    observations = [observation(one, _name(one)) for one in evaluations]
    found = []
    for group in grouped(observations, lambda one: (one.backbone, one.protocol)).values():
        kept = list(_unique(group).values())
        having = [one for one in kept if set(CRITERIA) <= set(one.metrics)]
        if having:
            document = side_by_side(having)
            lacking = [one.where for one in kept if one not in having]
            note = f"{len(lacking)} evaluations have no leakage or cascade, such as {(lacking or [''])[0]}"
            notes = [*document.notes, *([note] if lacking else [])]
            found.append(msgspec.structs.replace(document, notes=notes))
    return found


def _name(evaluation: Evaluation) -> str:
    """What messages call an evaluation."""
    trained, features = evaluation.trained_on, evaluation.features
    there = "" if trained.identity == features.identity else f" on {features.corpus}/{features.name}"
    head = f"{trained.corpus}/{trained.name}/{evaluation.arm}/seed-{evaluation.seed}"
    return f"{head}, {protocol_of(evaluation)}{there}"


def _unique(group: Sequence[Observation]) -> dict[tuple[object, ...], Observation]:
    """Without what was measured twice; the first stands."""
    kept: dict[tuple[object, ...], Observation] = {}
    for one in group:
        kept.setdefault((one.place, one.arm, one.seed), one)
    return kept


def _under_several_backbones(group: Sequence[Observation]) -> list[Observation]:
    """The measurements of corpora that have several backbones, where there are arms to compare."""
    places = {
        place
        for corpus in corpora_of(arranged(_unique(group).values()))
        if len({place.backbone for place in corpus.places}) > 1
        for place in corpus.places
    }
    kept = [one for one in group if one.place in places]
    return kept if len({one.arm for one in kept}) > 1 else []


def _evaluated(
    kind: str, group: Sequence[Observation], reference: str | None, options: Options
) -> Statistics:
    kept = _unique(group)
    firsts = [kept[one.place, one.arm, one.seed] for one in group]
    refused = [
        f"{one.where} is left out: the same was measured in {first.where}"
        for one, first in zip(group, firsts, strict=True)
        if one is not first
    ]
    arms = first_seen(one.arm for one in group)
    pairs = default_pairs(arms, reference if reference in arms else None, every=True)
    backbones = {one.backbone for one in group}
    about = Subject(
        kind=kind,
        backbone=group[0].backbone if len(backbones) == 1 else None,
        protocol=group[0].protocol,
        corpora=first_seen(one.corpus for one in group),
        reference=pairs[0][1] if pairs else None,
    )
    found = tested(list(kept.values()), pairs, options, refused=refused)
    return msgspec.structs.replace(found, about=about)


def _of_one_kind(ablations: Sequence[Ablation]) -> list[list[Ablation]]:
    """Files of one axis, backbone, protocol and choice of arms, at most one for each feature set."""
    groups: dict[tuple[object, ...], list[Ablation]] = {}
    seen: dict[tuple[object, ...], int] = {}
    for one in ablations:
        kind = one.axis, one.backbone, protocol_of(one), tuple(one.arms)
        seen[kind, one.features.identity] = edition = seen.get((kind, one.features.identity), 0) + 1
        groups.setdefault((kind, edition), []).append(one)
    return list(groups.values())


def _experiment(
    kind: str,
    files: Sequence[Ablation] | Sequence[Synthesis],
    reference: str | None,
    make: Callable[[str | None], list[Comparison]],
) -> Statistics:
    first: Conditions = files[0]
    known = reference if reference in files[0].arms else None
    refused: list[str] = []
    rows = next(iter(attempted(refused, lambda: make(known))), [])
    about = Subject(
        kind=kind,
        backbone=first.backbone,
        protocol=protocol_of(first),
        axis=getattr(first, "axis", None),
        corpora=[one.corpus for one in files],
        reference=known or next(iter(files[0].arms), None),
    )
    return Statistics(
        about=about,
        protocol=about.protocol,
        correction=OPTIONS.correction,
        families=families_of(rows),
        comparisons=rows,
        notes=refused,
    )
