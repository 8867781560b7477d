"""The linear head of the paper's Algorithm 1, e = W h, whose prefixes are its first columns."""

from torch import Tensor, bmm, zeros

from fractalctl.heads.layers import Affine
from fractalctl.heads.trunks import Dims, Shapes, Trunk, Weights


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


TRUNK = Linear()
