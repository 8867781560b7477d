"""Trunks whose prefixes are first columns: one matrix, a hidden layer, and what a small network adds.

The linear one is that of the paper's Algorithm 1, e = W h; the residual one carries adaptors of embeddings.
"""

from torch import Tensor, bmm, zeros
from torch.nn import functional

from fractalctl.heads.trunks import Affine, Dims, Gelu, Norm, Shapes, Trunk, Weights, affine, layer_norm

HIDDEN = 512
"""Width of hidden layers, that of the contrastive heads of the published runs."""


class Linear(Trunk):
    """One matrix."""

    name = "linear"
    meaning = "one matrix; prefixes are the first columns (paper, Algorithm 1)"

    def shapes(self, width: int, dims: Dims) -> Shapes:
        """The projection (h, d)."""
        return {"projection": (width, dims[-1])}

    def blocks(
        self, weights: Weights, features: Tensor, _dims: Dims, _dropout: Tensor | None = None
    ) -> Tensor:
        """One product."""
        return bmm(features, weights["projection"])

    def layers(self, weights: Weights) -> tuple[Affine]:
        """One, without a bias."""
        return (Affine(weights["projection"], zeros(weights["projection"].shape[1])),)


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


class Residual(Trunk):
    """e = (x + g(x))_1:d with one hidden layer in g; a feature shorter than d is filled with zeros."""

    name = "residual"
    meaning = (
        f"the feature and what a hidden layer of {HIDDEN} with ReLU adds; prefixes are the first columns"
    )

    def shapes(self, width: int, dims: Dims) -> Shapes:
        """Both matrices of what is added, with their biases."""
        return {
            "expand": (width, HIDDEN),
            "expand_bias": (HIDDEN,),
            "projection": (HIDDEN, dims[-1]),
            "projection_bias": (dims[-1],),
        }

    def blocks(
        self, weights: Weights, features: Tensor, dims: Dims, _dropout: Tensor | None = None
    ) -> Tensor:
        """The feature's first columns, and the addition."""
        added = affine(weights, "projection", functional.relu(affine(weights, "expand", features)))
        missing = max(0, dims[-1] - features.shape[2])
        return functional.pad(features[:, :, : dims[-1]], (0, missing)) + added


TRUNKS = Linear(), Mlp(), Residual()
