"""The feature and what a small network adds to it, cut to d numbers; what carries adaptors of embeddings."""

from torch import Tensor
from torch.nn import functional

from fractalctl.heads.trunks import Dims, Shapes, Trunk, Weights, affine

HIDDEN = 512
"""Width of the hidden layer."""


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


TRUNK = Residual()
