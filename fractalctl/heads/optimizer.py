"""AdamW over stacked runs."""

import math

import torch

from fractalctl.heads.recipe import TrainingRecipe

SMALLEST_NORM = 1e-6
"""Added to a norm before dividing by it, as `torch.nn.utils.clip_grad_norm_` does."""
LANES = 16
"""Numbers in the widest vector of a processor."""


class FleetOptimizer:
    """Steps R runs together: one schedule, and each run's own gradient clipped to the recipe's norm.

    AdamW treats whole vectors of numbers in one way and what is left at a tensor's end in another, which
    rounds otherwise. Parameters that do not fill whole vectors, such as a bias, are therefore stepped in a
    copy that does, so that the bytes of a run do not depend on its place among the others.

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
        self.total_steps = recipe.total_steps(rows)
        self._recipe, self._step = recipe, 0
        self._gradients = gradients
        self._copies: list[_Copy] = []
        self._adamw = torch.optim.AdamW(
            [self._stepped(*pair) for pair in zip(parameters, gradients, strict=True)],
            recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )

    def step(self) -> None:
        """Clip each run's gradient to the recipe's norm, then update."""
        self._clip()
        if self._recipe.schedule == "cosine":
            rate = self._recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * self._step / self.total_steps))
            self._adamw.param_groups[0]["lr"] = rate
        for copy in self._copies:
            copy.take()
        self._adamw.step()
        for copy in self._copies:
            copy.give()
        self._step += 1

    def _stepped(self, parameter: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """What AdamW steps in the place of a parameter: itself, or a copy that fills whole vectors."""
        if parameter[0].numel() % LANES:
            self._copies.append(_Copy(parameter, gradient))
            return self._copies[-1].padded
        parameter.grad = gradient
        return parameter

    def _clip(self) -> None:
        norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in self._gradients]
        norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        factor = (self._recipe.clip_norm / (norm + SMALLEST_NORM)).clamp_(max=1.0)
        if bool((factor < 1).any()):
            for gradient in self._gradients:
                gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))


class _Copy:
    """A parameter and its gradient with zeros after them, up to a whole vector."""

    def __init__(self, parameter: torch.Tensor, gradient: torch.Tensor) -> None:
        self._parameter, self._gradient = parameter.detach().view(-1), gradient.view(-1)
        self.padded = parameter.new_zeros(-(-parameter.numel() // LANES) * LANES)
        self._slope = self.padded.grad = torch.zeros_like(self.padded)

    def take(self) -> None:
        """Copy values and slopes from where they are used."""
        self.padded[: len(self._parameter)] = self._parameter
        self._slope[: len(self._gradient)] = self._gradient

    def give(self) -> None:
        """Copy values back."""
        self._parameter.copy_(self.padded[: len(self._parameter)])
