"""Train a head together with the last layers of its encoder (paper, "Alignment vs. capacity control").

The head's side of a step is the frozen experiment's own: the same loss, draws, optimiser and clipping. What
is added is the slope of the loss at the features, which goes on into the encoder's layers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from fractalctl.backbones.tuning import LowerStates, TunableEncoder
from fractalctl.errors import RequestError
from fractalctl.heads.draws import EpochDraws, Holdout, draw_epoch, draw_positives, hold_out
from fractalctl.heads.examples import Examples
from fractalctl.heads.fractal import FractalFleet
from fractalctl.heads.kinds import KINDS
from fractalctl.heads.linear import LinearFleet
from fractalctl.heads.optimizer import FleetOptimizer
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.training import VALIDATION_ROWS, EpochRecord, Run, TrainedRun, Validate
from fractalctl.progress import Progress, silent

PAPER_LAYERS = 4
ENCODER_RATE = 2e-5
"""Peak rate of the encoder's AdamW: what BERT is fine-tuned with (Devlin et al. 2019, Appendix A.3).

The published runs have 1e-6, which moves the layers a twentieth as far a step (docs/experiments.md).
"""


@dataclass(frozen=True)
class Tuning:
    """What of an encoder is trained, and how fast.

    Attributes:
        layers: how many of the last layers.
        learning_rate: peak rate of their AdamW; schedule and all else are the recipe's.
    """

    layers: int = PAPER_LAYERS
    learning_rate: float = ENCODER_RATE

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise RequestError(f"at least one layer must be trained, got {self.layers}")
        if not self.learning_rate > 0:
            raise RequestError(f"the encoder's learning rate must be positive, got {self.learning_rate}")


@dataclass(frozen=True)
class TunedRun:
    """A head and the layers that were trained with it, both of the best epoch.

    Attributes:
        head: weights, history and best epoch of the head.
        layers: float32 parameters of the encoder's trained layers by name.
    """

    head: TrainedRun
    layers: dict[str, torch.Tensor]


class LinearOnEncoder(LinearFleet):
    """A linear head that passes the slope of its loss on to the features."""

    def differentiate(
        self, features: torch.Tensor, labels: torch.Tensor, prefix: torch.Tensor, keep: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Fill `gradients`; give the (R,) losses and their slope at the features, (R, B, h)."""
        loss = self.backward(features, labels, prefix, keep)
        slope = self._workspace(features.shape[1]).slope
        return loss, torch.bmm(slope, self.parameters[0].transpose(1, 2))


