"""Cross-entropies of a full embedding and of its prefix in one pass, with the gradient written out.

    L = sum_l F[l] CE_l(C_l e + b_l) + sum_l T[j, l] CE_l(C_l e_{1:j} + b_l)

A prefix is padded with zeros, and one classifier per level serves both. Logits are a sum over blocks, so one
product per block serves the whole and the prefix; on the way back the two slopes are added first, block by
block. Either way that is half the work of two classifications, and it spares most of autograd's bookkeeping,
which would be most of the cost of a step on 16 rows.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch


def prefix_cross_entropy(
    embedding: torch.Tensor,
    classifier: torch.Tensor,
    bias: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    within: torch.Tensor,
    dims: Sequence[int],
    classes: Sequence[int],
) -> torch.Tensor:
    """Weighted cross-entropies of all levels, of embeddings and of their prefixes.

    Args:
        embedding: (R, B, d).
        classifier: (R, d, K), columns of all levels side by side.
        bias: (R, K).
        labels: (R, B, D) int64.
        weights: (R, 2B, D) of each cross-entropy: B full embeddings first, then B prefixes.
        within: (R, B, J) 1 for the blocks that belong to a row's prefix, else 0.
        dims: ascending prefix lengths.
        classes: number of classes of each level, K in all.

    Returns:
        (R,) sums over rows and levels.
    """
    blocks = tuple(pairwise((0, *dims)))
    inputs = (embedding, classifier, bias, labels, weights, within, blocks, tuple(classes))
    loss: torch.Tensor = _PrefixCrossEntropy.apply(*inputs)  # type: ignore[no-untyped-call]  # torch's own
    return loss


class _PrefixCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        embedding: torch.Tensor,
        classifier: torch.Tensor,
        bias: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
        within: torch.Tensor,
        blocks: tuple[tuple[int, int], ...],
        classes: tuple[int, ...],
    ) -> torch.Tensor:
        rows = embedding.shape[1]
        logits = bias[:, None].expand(-1, 2 * rows, -1).contiguous()
        full, cut = torch.split(logits, rows, dim=1)
        for block, (start, stop) in enumerate(blocks):
            part = torch.bmm(embedding[:, :, start:stop], classifier[:, start:stop])
            full += part
            cut.addcmul_(part, within[:, :, block, None])
        loss = _differentiate(logits, torch.cat([labels, labels], dim=1), weights, classes)
        ctx.save_for_backward(embedding, classifier, within, logits)
        ctx.blocks = blocks
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        embedding, classifier, within, slope = ctx.saved_tensors
        slope = slope * upstream[:, None, None]
        full, cut = torch.split(slope, embedding.shape[1], dim=1)
        of_embedding, of_classifier = torch.empty_like(embedding), torch.empty_like(classifier)
        for block, (start, stop) in enumerate(ctx.blocks):
            both = torch.addcmul(full, cut, within[:, :, block, None])
            inputs = embedding[:, :, start:stop].transpose(1, 2)
            torch.bmm(inputs, both, out=of_classifier[:, start:stop])
            torch.bmm(both, classifier[:, start:stop].transpose(1, 2), out=of_embedding[:, :, start:stop])
        return of_embedding, of_classifier, slope.sum(dim=1), None, None, None, None, None


def _differentiate(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, classes: Sequence[int]
) -> torch.Tensor:
    """Weighted cross-entropies (R,) of logits (R, n, K) of all levels; the logits become their slope."""
    loss = logits.new_zeros(logits.shape[0])
    for level, part in enumerate(torch.split(logits, list(classes), dim=2)):
        target, weight = labels[:, :, level, None], weights[:, :, level, None]
        part -= part.amax(dim=2, keepdim=True)
        own = part.gather(2, target)
        total = part.exp_().sum(dim=2, keepdim=True)
        loss += ((total.log() - own) * weight).sum(dim=(1, 2))
        part *= weight / total
        part.scatter_add_(2, target, -weight)
    return loss
