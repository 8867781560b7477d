"""Tune arms on validation rows: an equal number of quasi-random trials of each arm's few tuned settings."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import msgspec
import numpy as np

from fractalctl.documents import read_document
from fractalctl.documents.head import HeadDocument, Trial, Tuning
from fractalctl.errors import FractalError, RequestError
from fractalctl.executors import Executor
from fractalctl.experiments.addresses import set_folder
from fractalctl.experiments.fleets import Job, fit_arms
from fractalctl.experiments.policy import Note, unheard
from fractalctl.heads.arms import LONGEST_LABEL, Arm
from fractalctl.heads.fitted import DivergedError, Fitted
from fractalctl.heads.head import DESCRIPTION_FILE
from fractalctl.progress import Progress, silent
from fractalctl.randomness import Purpose, generator
from store import FeatureSet
from store.recipe import identity_of

SEED = 0
"""Of every trial, whose hold-out and initial weights are those of no seed that is asked for by default."""
DIGITS = 3
"""To which tried values are rounded, so that they can be typed."""


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
        arms: each is tuned on its own.
        trials: of each arm, the first among them.
        runs: where heads that were tuned in the same way may lie; their choice is taken.
        fixed: settings that are not tuned, since they were asked for.
        device: ``auto`` or a PyTorch device.
        progress: shows the steps.
        executor: trains trials side by side.
        note: told what was chosen.
        again: whether to tune anew what was tuned before.

    Raises:
        RequestError: there are fewer than two trials, or an arm does not fit the set.
        FractalError: a worker was lost, or every trial of an arm diverged.
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
    """What the trials that did not diverge came to."""
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