class FractalOnEncoder(FractalFleet):
    """A fractal head that passes the slope of its loss on to the features."""

    def differentiate(
        self, features: torch.Tensor, labels: torch.Tensor, prefix: torch.Tensor, keep: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Fill `gradients`; give the (R,) losses and their slope at the features, (R, (1 + D) B, h)."""
        leaf = features.detach().requires_grad_()
        loss = self._loss(leaf, labels, prefix, keep)
        *slopes, slope = torch.autograd.grad(loss.sum(), [*self.parameters, leaf])
        for gradient, found in zip(self.gradients, slopes, strict=True):
            gradient.copy_(found)
        return loss.detach(), slope


HEADS: dict[str, type[LinearOnEncoder] | type[FractalOnEncoder]] = {
    "linear": LinearOnEncoder,
    "fractal": FractalOnEncoder,
}
"""The kinds of `fractalctl.heads.kinds.KINDS` on an encoder."""


def fine_tune(
    encoder: TunableEncoder,
    states: LowerStates,
    examples: Examples,
    run: Run,
    recipe: TrainingRecipe,
    learning_rate: float,
    validate: Validate,
    progress: Progress = silent,
) -> TunedRun:
    """Train one head and the encoder's open layers; afterwards the encoder has those of the best epoch.

    Args:
        encoder: its layers as they are to begin with.
        states: of the texts of all rows of ``examples``, in their order.
        examples: labels of the rows, and the standardisation of their features before any training, which
            stays as it is.
        run: table and seed; it draws the numbers that it draws in a fleet on frozen features.
        recipe: hyperparameters of the head; the encoder shares all but the learning rate.
        learning_rate: of the encoder.
        validate: scores embeddings of held-out rows; the epoch with the highest sum over levels is kept.
        progress: counts steps.

    Raises:
        RequestError: every class has a single row.
    """
    task = _Task(encoder, states, examples, run, recipe, learning_rate)
    history: list[EpochRecord] = []
    best, score = TunedRun(TrainedRun(run, {}, (), 0), {}), -math.inf
    with progress(f"fine-tuning {run.supervision.name}, seed {run.seed}", task.total_steps) as advance:
        for epoch in range(1, recipe.epochs + 1):
            loss = task.train_epoch(epoch, advance)
            record = EpochRecord(epoch, loss, task.validation(validate))
            history.append(record)
            if sum(record.validation) > score:
                score = sum(record.validation)
                best = TunedRun(TrainedRun(run, task.weights(), (), epoch), encoder.weights())
    encoder.load(best.layers)
    return replace(best, head=replace(best.head, history=tuple(history)))


class _Task:
    """One head on one encoder while they are trained."""

    def __init__(
        self,
        encoder: TunableEncoder,
        states: LowerStates,
        examples: Examples,
        run: Run,
        recipe: TrainingRecipe,
        learning_rate: float,
    ) -> None:
        self.encoder, self.states, self.examples, self.run, self.recipe = (
            encoder,
            states,
            examples,
            run,
            recipe,
        )
        self.head = HEADS[recipe.head](
            examples.input_dimension,
            recipe.dims,
            examples.classes,
            [run.supervision],
            [run.seed],
            examples.mean.device,
        )
        self.holdout = self._hold_out()
        rows = len(self.holdout.training)
        layers = [parameter.detach()[None] for parameter in encoder.parameters.values()]
        self._slopes = [torch.empty_like(layer) for layer in layers]
        self._optimizers = [
            FleetOptimizer(self.head.parameters, self.head.gradients, recipe, rows),
            FleetOptimizer(layers, self._slopes, replace(recipe, learning_rate=learning_rate), rows),
        ]
        self.total_steps = self._optimizers[0].total_steps

    def _hold_out(self) -> Holdout:
        seed = self.run.seed if self.recipe.holdout_seed is None else self.recipe.holdout_seed
        holdout = hold_out(self.examples.labels[:, -1].cpu().numpy(), self.recipe.holdout, seed)
        if not len(holdout.validation):
            raise RequestError(
                "every class has a single training row, so none can be held out for validation"
            )
        return holdout

    def train_epoch(self, epoch: int, advance: Callable[[int], None]) -> float:
        """One pass over the training rows; returns the mean loss."""
        n_rows, total = len(self.holdout.training), 0.0
        draws = draw_epoch(self.run.seed, epoch, n_rows, self.run.supervision, self.recipe)
        visits = self._visits(draws, epoch)
        for start in range(0, n_rows, self.recipe.batch_size):
            step = slice(start, start + self.recipe.batch_size)
            total += self._step(visits[:, step], draws.prefix[step], draws.keep[step]) * len(visits[0, step])
            advance(1)
        return total / n_rows

    def _visits(self, draws: EpochDraws, epoch: int) -> np.ndarray:
        """Rows (1, n) in the order of visiting; (1 + D, n) with a positive for every level."""
        rows = self.holdout.training[draws.order]
        if not KINDS[self.recipe.head].contrasts:
            return rows[None]
        labels = self.examples.labels.cpu().numpy()[rows]
        return np.concatenate([rows[None], rows[draw_positives(self.run.seed, epoch, labels)].T])

    def _step(self, rows: np.ndarray, prefix: np.ndarray, keep: np.ndarray) -> float:
        features = self.encoder.upper(self.states, rows.reshape(-1))
        device = features.device
        loss, slope = self.head.differentiate(
            self._standardised(features.detach())[None],
            self.examples.labels[torch.from_numpy(rows[0]).to(device)][None],
            torch.from_numpy(prefix).to(device)[None],
            torch.from_numpy(keep.astype(np.float32)).to(device)[None],
        )
        layers = list(self.encoder.parameters.values())
        found = torch.autograd.grad(features, layers, slope[0] * self.examples.scale)
        for into, gradient in zip(self._slopes, found, strict=True):
            into[0].copy_(gradient)
        for optimizer in self._optimizers:
            optimizer.step()
        return float(loss)

    def _standardised(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.examples.mean) * self.examples.scale

    def validation(self, validate: Validate) -> tuple[float, ...]:
        """Accuracy per level on held-out rows, encoder and head as they are."""
        rows = self.holdout.validation[:VALIDATION_ROWS]
        features = torch.from_numpy(self.encoder.features(self.states, rows)).to(self.examples.mean.device)
        embedding = self.head.embed(0, self._standardised(features)).cpu().numpy()
        labels = self.examples.labels.cpu().numpy()[rows]
        return tuple(map(float, validate(embedding, labels)))

    def weights(self) -> dict[str, torch.Tensor]:
        """The head's weights as `TrainedRun` has them."""
        inputs = {"input_mean": self.examples.mean.cpu(), "input_scale": self.examples.scale.cpu()}
        return inputs | self.head.weights(0)
