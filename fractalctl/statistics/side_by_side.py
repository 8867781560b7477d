"""Arms side by side (``compare.json``): their measures, the frontier, tests and ranks."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from fractalctl.documents.compare import ArmAtPlace, ArmsCompared, MeanValue, PlaceCompared, Ranking
from fractalctl.documents.statistics import Comparison
from fractalctl.errors import RequestError
from fractalctl.statistics.comparisons import DEFAULT_PAIR, compare, default_pairs
from fractalctl.statistics.corpora import corpora_of
from fractalctl.statistics.equivalence import ALPHA
from fractalctl.statistics.frontier import CRITERIA, clearly_better, dominating, flat_references, lossless
from fractalctl.statistics.observations import (
    Measured,
    Observation,
    Seeds,
    arranged,
    first_seen,
    place_labels,
)
from fractalctl.statistics.paired import paired_t
from fractalctl.statistics.ranks import ranking

TESTED = {"S": True, "lossless_S": True, **CRITERIA}
"""Measures that arms are tested and ranked by; true where more is better."""
SHOWN = (
    *("short_coarse", "short_fine", "full_coarse", "full_fine", "S", "lossless_S", "leakage"),
    *("kept_64", "kept_1%", "cascade_64", "cascade_1%", "recall_at_1", "cost_64", "cost_1%"),
)
"""Measures that are set side by side."""
FLOAT32_BYTES = 4


def side_by_side(
    observations: Sequence[Observation],
    reference: str | None = None,
    head_bytes: Mapping[str, int] | None = None,
) -> ArmsCompared:
    """Set arms side by side at every place where they were measured.

    Args:
        observations: evaluations of one protocol.
        reference: the arm that tests compare with; None: mrl, else the first.
        head_bytes: of weights, by `Observation.source`.

    Raises:
        RequestError: nothing was given, an evaluation lacks leakage or cascade, or the reference was not
            measured.
    """
    if not observations:
        raise RequestError("there are no evaluations to compare")
    _check_measured(observations)
    measured: Measured = {}
    references = {}
    for place, own in arranged(observations).items():
        references[place] = flat_references(own)
        measured[place] = {arm: lossless(seeds, references[place]) for arm, seeds in own.items()}
    labels, sizes = place_labels(measured), head_bytes or {}
    arms = first_seen(one.arm for one in observations)
    pairs = default_pairs(arms, reference or (DEFAULT_PAIR[1] if DEFAULT_PAIR[1] in arms else arms[0]))
    notes: list[str] = [
        f"{labels[place]}: no flat classifier of both levels to hold S against, so there is no lossless S; "
        "under loo it takes heads of the strategies coarse and fine"
        for place in measured
        if not references[place]
    ]
    tests = _tests(measured, pairs, notes)
    rankings = [_ranking(measure, more, measured) for measure, more in TESTED.items()]
    notes += [f"no ranks over corpora: {one.reason}" for one in rankings if one.reason and one.arms]
    return ArmsCompared(
        protocol=observations[0].protocol,
        reference=pairs[0][1] if pairs else None,
        alpha=ALPHA,
        criteria=CRITERIA,
        places=[
            PlaceCompared(
                **msgspec.structs.asdict(place),
                label=labels[place],
                levels=_levels(own),
                titles=[_first(own).titles[0], _first(own).titles[-1]] if _first(own).titles else [],
                n_queries=_first(own).conditions["n_queries"],
                n_reference=_first(own).conditions["n_reference"],
                references=references[place],
                arms=[_arm(arm, own, sizes) for arm in own],
            )
            for place, own in measured.items()
        ],
        tests=tests,
        rankings=rankings,
        notes=list(dict.fromkeys(notes)),
    )


def _check_measured(observations: Sequence[Observation]) -> None:
    """Make sure that every criterion was measured everywhere."""
    for one in observations:
        if lacking := [name for name in CRITERIA if name not in one.metrics]:
            why = (
                "'fractalctl evaluate' adds what is missing, of sets that have a train split"
                if one.features
                else "arms are compared from evaluations, not from tables"
            )
            raise RequestError(f"{one.where}: has no {' and no '.join(lacking)}; {why}")


def _first(arms: Mapping[str, Seeds]) -> Observation:
    return next(one for seeds in arms.values() for one in seeds.values())


def _levels(arms: Mapping[str, Seeds]) -> tuple[str, str]:
    return "L0", f"L{_first(arms).levels - 1}"


def _arm(arm: str, arms: Mapping[str, Seeds], head_bytes: Mapping[str, int]) -> ArmAtPlace:
    """What one arm comes to among the others."""
    seeds = list(arms[arm].values())
    means = {name: {criterion: _mean(own, criterion) for criterion in CRITERIA} for name, own in arms.items()}
    better = dominating(arm, means)
    verdicts = [clearly_better(arms[other], arms[arm]) for other in better]
    known = [verdict for verdict in verdicts if verdict is not None]
    return ArmAtPlace(
        arm=arm,
        strategy=seeds[0].strategy,
        dims=list(seeds[0].dims),
        seeds=[one.seed for one in seeds],
        measures={name: _value(seeds, name) for name in SHOWN if name in seeds[0].metrics},
        dominated_by=better,
        clearly=any(known) if known else None,
        bytes_per_vector=FLOAT32_BYTES * seeds[0].dims[-1],
        head_bytes=head_bytes.get(seeds[0].source),
    )


def _value(seeds: Sequence[Observation], name: str) -> MeanValue:
    values = [one.metrics[name] for one in seeds]
    found = paired_t(values)
    return MeanValue(mean=found.difference, sd=found.sd, ci=found.ci, values=values)


def _mean(seeds: Seeds, name: str) -> float:
    return float(np.mean([one.metrics[name] for one in seeds.values()]))


def _tests(measured: Measured, pairs: Sequence[tuple[str, str]], notes: list[str]) -> list[Comparison]:
    """Every arm against the reference by every measure; Holm over the arms of a corpus."""
    found = []
    for measure in TESTED if pairs else ():
        having = [
            one
            for arms in measured.values()
            for seeds in arms.values()
            for one in seeds.values()
            if measure in one.metrics
        ]
        if having:
            found += compare(
                having,
                pairs,
                metric=measure,
                correction="holm",
                families=("corpus",),
                allow_unpaired=True,
                refused=notes,
            )
    return found


def _ranking(measure: str, more: bool, measured: Measured) -> Ranking:
    """Ranks over the corpora that have the measure, of the arms that all of these have."""
    tables: dict[str, dict[str, float]] = {}
    for corpus in corpora_of(measured):
        own: dict[str, list[float]] = {}
        for arms in (measured[place] for place in corpus.places):
            for arm, seeds in arms.items():
                if all(measure in one.metrics for one in seeds.values()):
                    own.setdefault(arm, []).append(_mean(seeds, measure))
        if own:
            tables[corpus.label] = {arm: float(np.mean(values)) for arm, values in own.items()}
    shared = [arm for arm in next(iter(tables.values()), {}) if all(arm in own for own in tables.values())]
    common = {corpus: {arm: own[arm] for arm in shared} for corpus, own in tables.items()}
    return ranking(measure, common, more_is_better=more, alpha=ALPHA)
