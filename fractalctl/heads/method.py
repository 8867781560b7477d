"""What a method is: how an embedding map is got from features and labels. This package's extension point.

A method is one module: typed settings, a subclass of `GradientMethod`, `LinearMap` or `Method`, and named
strategies. Modules of `fractalctl.heads.methods` are found by themselves, those of other packages through the
entry point ``fractalctl.methods``, each a `fractalctl.heads.arms.Strategy` or several.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from fractalctl.errors import RequestError
from fractalctl.heads.fitted import DivergedError, Fitted, Validate, Weights
from fractalctl.heads.settings import MethodSettings, TrainingSettings, spelled
from fractalctl.heads.terms import Objective
from fractalctl.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from fractalctl.heads.examples import Examples
    from fractalctl.heads.trunks import Layer, Trunk


FLEET = 8
"""Seeds that are stepped together, at most: beyond this a step gains little and memory grows."""


class Method(ABC):
    """How an embedding map is got from features and labels.

    Attributes:
        name: by which files call it.
        source: paper, equation or measurement that it rests on.
        Settings: type of its settings.
        tuned: lowest and highest value of the settings, two at most, that are chosen on validation rows where
            that is asked for. None of them decides what a head is for.
        needs: settings that change nothing while another one is 0 or off, with the name of that one.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    Settings: ClassVar[type[MethodSettings]] = MethodSettings
    tuned: ClassVar[dict[str, tuple[float, float]]] = {}
    needs: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def fit(
        self,
        examples: "Examples",
        seeds: Sequence[int],
        settings: Any,
        validate: Validate,
        progress: Progress,
    ) -> list[Fitted]:
        """Get the map for each seed.

        Args:
            examples: rows to learn from.
            settings: of type `Settings`.
            validate: scores embeddings of held-out rows.

        Raises RequestError: the settings do not fit the examples; DivergedError: the loss of some seeds was
        no longer a number.
        """

    @abstractmethod
    def embed(self, weights: Weights, features: "Tensor", settings: Any) -> "tuple[Tensor, Tensor]":
        """Blocks and full embeddings, (n, d) each, of features (n, h) as the backbone gave them.

        The first columns of the blocks are the prefixes below d. A nested method gives one tensor twice.
        """

    @abstractmethod
    def nested(self, settings: Any) -> bool:
        """Whether a shorter embedding is the first columns of the full one."""

    def layers(self, _weights: Weights, _settings: Any) -> "Sequence[Layer] | None":
        """The whole map as layers that every library has; None where it is more than that, or not nested."""
        return None

    def code(self, _settings: Any) -> int | None:
        """Numbers of a sparse code, of which a vector is the largest; None where it is the first columns.

        Such a method is not nested, and its `embed` gives the longest length's codes twice.
        """
        return None

    def check(self, settings: Any, n_levels: int) -> None:  # noqa: B027  most settings fit any number
        """See that settings fit a corpus of D levels. Raises RequestError: they do not."""

    def idle(self, settings: Any, _n_levels: int) -> dict[str, str]:
        """Settings that change nothing beside the others, each with the reason."""
        return {
            name: f"{other} is {spelled(getattr(settings, other))}"
            for name, other in self.needs.items()
            if not getattr(settings, other)
        }

    def at_once(self, _settings: Any, _device: str) -> int:
        """How many seeds are fitted together, at most, on a type of device such as ``cpu``."""
        return FLEET

    def steps(self, _examples: "Examples", _settings: Any) -> int:
        """How many steps `fit` tells its progress for one fleet."""
        return 1


