"""The one training loop: a fleet of runs on cached features, stepped together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.draws import Holdout, draw_epoch, draw_positives, hold_out
from fractalctl.heads.examples import Examples
from fractalctl.heads.kinds import KINDS, Fleet
from fractalctl.heads.optimizer import FleetOptimizer
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.supervision import Supervision
from fractalctl.progress import Progress, silent

VALIDATION_ROWS = 1000
"""Held-out rows that choose the best epoch (paper, Section 3 "Training")."""

STEPS_AT_ONCE = 512
"""Steps whose draws are stacked and moved to the device together."""

Validate = Callable[[np.ndarray, np.ndarray], Sequence[float]]
"""Accuracy at each level, coarsest first, from embeddings (n, d) float32 and labels (n, D) int32."""


@dataclass(frozen=True)
class Run:
    """One head to train: a table and a seed."""

    supervision: Supervision
    seed: int


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of one run came to: mean training loss and validation accuracy by level."""

    epoch: int
    loss: float
    validation: tuple[float, ...]


@dataclass(frozen=True)
class TrainedRun:
    """One run's outcome: the weights of its best epoch, and every epoch's record.

    Attributes:
        run: what was trained.
        weights: float32 tensors by name; includes `input_mean` and `input_scale` (h,).
        history: one record per epoch.
        best_epoch: the first epoch, counted from 1, with the highest sum of validation accuracies.
    """

    run: Run
    weights: dict[str, torch.Tensor]
    history: tuple[EpochRecord, ...]
    best_epoch: int


def train_fleet(
    examples: Examples,
    runs: Sequence[Run],
    recipe: TrainingRecipe,
    validate: Validate,
    progress: Progress = silent,
) -> list[TrainedRun]:
    """Train all runs together; each equals the same run trained alone, to floating-point rounding.

    Args:
        examples: rows to train on; a share of each run's is held out (`TrainingRecipe.holdout`).
        runs: what to train; all on the same number of blocks and levels.
        recipe: hyperparameters shared by the fleet.
        validate: scores embeddings of held-out rows; the epoch with the highest sum over levels is kept.
        progress: counts steps.

    Returns:
        One outcome per run, in the order given.

    Raises:
        RequestError: a table does not fit, or a class leaves nothing to hold out.
    """
    _check(examples, runs, recipe)
    holdouts = _holdouts(examples, runs, recipe)
    fleet = KINDS[recipe.head].fleet(
        examples.input_dimension,
        recipe.dims,
        examples.classes,
        [run.supervision for run in runs],
        [run.seed for run in runs],
        examples.features.device,
    )
    optimizer = FleetOptimizer(fleet.parameters, fleet.gradients, recipe, len(holdouts[0].training))
    best = [_Best() for _ in runs]
    n_heads = len(set(runs))
    with progress(f"training {n_heads} head{'s' * (n_heads > 1)}", optimizer.total_steps) as advance:
        for epoch in range(1, recipe.epochs + 1):
            losses = _train_epoch(fleet, optimizer, examples, runs, holdouts, epoch, recipe, advance)
            for index, holdout in enumerate(holdouts):
                accuracy = _validation(fleet, index, examples, holdout, validate)
                record = EpochRecord(epoch, float(losses[index]), accuracy)
                best[index].consider(record, partial(fleet.weights, index))
    inputs = {"input_mean": examples.mean.cpu(), "input_scale": examples.scale.cpu()}
    return [
        TrainedRun(run, {**inputs, **kept.weights}, tuple(kept.history), kept.epoch)
        for run, kept in zip(runs, best, strict=True)
    ]


def _holdouts(examples: Examples, runs: Sequence[Run], recipe: TrainingRecipe) -> list[Holdout]:
    finest = examples.labels[:, -1].cpu().numpy()
    seeds = [run.seed if recipe.holdout_seed is None else recipe.holdout_seed for run in runs]
    found = {seed: hold_out(finest, recipe.holdout, seed) for seed in set(seeds)}
    if not len(found[seeds[0]].validation):
        raise RequestError("every class has a single training row, so none can be held out for validation")
    return [found[seed] for seed in seeds]


def _validation(
    fleet: Fleet, run: int, examples: Examples, holdout: Holdout, validate: Validate
) -> tuple[float, ...]:
    rows = torch.from_numpy(holdout.validation[:VALIDATION_ROWS]).to(examples.features.device)
    embedding = fleet.embed(run, examples.take(rows))
    return tuple(map(float, validate(embedding.cpu().numpy(), examples.labels[rows].cpu().numpy())))


