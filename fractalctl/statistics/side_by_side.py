"""Arms side by side (``compare.json``): their measures, the frontier, tests and ranks, S without its price.

========================  ===============================================================================
``short_coarse``          accuracy at the coarsest level of the shortest prefix
``short_fine``            accuracy at the finest level of the shortest prefix: leakage by k-NN
``full_coarse``           accuracy at the coarsest level of the whole
``full_fine``             accuracy at the finest level of the whole
``leakage``               accuracy at the finest level of a linear probe of the shortest prefix
``kept_64``, ``kept_1%``  queries whose full-length nearest neighbour survives the shortlist
``cascade_64``, ...       Recall@1 of the cascade
``recall_at_1``           Recall@1 of full search
``cost_64``, ...          multiply-adds of the cascade over those of full search
``lossless_S``            S less what the arm falls short of the best flat classifiers, see `lossless`
========================  ===============================================================================
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import msgspec
import numpy as np
from scipy import stats

from fractalctl.documents import compare as compared
from fractalctl.documents.evaluation import Cascade, Evaluation, Leakage
from fractalctl.documents.measured import Accuracy
from fractalctl.documents.statistics import Comparison
from fractalctl.errors import RequestError
from fractalctl.measures.steerability import MEASURES
from fractalctl.statistics.comparisons import compare, default_pairs, usual_reference
from fractalctl.statistics.equivalence import ALPHA
from fractalctl.statistics.observations import (
    Measured,
    Observation,
    Seeds,
    arranged,
    corpora_of,
    first_seen,
    place_labels,
)
from fractalctl.statistics.paired import differences, paired_t

CRITERIA = {"short_coarse": True, "full_fine": True, "leakage": False, "kept_64": True}
"""What makes the frontier; true where more is better."""
UNTOUCHED = "linear classifier"
DEDICATED = {"coarse": "full_coarse", "fine": "full_fine"}
"""Strategies of dedicated heads, with the measure that each is trained for."""
TESTED = {"S": True, "lossless_S": True, **CRITERIA}
"""Measures that arms are tested and ranked by; true where more is better."""
SHOWN = (
    *("short_coarse", "short_fine", "full_coarse", "full_fine", "S", "lossless_S", "leakage"),
    *("kept_64", "kept_1%", "cascade_64", "cascade_1%", "recall_at_1", "cost_64", "cost_1%"),
)
"""Measures that are set side by side."""
FLOAT32_BYTES = 4
ROUNDING = 12  # decimals beyond which means differ by rounding alone, and so are tied


def frontier_measures(evaluation: Evaluation) -> dict[str, float]:
    """The measures of one evaluation, as far as it has them; all of them but lossless S."""
    found = end_measures(evaluation.accuracy, evaluation.dims)
    finest = list(evaluation.accuracy[str(evaluation.dims[0])])[-1]
    if (leakage := evaluation.result("leakage", Leakage)) and leakage.probe:
        found["leakage"] = leakage.probe[finest]
    if cascade := evaluation.result("cascade", Cascade):
        found["recall_at_1"] = cascade.recall_at_1
        for name, one in cascade.shortlists.items():
            measures = {"kept": one.kept, "cascade": one.recall_at_1, "cost": one.multiply_adds}
            found |= {f"{measure}_{name}": value for measure, value in measures.items()}
    return found


def end_measures(accuracy: Accuracy, dims: Sequence[int]) -> dict[str, float]:
    """Accuracies at the coarsest and the finest level of the shortest length and of the whole."""
    short, full = (list(accuracy[str(dims[place])].values()) for place in (0, -1))
    return {
        "short_coarse": short[0],
        "short_fine": short[-1],
        "full_coarse": full[0],
        "full_fine": full[-1],
    }


def untrained(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """What a head has to beat at its lengths, by name: the backbone cut, and its principal components."""
    components = evaluation.metrics.get("baselines")
    known = {"cut": evaluation.profile.truncated, "PCA": components.result.get("pca") if components else None}
    found = {}
    for name, accuracy in known.items():
        if accuracy and all(str(length) in accuracy for length in evaluation.dims):
            table = np.array([list(accuracy[str(length)].values()) for length in evaluation.dims])
            ends = end_measures(accuracy, evaluation.dims)
            found[f"{evaluation.backbone}, {name}"] = {**ends, "S": float(MEASURES["S"](table))}
    return found


def flat_accuracy(evaluation: Evaluation) -> dict[str, float]:
    """Accuracy of flat linear classifiers of the untouched features: ``full_coarse`` and ``full_fine``.

    Only under ``index``, where heads are measured against the training rows too: k-NN among a few test rows
    cannot reach a classifier that learnt from all of training.
    """
    leakage = evaluation.result("leakage", Leakage) if evaluation.protocol == "index" else None
    if leakage is None or leakage.flat is None:
        return {}
    accuracies = list(leakage.flat.values())
    return {"full_coarse": accuracies[0], "full_fine": accuracies[-1]}


def flat_references(arms: Mapping[str, Seeds]) -> list[compared.FlatReference]:
    """The best flat classifier of the coarsest and of the finest level at one place; none where one lacks.

    Candidates are the dedicated heads, trained on that level alone (strategies ``coarse`` and ``fine``, mean
    over seeds at full length), and under ``index`` the linear classifier of the untouched features.
    """
    found = []
    for strategy, measure in DEDICATED.items():
        candidates = {
            name: _mean(seeds, measure)
            for name, seeds in arms.items()
            if next(iter(seeds.values())).strategy == strategy
        }
        one = next(_heads(arms))
        candidates |= {UNTOUCHED: one.flat[measure]} if measure in one.flat else {}
        if candidates:
            best = max(candidates, key=lambda name: candidates[name])
            level = 0 if strategy == "coarse" else one.levels - 1
            found.append(compared.FlatReference(level=f"L{level}", accuracy=candidates[best], source=best))
    return found if len(found) == len(DEDICATED) else []


def lossless(seeds: Seeds, references: Sequence[compared.FlatReference]) -> Seeds:
    """Measurements with ``lossless_S``, which a prefix cannot drive up by giving accuracy away.

    S - max(0, flat L0 - L0@shortest) - max(0, flat L1 - L1@full), L1 standing for the finest level.
    """
    if not references:
        return seeds
    coarse, fine = (one.accuracy for one in references)

    def completed(one: Observation) -> Observation:
        short = max(0.0, coarse - one.metrics["short_coarse"]) + max(0.0, fine - one.metrics["full_fine"])
        return replace(one, metrics={**one.metrics, "lossless_S": one.metrics["S"] - short})

    return {seed: completed(one) for seed, one in seeds.items()}


def dominating(arm: str, means: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Arms that are at least as good as one in every criterion and better in at least one, by their means.

    Equal means count as equal, so two arms with the same means are both on the frontier or neither is.

    >>> means = {arm: dict(zip(CRITERIA, values)) for arm, values in
    ...          {"a": (.9, .8, .5, .9), "b": (.9, .8, .4, .9), "c": (.8, .9, .6, .9)}.items()}
    >>> dominating("a", means), dominating("b", means), dominating("c", means)
    (['b'], [], [])
    """

    def gains(other: str) -> list[float]:
        return [
            (1 if more else -1) * round(means[other][name] - means[arm][name], 12)
            for name, more in CRITERIA.items()
        ]

    return [other for other in means if min(gains(other)) >= 0 < max(gains(other))]


