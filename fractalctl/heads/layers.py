"""A head as the layers that every library has, where it is nothing else: what exporters write."""

from dataclasses import dataclass

from torch import Tensor


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