class GradientMethod(Method):
    """A trunk and a list of loss terms, trained by the one loop of `fractalctl.heads.training`."""

    Settings: ClassVar[type[MethodSettings]] = TrainingSettings
    tuned: ClassVar[dict[str, tuple[float, float]]] = {"learning_rate": (2e-4, 2e-2)}

    @abstractmethod
    def objective(self, settings: Any, n_levels: int) -> Objective:
        """The loss terms for D levels. Raises RequestError: the settings do not fit so many levels."""

    def trunk(self, settings: Any) -> "Trunk":
        """What carries the losses: the trunk of that name, or one that the method makes from its settings."""
        from fractalctl.heads.trunks import trunk

        return trunk(settings.trunk)

    def check(self, settings: Any, n_levels: int) -> None:
        """See that the objective can be made, and asks for something."""
        if not self.objective(settings, n_levels).terms:
            raise RequestError(f"{self.name}: the weights of its losses are all 0, so nothing is learned")

    def idle(self, settings: Any, n_levels: int) -> dict[str, str]:
        """How prefixes are drawn, where none is; else as the method says."""
        drawn = self.objective(settings, n_levels).prefix_probabilities
        return super().idle(settings, n_levels) | ({} if drawn else {"prefix_per": "no prefix is drawn"})

    def fit(
        self,
        examples: "Examples",
        seeds: Sequence[int],
        settings: Any,
        validate: Validate,
        progress: Progress,
    ) -> list[Fitted]:
        """Train a head for each seed, fleet by fleet; a fleet of which some diverge stops no other."""
        found: list[Fitted] = []
        failures: list[str] = []
        for fleet in divided(seeds, self.at_once(settings, examples.device.type)):
            try:
                found += self.fit_fleet(examples, fleet, settings, validate, progress)
            except DivergedError as error:
                found += error.fitted
                failures.append(str(error))
        if failures:
            raise DivergedError("; ".join(failures), found)
        return found

    def fit_fleet(
        self,
        examples: "Examples",
        seeds: Sequence[int],
        settings: Any,
        validate: Validate,
        progress: Progress,
    ) -> list[Fitted]:
        """Train seeds that are stepped together."""
        from fractalctl.heads.training import train

        initial = [self.initial(examples, seed, settings) for seed in seeds]
        trunk, objective = self.trunk(settings), self.fleet_objective(examples, settings)
        return train(examples, trunk, objective, seeds, settings, validate, progress, initial)

    def fleet_objective(self, examples: "Examples", settings: Any) -> Objective:
        """The loss terms of one fleet on these rows; made anew for each, since terms may keep count."""
        return self.objective(settings, len(examples.classes))

    def initial(self, _examples: "Examples", _seed: int, _settings: Any) -> Weights:
        """Weights to begin with, by name. What the trunk has besides is drawn; what it lacks is kept."""
        return {}

    def embed(self, weights: Weights, features: "Tensor", settings: Any) -> "tuple[Tensor, Tensor]":
        """Blocks and full embeddings by the trunk, of standardised features."""
        inputs = (features - weights["input_mean"]) * weights["input_scale"]
        return self.trunk(settings).embed(weights, inputs, settings.dims)

    def nested(self, settings: Any) -> bool:
        """What the trunk says."""
        return self.trunk(settings).nested

    def layers(self, weights: Weights, settings: Any) -> "Sequence[Layer] | None":
        """Those of the trunk, the standardisation folded into the first."""
        found = self.trunk(settings).layers(weights)
        return found and [found[0].after(weights["input_mean"], weights["input_scale"]), *found[1:]]

    def at_once(self, settings: Any, device: str) -> int:
        """As many as the trunk says on a processor, where each core can have a fleet of its own."""
        return self.trunk(settings).at_once if device == "cpu" else FLEET

    def steps(self, examples: "Examples", settings: Any) -> int:
        """Optimiser steps over all epochs."""
        from fractalctl.heads.examples import held_out

        return int(settings.total_steps(len(held_out(examples, settings, seed=0).training)))


class LinearMap(Method):
    """A closed form whose map is affine, e = x @ projection + bias; its prefixes are nested.

    It is fitted once, to all training rows. Nothing is random and nothing validated: every seed is given the
    same weights, so that it can stand beside methods that differ by seed (its spread over seeds is 0).
    """

    @abstractmethod
    def solve(self, examples: "Examples", settings: Any) -> "tuple[np.ndarray, np.ndarray]":
        """Projection (h, d) and bias (d,), of any float type."""

    def fit(
        self,
        examples: "Examples",
        seeds: Sequence[int],
        settings: Any,
        _validate: Validate,
        progress: Progress,
    ) -> list[Fitted]:
        """Solve once; every seed has the same weights."""
        import torch

        with progress(f"fitting {self.name}", 1) as advance:
            found = zip(("projection", "bias"), self.solve(examples, settings), strict=True)
            weights = {name: torch.as_tensor(array, dtype=torch.float32) for name, array in found}
            advance(1)
        return [Fitted(seed, {name: tensor.clone() for name, tensor in weights.items()}) for seed in seeds]

    def embed(self, weights: Weights, features: "Tensor", _settings: Any) -> "tuple[Tensor, Tensor]":
        """Blocks and full embeddings, one and the same."""
        embedding = features @ weights["projection"] + weights["bias"]
        return embedding, embedding

    def nested(self, _settings: Any) -> bool:
        """Always."""
        return True

    def layers(self, weights: Weights, _settings: Any) -> "Sequence[Layer]":
        """One."""
        from fractalctl.heads.trunks import Affine

        return [Affine(weights["projection"], weights["bias"])]


def divided(seeds: Sequence[int], at_once: int) -> list[tuple[int, ...]]:
    """Divide seeds into as few fleets as may be, of nearly equal size.

    >>> divided(range(10), 8)
    [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)]
    """
    count = -(-len(seeds) // at_once)
    ends = [len(seeds) * number // count for number in range(count + 1)] if count else []
    return [tuple(seeds[start:end]) for start, end in pairwise(ends)]