def clearly_better(better: Seeds, worse: Seeds) -> bool | None:
    """Whether one arm is better than another in some criterion by more than chance, over paired seeds.

    That is where the 95 % interval of a difference lies above zero, or the difference is the same above zero
    in all seeds; None where fewer than two seeds pair.
    """
    common = [seed for seed in better if seed in worse]
    if len(common) < 2:
        return None
    for name, more in CRITERIA.items():
        a, b = ([arm[seed].metrics[name] for seed in common] for arm in (better, worse))
        test = paired_t(differences(*((a, b) if more else (b, a))))
        if (test.ci[0] if test.ci else test.difference) > 0:
            return True
    return False


def side_by_side(
    observations: Sequence[Observation],
    reference: str | None = None,
    head_bytes: Mapping[str, int] | None = None,
) -> compared.ArmsCompared:
    """Set arms side by side at every place where evaluations of one protocol measured them.

    Tests compare with the reference: mrl, else raw, pca or the first, where none is named. ``head_bytes`` are
    of weights, by `Observation.source`. RequestError where nothing was given, a criterion is lacking, or the
    reference was not measured.
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
    pairs = default_pairs(arms, reference or usual_reference(arms))
    notes: list[str] = [
        f"{labels[place]}: no flat classifier of both levels to hold S against, so there is no lossless S; "
        "under loo it takes heads of the strategies coarse and fine"
        for place in measured
        if not references[place]
    ]
    tests = _tests(measured, pairs, notes)
    rankings = [_ranking(measure, more, measured) for measure, more in TESTED.items()]
    notes += [f"no ranks over corpora: {one.reason}" for one in rankings if one.reason and one.arms]
    return compared.ArmsCompared(
        protocol=observations[0].protocol,
        reference=pairs[0][1] if pairs else None,
        alpha=ALPHA,
        criteria=CRITERIA,
        places=[
            compared.PlaceCompared(
                **msgspec.structs.asdict(place),
                label=labels[place],
                levels=("L0", f"L{first.levels - 1}"),
                titles=[first.titles[0], first.titles[-1]] if first.titles else [],
                n_queries=first.conditions["n_queries"],
                n_reference=first.conditions["n_reference"],
                references=references[place],
                arms=[_arm(arm, own, sizes) for arm in own],
                untrained=_untrained(own),
            )
            for place, own in measured.items()
            for first in [next(_heads(own))]
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


def _heads(arms: Mapping[str, Seeds]) -> Iterator[Observation]:
    return chain.from_iterable(seeds.values() for seeds in arms.values())


def _arm(arm: str, arms: Mapping[str, Seeds], head_bytes: Mapping[str, int]) -> compared.ArmAtPlace:
    """One arm among the others."""
    seeds = list(arms[arm].values())
    means = {name: {criterion: _mean(own, criterion) for criterion in CRITERIA} for name, own in arms.items()}
    better = dominating(arm, means)
    verdicts = [clearly_better(arms[other], arms[arm]) for other in better]
    known = [verdict for verdict in verdicts if verdict is not None]
    return compared.ArmAtPlace(
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


def _untrained(arms: Mapping[str, Seeds]) -> list[compared.Untrained]:
    """What no training made, at the lengths of each arm, as the first evaluation says that has it."""
    found: dict[tuple[str, tuple[int, ...]], compared.Untrained] = {}
    for one in _heads(arms):
        for name, measures in one.untrained.items():
            row = compared.Untrained(name=name, dims=list(one.dims), measures=dict(measures))
            found.setdefault((name, one.dims), row)
    return sorted(found.values(), key=lambda row: row.dims)


def _value(seeds: Sequence[Observation], name: str) -> compared.MeanValue:
    values = [one.metrics[name] for one in seeds]
    found = paired_t(values)
    return compared.MeanValue(mean=found.difference, sd=found.sd, ci=found.ci, values=values)


def _mean(seeds: Seeds, name: str) -> float:
    return float(np.mean([one.metrics[name] for one in seeds.values()]))


def _tests(measured: Measured, pairs: Sequence[tuple[str, str]], notes: list[str]) -> list[Comparison]:
    """Every arm against the reference by every measure; Holm over the arms of a corpus."""
    found = []
    for measure in TESTED if pairs else ():
        having = [one for arms in measured.values() for one in _heads(arms) if measure in one.metrics]
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


def _ranking(measure: str, more: bool, measured: Measured) -> compared.Ranking:
    """Ranks over the corpora that have the measure, of arms that all have, at places with all of these."""
    tables: dict[str, list[dict[str, float]]] = {}
    for corpus in corpora_of(measured):
        for arms in (measured[place] for place in corpus.places):
            having = [arm for arm, own in arms.items() if all(measure in one.metrics for one in own.values())]
            if having:
                means = {arm: _mean(arms[arm], measure) for arm in having}
                tables.setdefault(corpus.label, []).append(means)
    there = [first_seen(chain.from_iterable(places)) for places in tables.values()]
    shared = [arm for arm in there[0] if all(arm in arms for arms in there)] if there else []
    common = {}
    for name, places in tables.items():
        if whole := [one for one in places if {*shared} <= one.keys()]:
            common[name] = {arm: float(np.mean([one[arm] for one in whole])) for arm in shared}
    return ranking(measure, common, more_is_better=more, alpha=ALPHA)


def ranking(
    measure: str,
    means: Mapping[str, Mapping[str, float]],
    *,
    more_is_better: bool = True,
    alpha: float = 0.05,
) -> compared.Ranking:
    """Rank arms on each corpus and test whether their mean ranks differ.

    CD = q / sqrt(2) sqrt(k (k + 1) / (6 N)), with q the studentized range of k arms and infinitely many
    degrees of freedom, N the number of corpora. Means are by corpus, then by arm, of corpora that all of the
    arms were measured on; rank 1 has the largest where more is better.

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
    return compared.Ranking(
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
