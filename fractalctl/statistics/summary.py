"""What a report needs tested about a folder of results; whoever draws it tests nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import msgspec

from fractalctl.documents.ablation import Ablation
from fractalctl.documents.compare import ArmsCompared
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.measured import Conditions
from fractalctl.documents.statistics import Comparison, Statistics, Subject
from fractalctl.documents.synth import Synthesis
from fractalctl.statistics.axes import compare_ablations, compare_partitions
from fractalctl.statistics.comparisons import attempted, default_pairs
from fractalctl.statistics.document import Options, families_of, tested
from fractalctl.statistics.frontier import CRITERIA
from fractalctl.statistics.observations import Observation, arranged, corpora_of, first_seen, grouped
from fractalctl.statistics.reading import observation, slug_of
from fractalctl.statistics.side_by_side import side_by_side

OPTIONS = Options(correction="holm", meta=True, scaling=True, robustness=True)


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
    return f"{head}, {slug_of(evaluation)}{there}"


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
        kind = one.axis, one.backbone, slug_of(one), tuple(one.arms)
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
        protocol=slug_of(first),
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
