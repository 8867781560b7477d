"""Heads trained in memory: arms and seeds divided into fleets, trained in this process or in others."""

import platform
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from threading import Event, Lock

import torch

from fractalctl.backbones.workers import side_by_side
from fractalctl.device import choose_device
from fractalctl.errors import FractalError
from fractalctl.executors import Executor
from fractalctl.heads.arms import Arm
from fractalctl.heads.examples import Examples, needs_training_rows, training_examples
from fractalctl.heads.fitted import DivergedError, Fitted
from fractalctl.measures.neighbours import leave_one_out_accuracy
from fractalctl.progress import Advance, Progress, silent
from store import FeatureSet
from store.errors import StoreError


@dataclass(frozen=True)
class Job:
    """One head to train: an arm and a seed."""

    arm: Arm
    seed: int


Fleet = Sequence[Job]
"""Jobs of one arm that are stepped together."""
Outcome = tuple[list[tuple[Job, Fitted]], str | None]
"""What a fleet came to, and which of its seeds diverged."""


def fleets_of(jobs: Sequence[Job], device: str = "auto") -> list[list[Job]]:
    """Jobs as they are trained together, which decides the last bits of their weights.

    Args:
        jobs: those of one arm should follow each other.
        device: ``auto`` or a PyTorch device.
    """
    kind = choose_device(device).type
    return [
        [Job(arm, seed) for seed in seeds]
        for arm, own in groupby(jobs, key=lambda job: job.arm)
        for seeds in arm.fleets([job.seed for job in own], kind)
    ]


def fit_arms(
    features: FeatureSet,
    jobs: Sequence[Job],
    device: str = "auto",
    progress: Progress = silent,
    executor: Executor | None = None,
    wanted: Container[Job] | None = None,
) -> Iterator[tuple[Job, Fitted]]:
    """Train heads on a feature set's train split without writing anything.

    Fleets are cut the same way whoever the workers are and whatever is there already, so that an executor,
    or a call that goes on after another was stopped, gives the bytes of one undisturbed call.
    The best epoch is chosen by leave-one-out k-NN.

    Args:
        features: has a train split.
        jobs: what was asked for; those of one arm should follow each other.
        device: ``auto`` or a PyTorch device.
        progress: shows the steps; with an executor, the heads.
        executor: trains fleets side by side; None is this process.
        wanted: which of them are missing; fleets without one are not trained. None is all.

    Yields:
        Each job with its outcome, in no particular order, as soon as its fleet is trained.

    Raises:
        RequestError: the set has no train split, or an arm does not fit it.
        FractalError: a worker was lost, or does not see the feature set.
        DivergedError: at the end, if some diverged.
    """
    if not jobs:
        return
    needs_training_rows(features)
    cut = [
        fleet for fleet in fleets_of(jobs, device) if wanted is None or any(job in wanted for job in fleet)
    ]
    errors = []
    if executor is None:
        outcomes = _here(training_examples(features, choose_device(device)), cut, progress)
    else:
        outcomes = _elsewhere(features, device, cut, executor, progress)
    for fitted, error in outcomes:
        yield from ((job, one) for job, one in fitted if wanted is None or job in wanted)
        errors += [error] if error else []
    if errors:
        raise DivergedError("; ".join(errors), ())


def _fit(examples: Examples, fleet: Fleet, progress: Progress) -> Outcome:
    arm, said = fleet[0].arm, None
    try:
        found = arm.fit(examples, [job.seed for job in fleet], leave_one_out_accuracy, progress)
    except DivergedError as error:
        found, said = list(error.fitted), f"{arm.label}: {error}"
    return [(Job(arm, one.seed), one) for one in found], said


def _here(examples: Examples, cut: Sequence[Fleet], progress: Progress) -> Iterator[Outcome]:
    """Train fleets in this process: one after the other on a GPU, side by side on the cores of a processor.

    A step of a fleet is a few small operators. A core with a fleet of its own does not wait for the others
    between them (see `side_by_side`).
    """
    if len(cut) == 1 or examples.device.type != "cpu" or torch.get_num_threads() == 1:
        for fleet in cut:
            yield _fit(examples, fleet, progress)
        return
    abandoned, lock = Event(), Lock()
    steps = sum(fleet[0].arm.steps(examples) for fleet in cut)
    with progress(f"training {sum(map(len, cut))} heads", steps) as advance:

        @contextmanager
        def shared(_title: str, _total: int) -> Iterator[Advance]:
            def step(amount: int) -> None:
                if abandoned.is_set():
                    raise InterruptedError
                with lock:
                    advance(amount)

            yield step

        yield from side_by_side(lambda fleet: _fit(examples, fleet, shared), cut, abandoned.set)


def _elsewhere(
    features: FeatureSet, device: str, cut: Sequence[Fleet], executor: Executor, progress: Progress
) -> Iterator[Outcome]:
    """Train fleets side by side in an executor's workers."""
    n_heads = sum(map(len, cut))
    title = f"training {n_heads} heads in {len(cut)} fleets"
    with executor.connect() as workers, progress(title, n_heads) as advance:
        for outcome in workers.map(partial(_train_in_worker, features, device), cut, in_order=False):
            advance(len(outcome[0]))
            yield outcome


def _train_in_worker(features: FeatureSet, device: str, fleet: Fleet) -> Outcome:
    _check_visible(features)
    return _fit(training_examples(features, choose_device(device)), fleet, silent)


def _check_visible(features: FeatureSet) -> None:
    """See that this process has the same feature set at the same path."""
    try:
        recipe = FeatureSet(features.path).recipe
    except (StoreError, OSError) as error:
        raise FractalError(
            f"worker {platform.node()} cannot read {features.path} ({error}); training in other processes "
            "needs the store on a file system that all workers see at the same path"
        ) from error
    if recipe != features.recipe:
        raise FractalError(
            f"worker {platform.node()} has another feature set at {features.path}; put the store on a file "
            "system that all workers share"
        )
