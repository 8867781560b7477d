"""Trunks: what carries a gradient method's losses, modules each with their ``TRUNKS``.

A trunk is arithmetic on stacked weights: every tensor has a leading dimension R of heads that are stepped
together, so that R heads cost one batched matrix product where R separate ones would cost R calls.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, addcmul, baddbmm, no_grad
from torch.nn import functional

from fractalctl.errors import RequestError
from fractalctl.plugins import modules_of
from fractalctl.randomness import Purpose, generator

Weights = Mapping[str, Tensor]
Shapes = dict[str, tuple[int, ...]]
Dims = Sequence[int]


@dataclass(frozen=True)
class Affine:
    """x @ weight + bias.

    Attributes:
        weight: (inputs, outputs) float32.
        bias: (outputs,) float32.
    """

    weight: Tensor
    bias: Tensor

    def after(self, mean: Tensor, scale: Tensor) -> "Affine":
        """The same map of inputs that are still to be standardised: (x - mean) * scale before it."""
        weight = scale.double()[:, None] * self.weight.double()
        bias = self.bias.double() - mean.double() @ weight
        return Affine(weight.float(), bias.float())


@dataclass(frozen=True)
class Norm:
    """LayerNorm with gain and shift, (width,) float32 each."""

    gain: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Gelu:
    """The exact GELU of every number."""


Layer = Affine | Norm | Gelu


class Trunk(ABC):
    """One kind of map from features to blocks of an embedding.

    Attributes:
        defaults: settings in which it departs from those of `fractalctl.heads.settings.TrainingSettings`.
        nested: whether the full embedding is the blocks themselves.
        unit: whether losses see embeddings of unit length. Classifiers then begin with a LayerNorm, and only
            the full path has block dropout, which leaves every row a block, for zeros have no direction.
        at_once: heads of one fleet on a processor: one where products are so large that more gain nothing.
    """

    name: ClassVar[str]
    meaning: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]] = {}
    nested: ClassVar[bool] = True
    unit: ClassVar[bool] = False
    dropout: float = 0.0
    at_once: ClassVar[int] = 8

    @abstractmethod
    def shapes(self, width: int, dims: Dims) -> Shapes:
        """Weights of one head for features of length h, by names that `initial_weights` understands."""

    def dropped(self, _width: int, _dims: Dims) -> tuple[int, int]:
        """How often a hidden layer is dropped out in one pass, and how wide it is."""
        return 0, 0

    @abstractmethod
    def blocks(self, weights: Weights, features: Tensor, dims: Dims, dropout: Tensor | None = None) -> Tensor:
        """All blocks (R, B, d) of features (R, B, h).

        Args:
            weights: by name, with a leading dimension R.
            features: float32.
            dropout: (R, times, B, hidden width) factors, 0 or 1 / (1 - rate); None is no dropout.
        """

    def full(self, _weights: Weights, blocks: Tensor) -> Tensor:
        """Full embeddings (R, B, d) from blocks (R, B, d): the blocks themselves for a nested trunk."""
        return blocks

    def layers(self, _weights: Weights) -> tuple[Affine, *tuple[Layer, ...]] | None:
        """The map of one head in layers that every library has, an affine one first; None: it is more."""
        return None

    @no_grad()
    def embed(self, weights: Weights, features: Tensor, dims: Dims) -> tuple[Tensor, Tensor]:
        """Blocks and full embeddings (n, d) of features (n, h) by the weights of one head."""
        one = {name: tensor[None] for name, tensor in weights.items()}
        blocks = self.blocks(one, features[None], dims)
        return blocks[0], blocks[0] if self.nested else self.full(one, blocks)[0]


def trunks() -> dict[str, Trunk]:
    """Every trunk by name."""
    found = [trunk for module in modules_of(sys.modules[__name__]) for trunk in module.TRUNKS]
    return {trunk.name: trunk for trunk in sorted(found, key=lambda trunk: trunk.name)}


def trunk(name: str) -> Trunk:
    """A trunk by name; RequestError if there is none."""
    known = trunks()
    if name not in known:
        raise RequestError(f"trunk '{name}' is not known; choose from {', '.join(known)}")
    return known[name]


def initial_weights(shapes: Shapes, seed: int) -> dict[str, np.ndarray]:
    """Initial float32 weights of one head, in the order of their shapes.

    Matrices (inputs, outputs) are uniform in +-1/sqrt(inputs), as `torch.nn.Linear` draws them; vectors are
    biases and count the inputs of the matrix before them; ``*_norm`` are LayerNorms, gain before shift.
    """
    random = generator(seed, Purpose.INITIAL_WEIGHTS)
    drawn, inputs = {}, 1
    for name, shape in shapes.items():
        if name.endswith("_norm"):
            drawn[name] = np.zeros(shape, dtype=np.float32)
            drawn[name][0] = 1
            continue
        inputs = shape[0] if len(shape) > 1 else inputs
        bound = inputs**-0.5
        drawn[name] = random.uniform(-bound, bound, size=shape).astype(np.float32)
    return drawn


def affine(weights: Weights, name: str, values: Tensor, columns: slice = slice(None)) -> Tensor:
    """An affine map of (R, B, inputs) by the chosen columns of a matrix and of its ``<name>_bias``."""
    return baddbmm(weights[f"{name}_bias"][:, None, columns], values, weights[name][:, :, columns])


def layer_norm(values: Tensor, norm: Tensor) -> Tensor:
    """LayerNorm of (R, B, width) with gain and shift in norm (R, 2, width)."""
    gain, shift = norm.unsqueeze(2).unbind(1)
    width = int(norm.shape[-1])  # a plain number, which tracing exporters want
    return addcmul(shift, functional.layer_norm(values, [width]), gain)
