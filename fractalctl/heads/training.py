"""The one training loop: heads of an arm, stepped together (AdamW) on features, frozen or trained too."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from fractalctl.documents.head import EpochRecord
from fractalctl.heads.examples import Examples, draw_epoch, draw_positives, held_out
from fractalctl.heads.fitted import DivergedError, Fitted, Validate, Weights
from fractalctl.heads.fleet import Batch, Fleet
from fractalctl.heads.settings import TrainingSettings
from fractalctl.heads.terms import Objective
from fractalctl.heads.trunks import Trunk
from fractalctl.progress import Progress, silent

VALIDATION_ROWS = 1000
"""Held-out rows that choose the best epoch (paper, Section 3 "Training")."""
STEPS_AT_ONCE = 512
"""Steps whose draws are stacked and moved to the device together."""
FREED_BYTES = 30 * 2**20
"""Just below the most that glibc's allocator keeps for the next one who asks, once so much was freed."""


def train(
    examples: Examples,
    trunk: Trunk,
    objective: Objective,
    seeds: Sequence[int],
    settings: TrainingSettings,
    validate: Validate,
    progress: Progress = silent,
    initial: Sequence[Weights] = (),
) -> list[Fitted]:
    """Train a head for each seed, all together; each equals the same head trained alone, to rounding.

    Args:
        examples: rows to train on; a share of them is held out for each seed. A source of features with
            parameters of its own is trained with a single head, and left as it was in the best epoch.
        validate: scores embeddings of held-out rows; the epoch with the highest sum over levels is kept, but
            the last of a one-cycle schedule, which has come to rest there and nowhere before.
        initial: for each seed weights to begin with, such as those of a training before; none draws them.

    Returns one outcome per seed, in the order given.

    Raises:
        RequestError: every class has a single row.
        DivergedError: a loss was no longer a finite number; it carries the outcomes of the other seeds.
    """
    if examples.parameters and len(seeds) > 1:
        raise ValueError(f"one source of features was to be trained with {len(seeds)} heads at once")
    inputs = examples.standardised() if settings.standardise else examples
    training = _Training(inputs, trunk, objective, seeds, settings, initial)
    _keep_freed_memory()
    title = f"training {len(seeds)} head{'s' * (len(seeds) > 1)}"
    with progress(title, training.total_steps) as advance:
        for epoch in range(1, settings.epochs + 1):
            training.run_epoch(epoch, validate, advance)
    return training.outcomes()


def _keep_freed_memory() -> None:
    """Have the C library keep what is freed: gradients of a few megabytes come and go at every step.

    By default glibc gives them back to the system and faults them in again, a tenth of the time of a step; it
    raises the limit of what it keeps when something larger is freed. Elsewhere this does nothing.
    """
    torch.empty(FREED_BYTES, dtype=torch.uint8)


@dataclass
class _Run:
    """One seed while it is trained: its rows, and the epoch to keep so far, the first of equals."""

    seed: int
    training: np.ndarray
    validation: np.ndarray
    history: list[EpochRecord] = field(default_factory=list)
    best: float = -math.inf
    epoch: int = 0
    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    source: dict[str, torch.Tensor] = field(default_factory=dict)
    failure: str = ""


