"""The fractal head, with which the paper's published tables were made, for many runs at once.

One shared block is applied J times to the projected input; after each time a projection of its own reads off
one block of the embedding:

    x = W_in h;   s_0 = x;   s_j = block(s_{j-1}) + 0.1 / (1 + 0.3 (j - 1)) x;   b_j = P_j LayerNorm_j(s_j)

The prefix of j < J blocks is b_1 .. b_j; the full embedding is the LayerNorm of all J. The shared block is a
pre-norm transformer layer over a single token. Softmax over one token is 1 whatever its query and key, so
self-attention is its value and output projections; the 2 (h^2 + h) query and key parameters that the paper
counts (2.1 million in all at h = 384) can neither change an output nor receive a gradient, and are left out.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional

from fractalctl.heads.draws import Stream, generator
from fractalctl.heads.linear import initial_weights
from fractalctl.heads.losses import contrastive, cross_entropy, margin_ranking
from fractalctl.heads.supervision import Supervision

EXPANSION = 4
"""Width of the block's hidden layer in multiples of h."""
DROPOUT = 0.1
MARGIN_WEIGHT = 0.5
"""Of the margin ranking term beside the contrastive one and the cross-entropy, which count 1."""

Parameters = dict[str, torch.Tensor]
Shapes = dict[str, tuple[int, ...]]


def matrix_shapes(width: int, dims: Sequence[int], classes: Sequence[int]) -> Shapes:
    """Names and shapes of the matrices (inputs, outputs) of one head, each followed by its bias."""
    sizes = {
        "input": (width, width),
        "value": (width, width),
        "output": (width, width),
        "expand": (width, EXPANSION * width),
        "contract": (EXPANSION * width, width),
        "projection": (width, dims[-1]),
        "classifier": (dims[-1], sum(classes)),
    }
    return {
        name + part: shape[place:] for name, shape in sizes.items() for part, place in (("", 0), ("_bias", 1))
    }


def norm_shapes(width: int, dims: Sequence[int], classes: Sequence[int]) -> Shapes:
    """Names and shapes of the LayerNorms of one head: the first axis is gain and shift."""
    return {
        "attention_norm": (2, width),
        "hidden_norm": (2, width),
        "scale_norm": (2, len(dims), width),
        "full_norm": (2, dims[-1]),
        "classifier_norm": (2, len(classes), dims[-1]),
    }


def initial_parameters(
    width: int, dims: Sequence[int], classes: Sequence[int], seed: int
) -> dict[str, np.ndarray]:
    """Initial float32 parameters by name: matrices and biases uniform in +-1/sqrt(inputs), norms neutral."""
    norms = {}
    for name, shape in norm_shapes(width, dims, classes).items():
        norms[name] = np.zeros(shape, dtype=np.float32)
        norms[name][0] = 1
    return initial_weights(matrix_shapes(width, dims, classes), seed) | norms


def _linear(
    weights: Parameters, name: str, values: torch.Tensor, columns: slice = slice(None)
) -> torch.Tensor:
    """An affine map of (R, B, inputs) by the chosen columns of a matrix."""
    bias = weights[f"{name}_bias"][:, None, columns]
    return torch.baddbmm(bias, values, weights[name][:, :, columns])


