"""Arms side by side (``compare.json``): their measures, the frontier, tests and ranks."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from scipy import stats

from fractalctl.documents.compare import ArmAtPlace, ArmsCompared, MeanValue, PlaceCompared, Ranking
from fractalctl.documents.statistics import Comparison
from fractalctl.errors import RequestError
from fractalctl.statistics.comparisons import DEFAULT_PAIR, compare, default_pairs
from fractalctl.statistics.equivalence import ALPHA
from fractalctl.statistics.frontier import CRITERIA, clearly_better, dominating, flat_references, lossless
from fractalctl.statistics.observations import (
    Measured,
    Observation,
    Seeds,
    arranged,
    corpora_of,
    first_seen,
    place_labels,
)
from fractalctl.statistics.paired import paired_t

TESTED = {"S": True, "lossless_S": True, **CRITERIA}
"""Measures that arms are tested and ranked by; true where more is better."""
SHOWN = (
    *("short_coarse", "short_fine", "full_coarse", "full_fine", "S", "lossless_S", "leakage"),
    *("kept_64", "kept_1%", "cascade_64", "cascade_1%", "recall_at_1", "cost_64", "cost_1%"),
)
"""Measures that are set side by side."""
FLOAT32_BYTES = 4
ROUNDING = 12
"""Decimals beyond which means differ by rounding alone, and so are tied."""


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
        every = (one for arms in measured.values() for seeds in arms.values() for one in seeds.values())
        having = [one for one in every if measure in one.metrics]
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


def ranking(
    measure: str,
    means: Mapping[str, Mapping[str, float]],
    *,
    more_is_better: bool = True,
    alpha: float = 0.05,
) -> Ranking:
    """Rank arms on each corpus and test whether their mean ranks differ.

    CD = q / sqrt(2) sqrt(k (k + 1) / (6 N)), with q the studentized range of k arms and infinitely many
    degrees of freedom, N the number of corpora.

    Args:
        measure: what ranks them.
        means: by corpus, then by arm; corpora are those that all of the arms were measured on.
        more_is_better: whether rank 1 has the largest mean.
        alpha: level of the critical difference.

    Sources: Friedman, Journal of the American Statistical Association 32, 1937; Nemenyi, dissertation, 1963;
    both as in Demsar, Journal of Machine Learning Research 7, 2006.
    """
    arms = list(next(iter(means.values()), {}))
    n, k = len(means), len(arms)
    sign = -1 if more_is_better else 1
    table = np.array([[sign * round(own[arm], ROUNDING) for arm in arms] for own in means.values()])
    ranks = stats.rankdata(table, axis=1) if n else np.zeros((1, k))
    order = np.argsort(ranks.mean(axis=0), kind="stable")
    sorted_arms, mean_ranks = [arms[place] for place in order], ranks.mean(axis=0)[order].tolist()
    reason = _reason(n, k, ranks)
    statistic = p = difference = None
    if reason is None:
        test = stats.friedmanchisquare(*table.T)
        statistic, p = float(test.statistic), float(test.pvalue)
        quantile = stats.studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2)
        difference = float(quantile * np.sqrt(k * (k + 1) / (6 * n)))
    return Ranking(
        measure=measure,
        corpora=list(means),
        arms=sorted_arms,
        mean_ranks=mean_ranks,
        statistic=statistic,
        df=max(0, k - 1),
        p=p,
        critical_difference=difference,
        groups=[] if difference is None else alike(sorted_arms, mean_ranks, difference),
        reason=reason,
    )


def _reason(n: int, k: int, ranks: np.ndarray) -> str | None:
    if n < 2:
        return f"ranks are compared over two corpora or more, and all arms were measured on {n or 'none'}"
    if k < 3:
        return f"Friedman's test ranks three arms or more, and there are {k}"
    return "all arms are equal on every corpus" if np.ptp(ranks) == 0 else None


def alike(arms: Sequence[str], mean_ranks: Sequence[float], difference: float) -> list[list[str]]:
    """Largest sets of arms, given by rising mean rank, whose ranks differ by no more than the difference.

    >>> alike(["a", "b", "c"], [1.0, 1.8, 2.5], 1.0)
    [['a', 'b'], ['b', 'c']]
    """
    found: list[list[str]] = []
    reached = 0
    for first, rank in enumerate(mean_ranks):
        last = max(place for place, other in enumerate(mean_ranks) if other - rank <= difference)
        if last > first and last + 1 > reached:
            found.append(list(arms[first : last + 1]))
        reached = max(reached, last + 1)
    return found
