"""What held-out training rows choose: settings of arms by quasi-random trials, and lengths for each level."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import log, sqrt
from pathlib import Path

import msgspec
import numpy as np

from fractalctl.documents import read_document
from fractalctl.documents.head import Capacity, HeadDocument, Trial, Tuning
from fractalctl.errors import FractalError, RequestError
from fractalctl.executors import Executor
from fractalctl.experiments.addresses import set_folder
from fractalctl.experiments.calibration import K
from fractalctl.experiments.policy import Note, unheard
from fractalctl.experiments.training import Job, fit_arms
from fractalctl.heads.arms import LONGEST_LABEL, Arm
from fractalctl.heads.examples import hold_out
from fractalctl.heads.fitted import DivergedError, Fitted
from fractalctl.heads.head import DESCRIPTION_FILE
from fractalctl.heads.moments import Moments
from fractalctl.heads.settings import TrainingSettings, build_settings
from fractalctl.measures.neighbours import nearest, predictions
from fractalctl.progress import Progress, silent
from fractalctl.randomness import Purpose, generator
from store import FeatureSet
from store.features import release
from store.recipe import identity_of

SEED = 0
"""Of hold-outs and of initial weights: those of no seed that is asked for by default."""
DIGITS = 3
"""To which tried values are rounded, so that they can be typed."""
LENGTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Among these, as far as features are as long, is chosen."""
SHARE = 0.15
SHRINKAGE, RESIDUAL = 0.1, 0.3
"""Of the discriminants, as `zoom` has them."""
QUERIES, REFERENCES = 2_000, 50_000
"""Held-out rows that ask, and rows that answer, at most."""


@dataclass(frozen=True)
class TunedArm:
    """An arm with the settings that did best, and how they were found.

    Attributes:
        plain: as it was asked for.
        arm: with the chosen settings, under a label that says how many trials there were.
        tuning: every trial; None where the method has nothing that is tuned.
    """

    plain: Arm
    arm: Arm
    tuning: Tuning | None = None


def tune(
    features: FeatureSet,
    arms: Sequence[Arm],
    trials: int,
    runs: Path,
    fixed: Collection[str] = (),
    device: str = "auto",
    progress: Progress = silent,
    executor: Executor | None = None,
    note: Note = unheard,
    again: bool = False,
) -> list[TunedArm]:
    """Choose settings of arms by the accuracy of held-out training rows; test rows are never looked at.

    The first trial is the arm as it is, the others are a scrambled Halton sequence over the ranges of
    `fractalctl.heads.method.Method.tuned`, on logarithmic scales. A trial's score is the sum over levels of
    the validation accuracies of its best epoch, as the training loop has it. The first of equals is chosen.

    Args:
        features: has a train split.
        trials: of each arm, the first among them.
        runs: where heads that were tuned in the same way may lie; their choice is taken.
        fixed: settings that are not tuned, since they were asked for.
        again: whether to tune anew what was tuned before.

    Raises RequestError: there are fewer than two trials, or an arm does not fit the set; FractalError: a
    worker was lost, or every trial of an arm diverged.
    """
    if trials < 2:
        raise RequestError(f"tuning needs 2 trials or more, got {trials}")
    found = []
    for arm in arms:
        ranges = {name: ends for name, ends in arm.tuned.items() if name not in fixed}
        if not ranges:
            note(f"{arm.label}: has nothing to tune")
            found.append(TunedArm(arm, arm))
            continue
        identity = _identity(features, arm, trials, ranges)
        tuning = None if again else _known(set_folder(runs, features), identity)
        if tuning is None:
            candidates = _candidates(arm, trials, ranges)
            tuning = _tried(
                candidates, ranges, identity, _fit(features, candidates, device, progress, executor)
            )
        chosen = ", ".join(f"{name} {value:g}" for name, value in tuning.chosen.items())
        note(f"{arm.label}: {chosen} is the best of {trials} trials")
        found.append(TunedArm(arm, _with(arm, tuning.chosen, trials), tuning))
    return found


def _identity(features: FeatureSet, arm: Arm, trials: int, ranges: Mapping[str, tuple[float, float]]) -> str:
    """Hexadecimal SHA-256 of all that determines what is chosen."""
    tried = {"trials": trials, "ranges": {name: list(ends) for name, ends in ranges.items()}, "seed": SEED}
    return identity_of({"features": features.identity, "arm": arm.identity, **tried})


def _known(folder: Path, identity: str) -> Tuning | None:
    """What some head below a folder was tuned to in the same way."""
    for path in sorted(folder.glob(f"*-tuned*/seed-*/{DESCRIPTION_FILE}")):
        with suppress(FractalError):
            tuning = read_document(path, HeadDocument).tuning
            if tuning and tuning.identity == identity:
                return tuning
    return None


def _candidates(arm: Arm, trials: int, ranges: Mapping[str, tuple[float, float]]) -> list[Arm]:
    """The arm as it is, and with values from a quasi-random sequence."""
    from scipy.stats import qmc

    sequence = qmc.Halton(len(ranges), rng=generator(SEED, Purpose.TUNING))
    low, high = (np.array([log(ends[side]) for ends in ranges.values()]) for side in (0, 1))
    drawn = np.exp(low + (high - low) * sequence.random(trials - 1))
    values = [[float(f"{value:.{DIGITS}g}") for value in row] for row in drawn]
    return [arm, *(_with(arm, dict(zip(ranges, row, strict=True))) for row in values)]


