"""Runs divided into fleets, trained in this process or in others."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from threading import Event

import torch

from fractalctl.backbones.workers import side_by_side
from fractalctl.device import choose_device
from fractalctl.errors import FractalError
from fractalctl.executors import Executor
from fractalctl.heads.draws import hold_out
from fractalctl.heads.examples import Examples, prepare
from fractalctl.heads.kinds import KINDS
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.training import Run, TrainedRun, Validate, train_fleet
from fractalctl.measures.neighbours import leave_one_out_accuracy
from fractalctl.progress import Advance, Progress, silent
from store import FeatureSet
from store.errors import StoreError


@dataclass(frozen=True)
class Task:
    """What all runs have in common; can be sent to other processes.

    Attributes:
        features: has a train split.
        recipe: hyperparameters.
        device: ``auto`` or a PyTorch device, of the process that trains.
    """

    features: FeatureSet
    recipe: TrainingRecipe
    device: str

    def examples(self) -> Examples:
        """The rows to train on, on the device."""
        features, labels = self.features.features("train"), self.features.labels("train")
        classes = [len(names) for names in self.features.class_names]
        return prepare(features, labels, classes, self.recipe, choose_device(self.device))


def divide(runs: Sequence[Run], at_once: int, n_workers: int = 1) -> list[Sequence[Run]]:
    """Divide runs into fleets of nearly equal size, so that every worker has one and none is too large.

    Args:
        runs: at least one.
        at_once: runs in a fleet, at most.
        n_workers: fleets at least, as long as there are runs.

    >>> divide("abcdefg", at_once=4, n_workers=3)
    ['ab', 'cd', 'efg']
    """
    count = max(-(-len(runs) // at_once), min(len(runs), n_workers))
    ends = [len(runs) * number // count for number in range(count + 1)]
    return [runs[start:end] for start, end in pairwise(ends)]


def train_here(task: Task, runs: Sequence[Run], progress: Progress) -> Iterator[TrainedRun]:
    """Train runs in this process; yields outcomes in their order."""
    return train_together(task.examples(), runs, task.recipe, progress)


def train_together(
    examples: Examples,
    runs: Sequence[Run],
    recipe: TrainingRecipe,
    progress: Progress = silent,
    validate: Validate = leave_one_out_accuracy,
) -> Iterator[TrainedRun]:
    """Train runs in fleets: one after the other on a GPU, side by side on the cores of a processor.

    A step of a fleet is a few small operators. A core with a fleet of its own does not wait for the others
    between them (see `side_by_side`), which is worth far more than what a larger fleet saves.

    Args:
        examples: rows to train on.
        runs: what to train.
        recipe: hyperparameters.
        progress: shows the steps.
        validate: see `train_fleet`.

    Yields:
        One outcome per run, in the order given, as soon as those before it are there.
    """
    at_once, on_processor = KINDS[recipe.head].runs_at_once, examples.features.device.type == "cpu"
    fleets = divide(runs, at_once, torch.get_num_threads() if on_processor else 1)
    if len(fleets) == 1 or not on_processor:
        for fleet in fleets:
            yield from _train(examples, fleet, recipe, progress, validate)
        return
    rows = len(hold_out(examples.labels[:, -1].numpy(), recipe.holdout, runs[0].seed).training)
    abandoned, finished, following = Event(), {}, 0
    with progress(f"training {len(runs)} heads", len(fleets) * recipe.total_steps(rows)) as advance:

        @contextmanager
        def shared(_title: str, _total: int) -> Iterator[Advance]:
            def step(amount: int) -> None:
                if abandoned.is_set():
                    raise InterruptedError
                advance(amount)

            yield step

        def train(number: int) -> tuple[int, list[TrainedRun]]:
            return number, _train(examples, fleets[number], recipe, shared, validate)

        for number, trained in side_by_side(train, range(len(fleets)), abandoned.set):
            finished[number] = trained
            while following in finished:
                yield from finished.pop(following)
                following += 1


def train_elsewhere(
    task: Task, runs: Sequence[Run], executor: Executor, progress: Progress
) -> Iterator[TrainedRun]:
    """Train fleets side by side in an executor's workers; yields outcomes in the order of the runs.

    Raises:
        FractalError: a worker was lost, or does not see the feature set.
    """
    with executor.connect() as workers:
        fleets = divide(runs, KINDS[task.recipe.head].runs_at_once, workers.count)
        with progress(f"training {len(runs)} heads in {len(fleets)} fleets", len(runs)) as advance:
            for trained in workers.map(partial(_train_in_worker, task), fleets):
                advance(len(trained))
                yield from trained


def _train_in_worker(task: Task, fleet: Sequence[Run]) -> list[TrainedRun]:
    _check_visible(task.features)
    return _train(task.examples(), fleet, task.recipe, silent)


def _train(
    examples: Examples,
    fleet: Sequence[Run],
    recipe: TrainingRecipe,
    progress: Progress,
    validate: Validate = leave_one_out_accuracy,
) -> list[TrainedRun]:
    """Train a fleet; a run alone has its twin beside it.

    One matrix product goes another way through the matrix library than a batch of two or more, and is rounded
    otherwise. With the twin, which costs a linear head nothing and a fractal head half as much again, the
    bytes of a head do not depend on whether it was trained alone.
    """
    twins = [*fleet, *fleet] if len(fleet) == 1 else fleet
    return train_fleet(examples, twins, recipe, validate, progress)[: len(fleet)]


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