def _normalised(values: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
    """LayerNorm of (R, B, width) with gain and shift in norm (R, 2, width)."""
    gain, shift = norm.unsqueeze(2).unbind(1)
    return torch.addcmul(shift, functional.layer_norm(values, values.shape[2:]), gain)


def blocks_of(
    weights: Parameters, features: torch.Tensor, dims: Sequence[int], dropout: torch.Tensor | None = None
) -> torch.Tensor:
    """All blocks (R, B, d) of features (R, B, h).

    Args:
        weights: by name, with a leading dimension R.
        features: (R, B, h) float32.
        dims: ascending prefix lengths.
        dropout: (R, J, B, 4 h) factors of the hidden layer at each scale, 0 or 1 / (1 - rate); None leaves it
            as it is.
    """
    injected = state = _linear(weights, "input", features)
    blocks = []
    for scale, (start, stop) in enumerate(pairwise((0, *dims))):
        attended = _linear(weights, "value", _normalised(state, weights["attention_norm"]))
        state = state + _linear(weights, "output", attended)
        hidden = functional.gelu(_linear(weights, "expand", _normalised(state, weights["hidden_norm"])))
        if dropout is not None:
            hidden = hidden * dropout[:, scale]
        state = state + _linear(weights, "contract", hidden)
        state = torch.add(state, injected, alpha=0.1 / (1 + 0.3 * scale))
        seen = _normalised(state, weights["scale_norm"][:, :, scale])
        blocks.append(_linear(weights, "projection", seen, slice(start, stop)))
    return torch.cat(blocks, dim=2)


def full_of(weights: Parameters, blocks: torch.Tensor) -> torch.Tensor:
    """Full embeddings (R, B, d) of unit length from blocks (R, B, d)."""
    return functional.normalize(_normalised(blocks, weights["full_norm"]), dim=2)


def fractal_prefixes(
    weights: Parameters, features: torch.Tensor, dims: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocks and full embeddings (n, d) of features (n, h) under the weights of one head."""
    one = {name: tensor[None] for name, tensor in weights.items()}
    blocks = blocks_of(one, features[None], dims)
    return blocks[0], full_of(one, blocks)[0]


class FractalFleet:
    """R fractal heads that are stepped together.

    Args:
        input_dimension: h, length of a feature.
        dims: ascending prefix lengths; the last is d.
        classes: number of classes of each level, coarsest first.
        supervisions: R tables.
        seeds: R seeds; each fixes its run's initial weights and dropout.
        device: where the parameters live.

    Attributes:
        parameters: see `matrix_shapes` and `norm_shapes`, with a leading dimension R, float32.
        gradients: tensors of the same shapes, filled by `backward`.
    """

    def __init__(
        self,
        input_dimension: int,
        dims: Sequence[int],
        classes: Sequence[int],
        supervisions: Sequence[Supervision],
        seeds: Sequence[int],
        device: torch.device,
    ) -> None:
        self.dims, self.classes = tuple(dims), tuple(classes)
        drawn = [initial_parameters(input_dimension, dims, classes, seed) for seed in seeds]
        self._weights = {
            name: torch.from_numpy(np.stack([run[name] for run in drawn])).to(device).requires_grad_()
            for name in drawn[0]
        }
        self.parameters = list(self._weights.values())
        self.gradients = [torch.empty_like(parameter) for parameter in self.parameters]
        self._random = [generator(seed, Stream.DROPOUT) for seed in seeds]

        block_of = np.searchsorted(np.asarray(dims), np.arange(dims[-1]), side="right")
        self._block_of = torch.from_numpy(block_of).to(device)
        full = np.array([table.full for table in supervisions], dtype=np.float32)
        prefix = np.array(
            [np.multiply(table.prefix, table.prefix_weight) for table in supervisions], dtype=np.float32
        )
        self._full_levels = np.flatnonzero(full.any(axis=0)).tolist()
        self._prefix_levels = np.flatnonzero(prefix.any(axis=(0, 1))).tolist()
        self._levels = sorted({*self._full_levels, *self._prefix_levels})
        self._full_weights = torch.from_numpy(full).to(device)
        self._prefix_weights = torch.from_numpy(prefix).to(device)
        self._runs = torch.arange(len(seeds), device=device)[:, None]

    def backward(
        self, features: torch.Tensor, labels: torch.Tensor, prefix: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        """Compute each run's loss over its batch and fill `gradients`.

        Args:
            features: (R, (1 + D) B, h) float32: B rows, then a positive of each row for every level in turn.
            labels: (R, B, D) int64.
            prefix: (R, B) int64, prefix index of each row.
            keep: (R, B, J) float32, 1 for blocks that survive on the full path. The prefix path and the
                positives lose none; a row that would lose all keeps its first, for an embedding of zeros has
                no direction.

        Returns:
            (R,) float32 losses, before the step.
        """
        with torch.enable_grad():
            loss = self._loss(features, labels, prefix, keep)
            slopes = torch.autograd.grad(loss.sum(), self.parameters)
        for gradient, slope in zip(self.gradients, slopes, strict=True):
            gradient.copy_(slope)
        return loss.detach()

    def _loss(
        self, features: torch.Tensor, labels: torch.Tensor, prefix: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        rows, n_levels = prefix.shape[1], labels.shape[2]
        groups = [0, *(1 + level for level in self._levels)]
        chosen = features.view(len(features), 1 + n_levels, rows, -1)[:, groups].flatten(1, 2)
        dropout = self._dropout(n_levels, rows, groups, features.shape[2])
        anchors, *others = torch.split(blocks_of(self._weights, chosen, self.dims, dropout), rows, dim=1)
        positives = {
            level: full_of(self._weights, blocks) for level, blocks in zip(self._levels, others, strict=True)
        }
        saved = torch.cat([torch.maximum(keep[:, :, :1], 1 - keep.amax(2, keepdim=True)), keep[:, :, 1:]], 2)
        full = full_of(self._weights, anchors * saved[:, :, self._block_of])
        weights = self._full_weights[:, None, :].expand(-1, rows, -1)
        loss = self._path(full, positives, labels, weights, self._full_levels)
        within = (self._block_of <= prefix[:, :, None]).to(anchors.dtype)
        cut = functional.normalize(anchors * within, dim=2)
        weights = self._prefix_weights[self._runs, prefix]
        return loss + self._path(cut, positives, labels, weights, self._prefix_levels)

    def _path(
        self,
        embedding: torch.Tensor,
        positives: dict[int, torch.Tensor],
        labels: torch.Tensor,
        weights: torch.Tensor,
        levels: Sequence[int],
    ) -> torch.Tensor:
        """All three terms at every level for embeddings (R, B, d) with row weights (R, B, D)."""
        loss = embedding.new_zeros(embedding.shape[0])
        for level in levels:
            target, weight = labels[:, :, level], weights[:, :, level]
            loss = loss + contrastive(embedding, positives[level], weight)
            loss = loss + MARGIN_WEIGHT * margin_ranking(embedding, target, weight)
            loss = loss + cross_entropy(self._classify(embedding, level), target, weight)
        return loss

    def _classify(self, embedding: torch.Tensor, level: int) -> torch.Tensor:
        start = sum(self.classes[:level])
        seen = _normalised(embedding, self._weights["classifier_norm"][:, :, level])
        return _linear(self._weights, "classifier", seen, slice(start, start + self.classes[level]))

    def _dropout(self, n_levels: int, rows: int, groups: list[int], width: int) -> torch.Tensor:
        """Dropout factors (R, J, len(groups) B, 4 h).

        They are drawn for the positives of every level, needed or not, so that strategies of one seed share
        them and a run draws the same alone or in a fleet.
        """
        shape = (len(self.dims), 1 + n_levels, rows, EXPANSION * width)
        kept = np.stack([random.random(shape, np.float32)[:, groups] >= DROPOUT for random in self._random])
        factors = torch.from_numpy(kept).to(self._block_of.device).to(torch.float32)
        return factors.div_(1 - DROPOUT).flatten(2, 3)

    @torch.no_grad()
    def embed(self, run: int, features: torch.Tensor) -> torch.Tensor:
        """Full embeddings (n, d) of features (n, h) by one run, without dropout."""
        one = {name: tensor[run] for name, tensor in self._weights.items()}
        return fractal_prefixes(one, features, self.dims)[1]

    def weights(self, run: int) -> dict[str, torch.Tensor]:
        """A copy of one run's parameters by name, on the CPU."""
        return {name: tensor[run].detach().cpu().clone() for name, tensor in self._weights.items()}
