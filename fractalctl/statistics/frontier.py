"""What arms are set side by side by, which of them no other one beats, and S without its price.

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

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec
import numpy as np

from fractalctl.documents.compare import FlatReference
from fractalctl.documents.evaluation import Cascade, Evaluation, Leakage
from fractalctl.errors import FractalError
from fractalctl.statistics.observations import Observation, Seeds
from fractalctl.statistics.paired import paired_t
from fractalctl.statistics.samples import differences

CRITERIA = {"short_coarse": True, "full_fine": True, "leakage": False, "kept_64": True}
"""What makes the frontier; true where more is better."""
UNTOUCHED = "linear classifier"
DEDICATED = {"coarse": "full_coarse", "fine": "full_fine"}
"""Strategies of dedicated heads, with the measure that each is trained for."""

Part = TypeVar("Part", bound=msgspec.Struct)


def frontier_measures(evaluation: Evaluation) -> dict[str, float]:
    """The measures of one evaluation, as far as it has them; all of them but lossless S."""
    levels = list(evaluation.accuracy[str(evaluation.dims[0])])
    short, full = (evaluation.accuracy[str(evaluation.dims[place])] for place in (0, -1))
    found = {
        "short_coarse": short[levels[0]],
        "short_fine": short[levels[-1]],
        "full_coarse": full[levels[0]],
        "full_fine": full[levels[-1]],
    }
    if (leakage := _part(evaluation, "leakage", Leakage)) and leakage.probe:
        found["leakage"] = leakage.probe[levels[-1]]
    if cascade := _part(evaluation, "cascade", Cascade):
        found["recall_at_1"] = cascade.recall_at_1
        for name, one in cascade.shortlists.items():
            measures = {"kept": one.kept, "cascade": one.recall_at_1, "cost": one.multiply_adds}
            found |= {f"{measure}_{name}": value for measure, value in measures.items()}
    return found


def flat_accuracy(evaluation: Evaluation) -> dict[str, float]:
    """Accuracy of flat linear classifiers of the untouched features: ``full_coarse`` and ``full_fine``.

    Only under ``index``, where heads are measured against the training rows too: k-NN among a few test rows
    cannot reach a classifier that learnt from all of training.
    """
    leakage = _part(evaluation, "leakage", Leakage) if evaluation.protocol == "index" else None
    if leakage is None or leakage.flat is None:
        return {}
    accuracies = list(leakage.flat.values())
    return {"full_coarse": accuracies[0], "full_fine": accuracies[-1]}


def _part(evaluation: Evaluation, name: str, kind: type[Part]) -> Part | None:
    """A metric's result; None where it was not measured."""
    part = evaluation.metrics.get(name)
    try:
        return None if part is None else msgspec.convert(part.result, kind)
    except msgspec.ValidationError as error:
        raise FractalError(
            f"evaluation of {evaluation.corpus}/{evaluation.features.name}/{evaluation.arm}, seed "
            f"{evaluation.seed}: metric '{name}' cannot be read ({error}); make it again with "
            "fractalctl evaluate --overwrite always"
        ) from error


def flat_references(arms: Mapping[str, Seeds]) -> list[FlatReference]:
    """The best flat classifier of the coarsest and of the finest level at one place.

    Candidates are the dedicated heads, trained on that level alone (strategies ``coarse`` and ``fine``, mean
    over seeds at full length), and under ``index`` the linear classifier of the untouched features.

    Returns:
        One for each level; none at all where a level has no candidate.
    """
    found = []
    for strategy, measure in DEDICATED.items():
        candidates = {
            name: float(np.mean([one.metrics[measure] for one in seeds.values()]))
            for name, seeds in arms.items()
            if next(iter(seeds.values())).strategy == strategy
        }
        one = next(one for seeds in arms.values() for one in seeds.values())
        candidates |= {UNTOUCHED: one.flat[measure]} if measure in one.flat else {}
        if candidates:
            best = max(candidates, key=lambda name: candidates[name])
            level = 0 if strategy == "coarse" else one.levels - 1
            found.append(FlatReference(level=f"L{level}", accuracy=candidates[best], source=best))
    return found if len(found) == len(DEDICATED) else []


def lossless(seeds: Seeds, references: Sequence[FlatReference]) -> Seeds:
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

    Returns:
        Whether the 95 % interval of some difference lies above zero, or the difference is the same above zero
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
