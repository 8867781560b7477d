"""One hidden layer, h -> 512 -> d, with LayerNorm, GELU and dropout; prefixes are the first columns."""

from torch import Tensor
from torch.nn import functional

from fractalctl.heads.layers import Affine, Gelu, Norm
from fractalctl.heads.trunks import Dims, Shapes, Trunk, Weights, affine, layer_norm

HIDDEN = 512
"""Width of the hidden layer, that of the contrastive heads of the published runs."""


class Mlp(Trunk):
    """Two matrices."""

    name = "mlp"
    meaning = f"one hidden layer of {HIDDEN} with LayerNorm, GELU and dropout; prefixes are the first columns"
    dropout = 0.1

    def shapes(self, width: int, dims: Dims) -> Shapes:
        """Both matrices with their biases, and the LayerNorm between them."""
        return {
            "expand": (width, HIDDEN),
            "expand_bias": (HIDDEN,),
            "hidden_norm": (2, HIDDEN),
            "projection": (HIDDEN, dims[-1]),
            "projection_bias": (dims[-1],),
        }

    def dropped(self, _width: int, _dims: Dims) -> tuple[int, int]:
        """The hidden layer, once."""
        return 1, HIDDEN

    def blocks(
        self, weights: Weights, features: Tensor, _dims: Dims, dropout: Tensor | None = None
    ) -> Tensor:
        """Both layers."""
        hidden = functional.gelu(layer_norm(affine(weights, "expand", features), weights["hidden_norm"]))
        return affine(weights, "projection", hidden if dropout is None else hidden * dropout[:, 0])

    def layers(self, weights: Weights) -> tuple[Affine, Norm, Gelu, Affine]:
        """Both layers, and what is between them."""
        expand, project = (
            Affine(weights[name], weights[f"{name}_bias"]) for name in ("expand", "projection")
        )
        return expand, Norm(*weights["hidden_norm"]), Gelu(), project


TRUNK = Mlp()
