"""AdamW over stacked runs."""

import math

import torch

from fractalctl.heads.recipe import TrainingRecipe

SMALLEST_NORM = 1e-6
"""Added to a norm before dividing by it, as `torch.nn.utils.clip_grad_norm_` does."""


class FleetOptimizer:
    """Steps R runs together: one schedule, and each run's own gradient clipped to the recipe's norm.

    Args:
        parameters: tensors with a leading dimension R.
        gradients: tensors of the same shapes, filled before every step.
        recipe: learning rate, schedule, weight decay, clip norm.
        rows: training rows of one run, which with the batch size give the number of steps.

    Attributes:
        total_steps: steps over all epochs.
    """

    def __init__(
        self, parameters: list[torch.Tensor], gradients: list[torch.Tensor], recipe: TrainingRecipe, rows: int
    ) -> None:
        self.total_steps = recipe.epochs * -(-rows // recipe.batch_size)
        self._recipe, self._step = recipe, 0
        self._gradients = gradients
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self._adamw = torch.optim.AdamW(
            parameters, recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )

    def step(self) -> None:
        """Clip each run's gradient to the recipe's norm, then update."""
        self._clip()
        if self._recipe.schedule == "cosine":
            rate = self._recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * self._step / self.total_steps))
            self._adamw.param_groups[0]["lr"] = rate
        self._adamw.step()
        self._step += 1

    def _clip(self) -> None:
        norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in self._gradients]
        norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        factor = (self._recipe.clip_norm / (norm + SMALLEST_NORM)).clamp_(max=1.0)
        if bool((factor < 1).any()):
            for gradient in self._gradients:
                gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