def _with(arm: Arm, values: Mapping[str, float], trials: int = 0) -> Arm:
    """An arm with other values of some settings; its label says if they were chosen among trials."""
    label, end = arm.label, f"-tuned={trials}" if trials else ""
    if len(label + end) > LONGEST_LABEL:
        label = f"{label[: LONGEST_LABEL - len(end) - 9]}-{arm.identity[:8]}"
    return replace(arm, settings=msgspec.structs.replace(arm.settings, **values), label=label + end)


def _fit(
    features: FeatureSet,
    candidates: Sequence[Arm],
    device: str,
    progress: Progress,
    executor: Executor | None,
) -> dict[Arm, Fitted]:
    """The fitted heads of the trials that did not diverge."""
    found: dict[Arm, Fitted] = {}
    jobs = [Job(candidate, SEED) for candidate in dict.fromkeys(candidates)]
    try:
        for job, fitted in fit_arms(features, jobs, device, progress, executor):
            found[job.arm] = fitted
    except DivergedError:
        if not found:
            raise
    return found


def _tried(
    candidates: Sequence[Arm],
    ranges: Mapping[str, tuple[float, float]],
    identity: str,
    found: Mapping[Arm, Fitted],
) -> Tuning:
    """Every trial with its score, and the settings of the best."""
    trials = []
    for candidate in candidates:
        record = None
        if candidate in found and (epoch := found[candidate].best_epoch):
            record = found[candidate].history[epoch - 1]
        validation = dict(record.validation) if record else None
        values = {name: getattr(candidate.settings, name) for name in ranges}
        trials.append(Trial(settings=values, validation=validation))
    best = max(trials, key=lambda trial: trial.score)
    return Tuning(ranges=dict(ranges), seed=SEED, trials=trials, chosen=best.settings, identity=identity)


def size_lengths(features: FeatureSet, holdout: float | str = SHARE) -> Capacity:
    """Find for each level the shortest length at which held-out training rows are answered as well as ever.

    At each length a level is answered by the first discriminants of its classes, which are in closed form
    (`fractalctl.heads.moments.Moments.discriminants`): the curve of accuracy over length is the level's
    capacity curve (paper, Section 6), and needs no training. Of each curve the shortest length is taken that
    is within one standard error of the best (Breiman et al. 1984, Section 3.4.3), and lengths ascend with the
    levels. Test rows have no part.

    Args:
        features: has a train split, read once for each level.
        holdout: share of each finest class's rows that ask; may be text.

    Raises RequestError: every class has a single training row, or features are too short for so many levels.
    """
    rows, labels = features.features("train"), np.asarray(features.labels("train"))
    share = build_settings(TrainingSettings, {"holdout": holdout}, "--dims auto").holdout
    held = hold_out(labels[:, -1], share, SEED)
    if not len(held.validation):
        raise RequestError("--dims auto: every class has a single training row, so none can be held out")
    lengths = [length for length in LENGTHS if length <= features.dimension] or [features.dimension]
    asking, answering = held.validation[:QUERIES], held.training[:: -(-len(held.training) // REFERENCES)]
    reference, queries = rows[answering], rows[np.sort(asking)]
    release(rows)
    curves = [
        _curve(reference, level[answering], queries, level[np.sort(asking)], lengths) for level in labels.T
    ]
    return Capacity(
        seed=SEED,
        rows=len(asking),
        errors=[_error(curve, len(asking)) for curve in curves],
        accuracy=[dict(zip(map(str, lengths), curve, strict=True)) for curve in curves],
        chosen=_ascending([_shortest(lengths, curve, len(asking)) for curve in curves], lengths),
    )


def _curve(
    reference: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray,
    expected: np.ndarray,
    lengths: Sequence[int],
) -> list[float]:
    """Accuracy of one level at each length."""
    moments = Moments.of(reference, labels, int(labels.max()) + 1)
    projection = moments.discriminants(lengths[-1], SHRINKAGE, RESIDUAL)
    found, asked = (((rows - moments.mean) @ projection).astype(np.float32) for rows in (reference, queries))
    voted = predictions(nearest(asked, found, lengths, min(K, len(found))), labels[:, None])[:, :, 0]
    return [float(share) for share in (voted == expected[:, None]).mean(axis=0)]


def _error(curve: Sequence[float], rows: int) -> float:
    """Standard error of the best accuracy, a binomial share."""
    return sqrt(max(curve) * (1 - max(curve)) / rows)


def _shortest(lengths: Sequence[int], curve: Sequence[float], rows: int) -> int:
    least = max(curve) - _error(curve, rows)
    return next(length for length, value in zip(lengths, curve, strict=True) if value >= least)


def _ascending(wanted: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Each as long as is wanted, and longer than the one before it."""
    found: list[int] = []
    for length in wanted:
        longer = [one for one in lengths if one >= length and (not found or one > found[-1])]
        if not longer:
            raise RequestError(
                f"--dims auto: features of {lengths[-1]} numbers have no lengths for {len(wanted)} levels; "
                "name them: --dims 8,16,32"
            )
        found.append(longer[0])
    return found
