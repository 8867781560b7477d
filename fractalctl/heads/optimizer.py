"""AdamW over stacked heads."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch

from fractalctl.heads.settings import TrainingSettings


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
        settings: schedule, weight decay, clip norm.
        rate: peak learning rate.
        total_steps: over all epochs, for the schedule.
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