def _check(examples: Examples, runs: Sequence[Run], recipe: TrainingRecipe) -> None:
    if recipe.head not in KINDS:
        raise RequestError(f"head '{recipe.head}' is not known; choose from {', '.join(KINDS)}")
    shape = (recipe.n_blocks, len(examples.classes))
    for run in runs:
        found = (run.supervision.n_blocks, run.supervision.n_levels)
        if found != shape:
            raise RequestError(
                f"supervision {run.supervision.name} is for {found[0]} prefixes and {found[1]} levels, "
                f"but the head has {shape[0]} prefixes and the corpus {shape[1]} levels"
            )


def _train_epoch(
    fleet: Fleet,
    optimizer: FleetOptimizer,
    examples: Examples,
    runs: Sequence[Run],
    holdouts: Sequence[Holdout],
    epoch: int,
    recipe: TrainingRecipe,
    advance: Callable[[int], None],
) -> np.ndarray:
    """One pass of every run over its own training rows; returns the mean loss of each run."""
    visits = _visits(runs, holdouts, examples, epoch, recipe)
    n_takes, n_rows = visits[0].rows.shape
    per_step = len(runs) * n_takes * recipe.batch_size
    room = examples.features.new_empty(per_step, examples.input_dimension)
    span = recipe.batch_size * max(1, min(STEPS_AT_ONCE, examples.rows_at_once // per_step))
    total = torch.zeros(len(runs), device=room.device)
    for first in range(0, n_rows, span):
        rows, prefix, keep = _stack(visits, slice(first, first + span), room.device)
        for start in range(0, rows.shape[2], recipe.batch_size):
            step = slice(start, start + recipe.batch_size)
            features = examples.take(rows[:, :, step].transpose(0, 1), out=room).flatten(1, 2)
            labels = examples.labels[rows[0, :, step]]
            loss = fleet.backward(features, labels, prefix[:, step], keep[:, step])
            optimizer.step()
            total += loss * labels.shape[1]
            advance(1)
        examples.release()
    return (total / n_rows).cpu().numpy()


@dataclass(frozen=True)
class _Visits:
    """One run's epoch over n rows: which rows a step takes, and its other draws.

    Attributes:
        rows: (1, n) int64 the rows visited; (1 + D, n) with a positive of each for every level.
        prefix: (n,) int64.
        keep: (n, J) bool.
    """

    rows: np.ndarray
    prefix: np.ndarray
    keep: np.ndarray


def _visits(
    runs: Sequence[Run], holdouts: Sequence[Holdout], examples: Examples, epoch: int, recipe: TrainingRecipe
) -> list[_Visits]:
    """Every run's epoch; runs that draw the same numbers share them."""
    labels = examples.labels.cpu().numpy()
    known: dict[Any, _Visits] = {}
    found = []
    for run, holdout in zip(runs, holdouts, strict=True):
        key = run.seed, run.supervision.prefix_probabilities, run.supervision.keep
        if key not in known:
            drawn = draw_epoch(run.seed, epoch, len(holdout.training), run.supervision, recipe)
            rows = holdout.training[drawn.order]
            taken = rows[None]
            if KINDS[recipe.head].contrasts:
                taken = np.concatenate([taken, rows[draw_positives(run.seed, epoch, labels[rows])].T])
            known[key] = _Visits(taken, drawn.prefix, drawn.keep)
        found.append(known[key])
    return found


def _stack(
    visits: Sequence[_Visits], span: slice, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Some steps of all runs side by side: rows (P, R, s), prefix (R, s), keep (R, s, J) float32."""
    rows = np.stack([visit.rows[:, span] for visit in visits], axis=1)
    prefix = np.stack([visit.prefix[span] for visit in visits])
    keep = np.stack([visit.keep[span] for visit in visits]).astype(np.float32)
    return (
        torch.from_numpy(rows).to(device),
        torch.from_numpy(prefix).to(device),
        torch.from_numpy(keep).to(device),
    )


class _Best:
    """Keeps the weights of the epoch with the highest sum of validation accuracies; the first of equals."""

    def __init__(self) -> None:
        self.history: list[EpochRecord] = []
        self.epoch = 0
        self.weights: dict[str, torch.Tensor] = {}
        self._score = -math.inf

    def consider(self, record: EpochRecord, weights: Callable[[], dict[str, torch.Tensor]]) -> None:
        self.history.append(record)
        if sum(record.validation) > self._score:
            self._score, self.epoch, self.weights = sum(record.validation), record.epoch, weights()
