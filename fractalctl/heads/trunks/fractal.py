"""The fractal head, with which the paper's published tables were made.

One shared block is applied J times to the projected input; after each time a projection of its own reads off
one block of the embedding:

    x = W_in h;   s_0 = x;   s_j = block(s_{j-1}) + 0.1 / (1 + 0.3 (j - 1)) x;   b_j = P_j LayerNorm_j(s_j)

The prefix of j < J blocks is b_1 .. b_j; the full embedding is the LayerNorm of all J. The shared block is a
pre-norm transformer layer over a single token. Softmax over one token is 1 whatever its query and key, so
self-attention is its value and output projections; the 2 (h^2 + h) query and key parameters that the paper
counts (2.1 million in all at h = 384) can neither change an output nor receive a gradient, and are left out.
"""

from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from fractalctl.heads.trunks import Dims, Shapes, Trunk, Weights, affine, layer_norm

EXPANSION = 4
"""Width of the block's hidden layer in multiples of h."""


class Fractal(Trunk):
    """One block applied J times; its defaults are the settings of the published runs."""

    name = "fractal"
    meaning = "one transformer block applied once for each prefix; the full embedding is normalised once more"
    defaults = MappingProxyType(
        {
            "batch_size": 32,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "standardise": False,
            "prefix_per": "sample",
            "info_nce": 1.0,
            "margin": 0.5,
        }
    )
    nested = False
    unit = True
    at_once = 1
    dropout = 0.1

    def shapes(self, width: int, dims: Dims) -> Shapes:
        """Matrices (inputs, outputs), each followed by its bias, then LayerNorms, gain before shift."""
        matrices = {
            "input": (width, width),
            "value": (width, width),
            "output": (width, width),
            "expand": (width, EXPANSION * width),
            "contract": (EXPANSION * width, width),
            "projection": (width, dims[-1]),
        }
        found: Shapes = {}
        for name, shape in matrices.items():
            found |= {name: shape, f"{name}_bias": shape[1:]}
        return found | {
            "attention_norm": (2, width),
            "hidden_norm": (2, width),
            "scale_norm": (2, len(dims), width),
            "full_norm": (2, dims[-1]),
        }

    def dropped(self, width: int, dims: Dims) -> tuple[int, int]:
        """The block's hidden layer, at each scale."""
        return len(dims), EXPANSION * width

    def blocks(self, weights: Weights, features: Tensor, dims: Dims, dropout: Tensor | None = None) -> Tensor:
        """The block applied J times, each time read off once."""
        injected = state = affine(weights, "input", features)
        blocks = []
        for scale, (start, stop) in enumerate(pairwise((0, *dims))):
            attended = affine(weights, "value", layer_norm(state, weights["attention_norm"]))
            state = state + affine(weights, "output", attended)
            hidden = functional.gelu(affine(weights, "expand", layer_norm(state, weights["hidden_norm"])))
            if dropout is not None:
                hidden = hidden * dropout[:, scale]
            state = state + affine(weights, "contract", hidden)
            state = torch.add(state, injected, alpha=0.1 / (1 + 0.3 * scale))
            seen = layer_norm(state, weights["scale_norm"][:, :, scale])
            blocks.append(affine(weights, "projection", seen, slice(start, stop)))
        return torch.cat(blocks, dim=2)

    def full(self, weights: Weights, blocks: Tensor) -> Tensor:
        """The LayerNorm of all blocks, of unit length."""
        return functional.normalize(layer_norm(blocks, weights["full_norm"]), dim=2)


TRUNKS = (Fractal(),)