class _Training:
    """A fleet on its rows."""

    def __init__(
        self,
        examples: Examples,
        trunk: Trunk,
        objective: Objective,
        seeds: Sequence[int],
        settings: TrainingSettings,
        initial: Sequence[Weights],
    ) -> None:
        self._examples, self._objective, self._settings = examples, objective, settings
        holdouts = [held_out(examples, settings, seed) for seed in seeds]
        self._runs = [
            _Run(seed, holdout.training, holdout.validation[:VALIDATION_ROWS])
            for seed, holdout in zip(seeds, holdouts, strict=True)
        ]
        sizes = examples.input_dimension, settings.dims, examples.classes
        self._fleet = Fleet(trunk, objective, *sizes, seeds, examples.device, initial)
        self._n_rows = len(self._runs[0].training)
        self.total_steps = settings.total_steps(self._n_rows)
        self._head = list(self._fleet.parameters.values())
        self._source = list(examples.parameters.values())
        self._optimizers = [FleetOptimizer(self._head, settings, settings.learning_rate, self.total_steps)]
        if self._source:
            stacked = [parameter.detach()[None] for parameter in self._source]
            self._optimizers.append(FleetOptimizer(stacked, settings, examples.rate, self.total_steps))

    @cached_property
    def _labels(self) -> np.ndarray:
        return self._examples.labels.cpu().numpy()

    def run_epoch(self, epoch: int, validate: Validate, advance: Callable[[int], None]) -> None:
        """One pass of every head over its own training rows, then a look at its held-out rows."""
        losses, sizes = self._pass(epoch, advance)
        for head, run in enumerate(self._runs):
            bad = np.flatnonzero(~np.isfinite(losses[:, head]))
            if len(bad) and not run.failure:
                run.failure = f"seed {run.seed} in step {(epoch - 1) * len(losses) + bad[0] + 1}"
            if run.failure:
                continue
            mean = float(losses[:, head] @ sizes / self._n_rows)
            accuracy = self._validation(head, run, validate)
            levels = {f"L{level}": share for level, share in enumerate(accuracy)}
            run.history.append(EpochRecord(epoch=epoch, loss=mean, validation=levels))
            if sum(accuracy) > run.best or self._settings.schedule == "one-cycle":
                run.best, run.epoch, run.weights = sum(accuracy), epoch, self._fleet.weights(head)
                run.source = self._examples.state()

    @torch.no_grad()
    def _validation(self, head: int, run: _Run, validate: Validate) -> list[float]:
        rows = torch.from_numpy(run.validation).to(self._examples.device)
        embedding = self._fleet.embed(head, self._examples.take(rows))
        return [float(share) for share in validate(embedding.cpu().numpy(), self._labels[run.validation])]

    def _pass(self, epoch: int, advance: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
        """All steps of one epoch: losses (steps, R) and the number of rows of each step."""
        size, examples = self._settings.batch_size, self._examples
        draws = [self._draw(run, epoch) for run in self._runs]
        per_step = len(draws) * len(draws[0].rows) * size
        room = examples.room(per_step)
        span = size * max(1, min(STEPS_AT_ONCE, examples.rows_at_once // per_step))
        losses, sizes = [], []
        for first in range(0, self._n_rows, span):
            rows, prefix, keep = self._stack(draws, slice(first, first + span))
            for start in range(0, rows.shape[2], size):
                step = slice(start, start + size)
                features = examples.take(rows[:, :, step], room).flatten(1, 2)
                labels = examples.labels[rows[:, 0, step]]
                losses.append(self._step(Batch(features, labels, prefix[:, step], keep[:, step])))
                sizes.append(labels.shape[1])
                advance(1)
            examples.release()
        return torch.stack(losses).cpu().numpy().astype(np.float64), np.array(sizes)

    def _step(self, batch: Batch) -> torch.Tensor:
        """One step of every head; returns the losses (R,) before it."""
        loss = self._fleet.loss(batch)
        slopes = torch.autograd.grad(loss.sum(), [*self._head, *self._source], materialize_grads=True)
        self._optimizers[0].step(slopes[: len(self._head)])
        for optimizer in self._optimizers[1:]:
            optimizer.step([slope[None] for slope in slopes[len(self._head) :]])
        return loss.detach()

    def _draw(self, run: _Run, epoch: int) -> "_Visits":
        drawn = draw_epoch(run.seed, epoch, self._n_rows, self._objective, self._settings)
        rows = run.training[drawn.order]
        taken = [rows]
        if self._fleet.contrasted:
            positives = draw_positives(run.seed, epoch, self._labels[rows])
            taken += [rows[positives[:, level]] for level in self._fleet.contrasted]
        return _Visits(np.stack(taken), drawn.prefix, drawn.keep)

    def _stack(
        self, draws: "Sequence[_Visits]", span: slice
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Some steps of all heads side by side: rows (R, P, s), prefix (R, s), keep (R, s, J) float32."""
        device = self._examples.device
        rows = np.stack([visit.rows[:, span] for visit in draws])
        prefix = np.stack([visit.prefix[span] for visit in draws])
        keep = np.stack([visit.keep[span] for visit in draws]).astype(np.float32)
        return (
            torch.from_numpy(rows).to(device),
            torch.from_numpy(prefix).to(device),
            torch.from_numpy(keep).to(device),
        )

    def outcomes(self) -> list[Fitted]:
        """What every seed came to; DivergedError if some came to nothing."""
        examples = self._examples
        inputs = {"input_mean": examples.mean.cpu(), "input_scale": examples.scale.cpu()}
        fitted = [
            Fitted(run.seed, {**inputs, **run.weights}, tuple(run.history), run.epoch)
            for run in self._runs
            if not run.failure
        ]
        if failures := [run.failure for run in self._runs if run.failure]:
            raise DivergedError(
                f"the loss was no longer a finite number: {', '.join(failures)}; try a lower learning rate",
                fitted,
            )
        if self._source:
            examples.load(self._runs[0].source)
        return fitted


@dataclass(frozen=True)
class _Visits:
    """One seed's epoch over n rows.

    Attributes:
        rows: (P, n) int64: the rows visited, then a positive of each for every contrasted level.
        prefix: (n,) int64.
        keep: (n, J) bool.
    """

    rows: np.ndarray
    prefix: np.ndarray
    keep: np.ndarray


def _falling(done: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * done))


def _one_cycle(done: float) -> float:
    """Up from 1/25 over the first three tenths, then down to 0 (Smith 2018, "super-convergence")."""
    return 1 - 0.96 * _falling(done / 0.3) if done < 0.3 else _falling((done - 0.3) / 0.7)


SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda _done: 1.0,
    "cosine": _falling,
    "one-cycle": _one_cycle,
}
"""Share of the peak rate by the share of all steps that are done."""
SMALLEST_NORM = 1e-6
"""Added to a norm before dividing by it, as `torch.nn.utils.clip_grad_norm_` does."""


class FleetOptimizer:
    """Steps R heads together: one schedule, and each head's own gradient clipped to the settings' norm.

    Args:
        parameters: tensors with a leading dimension R.
        rate: peak learning rate.
    """

    def __init__(
        self, parameters: Sequence[torch.Tensor], settings: TrainingSettings, rate: float, total_steps: int
    ) -> None:
        self._parameters, self._settings = list(parameters), settings
        self._rate, self._step, self._total = rate, 0, total_steps
        self._adamw = torch.optim.AdamW(
            self._parameters, rate, weight_decay=settings.weight_decay, fused=True
        )

    def step(self, gradients: Sequence[torch.Tensor]) -> None:
        """Clip each head's gradient, then update; the gradients are overwritten."""
        gradients = [gradient.contiguous() for gradient in gradients]
        self._clip(gradients)
        share = SCHEDULES[self._settings.schedule](self._step / self._total)
        self._adamw.param_groups[0]["lr"] = self._rate * share
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        self._adamw.step()
        self._adamw.zero_grad()  # frees memory that the next gradients find in the cache
        self._step += 1

    def _clip(self, gradients: Sequence[torch.Tensor]) -> None:
        norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients]
        norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        factor = (self._settings.clip_norm / (norm + SMALLEST_NORM)).clamp_(max=1.0)
        if bool((factor < 1).any()):
            for gradient in gradients:
                gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
