"""Every kind of head in one table: what trains it and what applies it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from fractalctl.heads.fractal import FractalFleet, fractal_prefixes
from fractalctl.heads.linear import LinearFleet
from fractalctl.heads.supervision import Supervision

Weights = dict[str, torch.Tensor]


class Fleet(Protocol):
    """R heads of one kind that are stepped together."""

    parameters: list[torch.Tensor]
    gradients: list[torch.Tensor]

    def __init__(
        self,
        input_dimension: int,
        dims: Sequence[int],
        classes: Sequence[int],
        supervisions: Sequence[Supervision],
        seeds: Sequence[int],
        device: torch.device,
    ) -> None: ...

    def backward(
        self, features: torch.Tensor, labels: torch.Tensor, prefix: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        """Fill `gradients` and return the (R,) losses; see `LinearFleet.backward`."""
        ...

    def embed(self, run: int, features: torch.Tensor) -> torch.Tensor:
        """Full embeddings (n, d) of features (n, h) by one run, without dropout."""
        ...

    def weights(self, run: int) -> Weights:
        """A copy of one run's parameters by name, on the CPU."""
        ...


@dataclass(frozen=True)
class HeadKind:
    """One kind of head.

    Attributes:
        fleet: trains it.
        prefixes: from weights, (n, h) standardised features and prefix lengths to blocks and full embeddings,
            (n, d) each; one and the same tensor for a nested head.
        contrasts: whether a step also takes, for each row and level, another row of the same class.
        runs_at_once: runs in one fleet; beyond this a step gains nothing and memory grows.
    """

    fleet: type[Fleet]
    prefixes: Callable[[Weights, torch.Tensor, Sequence[int]], tuple[torch.Tensor, torch.Tensor]]
    contrasts: bool
    runs_at_once: int


def linear_prefixes(
    weights: Weights, features: torch.Tensor, _dims: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of a linear head, e = W h, whose prefixes are their first columns."""
    embedding = features @ weights["projection"]
    return embedding, embedding


KINDS: dict[str, HeadKind] = {
    "linear": HeadKind(LinearFleet, linear_prefixes, contrasts=False, runs_at_once=25),
    "fractal": HeadKind(FractalFleet, fractal_prefixes, contrasts=True, runs_at_once=5),
}
"""Heads by the name that recipes and files call them."""
