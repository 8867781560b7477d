"""Hidden layers, then a projection of its own for each part: what carries `zoom` and `heal`."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from fractalctl.heads.trunks import Dims, Shapes, Trunk, Weights, affine, layer_norm
from fractalctl.heads.trunks.plain import HIDDEN


@dataclass(frozen=True)
class Parts(Trunk):
    """Hidden layers with GELU and dropout, whose output is projected once for each part.

    The first part is the first block, the last part ends with the last one, and those between end at evenly
    spaced blocks.

    Attributes:
        shares: of each part in the squared length of the embedding, which is then 1; the last of what is
            given, where something is.
        fixed_lengths: whether parts have these lengths, rather than come as they are.
        normalise: whether a LayerNorm stands before each GELU.
        dropout: rate after each hidden layer.
        shortcut: whether a linear map of the features is added to what the hidden layers give.
        given: last numbers of the embedding that are not learned and a part of their own: an affine map
            ``given`` of the features, got beforehand.
    """

    shares: tuple[float, ...] = (0.5, 0.5)
    fixed_lengths: bool = True
    depth: int = 1
    normalise: bool = False
    dropout: float = 0.2
    shortcut: bool = False
    given: int = 0

    name = "parts"
    meaning = (
        f"a hidden layer of {HIDDEN} with GELU and dropout, then a projection of unit length for each part"
    )
    at_once = 1

    def shapes(self, width: int, dims: Dims) -> Shapes:
        """Matrices with their biases: the hidden layers', then that of all parts side by side."""
        found: Shapes = {}
        for layer in range(self.depth):
            found |= {
                f"hidden_{layer}": (HIDDEN if layer else width, HIDDEN),
                f"hidden_{layer}_bias": (HIDDEN,),
            }
            found |= {f"hidden_{layer}_norm": (2, HIDDEN)} if self.normalise else {}
        learned = dims[-1] - self.given
        found |= {"shortcut": (width, learned)} if self.shortcut else {}
        return found | {"projection": (HIDDEN, learned), "projection_bias": (learned,)}

    def dropped(self, _width: int, _dims: Dims) -> tuple[int, int]:
        """Every hidden layer."""
        return self.depth, HIDDEN

    def blocks(self, weights: Weights, features: Tensor, dims: Dims, dropout: Tensor | None = None) -> Tensor:
        """All parts side by side."""
        hidden = features
        for layer in range(self.depth):
            hidden = affine(weights, f"hidden_{layer}", hidden)
            hidden = layer_norm(hidden, weights[f"hidden_{layer}_norm"]) if self.normalise else hidden
            hidden = functional.gelu(hidden)
            hidden = hidden if dropout is None else hidden * dropout[:, layer]
        found = affine(weights, "projection", hidden)
        found = torch.baddbmm(found, features, weights["shortcut"]) if self.shortcut else found
        found = torch.cat([found, affine(weights, "given", features)], dim=2) if self.given else found
        if self.fixed_lengths:
            parts = torch.split(found, self.widths(dims), dim=2)
            sized = [
                functional.normalize(part, dim=2) * share**0.5
                for part, share in zip(parts, self.shares, strict=True)
            ]
            found = torch.cat(sized, dim=2)
        return found

    def widths(self, dims: Dims) -> list[int]:
        """Numbers that each part has."""
        ends = [dims[block] for block in spread(len(self.shares) - bool(self.given), len(dims))]
        ends += [dims[-1]] if self.given else []
        ends[-2:] = [dims[-1] - self.given, dims[-1]] if self.given else ends[-2:]
        return [stop - start for start, stop in pairwise((0, *ends))]


def spread(count: int, places: int) -> list[int]:
    """Places from 0 for `count` things, the first and the last among them, evenly; a half is rounded up.

    >>> spread(2, 4), spread(3, 4), spread(4, 4), spread(1, 4)
    ([0, 3], [0, 2, 3], [0, 1, 2, 3], [3])
    """
    if count == 1:
        return [places - 1]
    return [(2 * number * (places - 1) + count - 1) // (2 * (count - 1)) for number in range(count)]


TRUNKS = (Parts(),)
