"""Losses, for R heads at once: each takes a weight per row and returns one number per head."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional

TEMPERATURE = 0.07
"""Of InfoNCE (published runs)."""
MARGIN = 0.2
"""By which a positive pair is to be more similar than a negative one (published runs)."""


@dataclass(frozen=True)
class View:
    """What a loss sees of a batch.

    Attributes:
        embedding: (R, B, m) one part of the embedding: its columns, or all d with zeros where a prefix is
            drawn anew for each row.
        labels: (R, B) classes at the term's level.
        weights: (R, B) of the rows.
        logits: gives (R, B, K) class scores of the embedding at the term's level.
        log_shares: gives `log_shares` (R, B, B) at a temperature; terms on one part share them.
        levels: (R, B, D) classes at every level.
        positives: full embeddings (R, B, d) of another row of each row's class, for a loss that contrasts.
        features: (R, B, h) that the trunk was given, standardised if the settings say so.
        feature_shares: gives `log_shares` (R, B, B) of the features at a temperature, without a gradient.
        parameters: the loss's own, by the names of its `Loss.shapes`, with a leading dimension R.
        trunk: its weights by name, with a leading dimension R.
        embed: gives the same part (R, n, m) of other features (R, n, h), without dropout.
        uniform: draws numbers between 0 and 1, (R, *shape), from each head's own stream.
    """

    embedding: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    logits: Callable[[], torch.Tensor]
    log_shares: Callable[[float], torch.Tensor]
    levels: torch.Tensor
    positives: torch.Tensor | None
    features: torch.Tensor
    feature_shares: Callable[[float], torch.Tensor]
    parameters: Mapping[str, torch.Tensor]
    trunk: Mapping[str, torch.Tensor]
    embed: Callable[[torch.Tensor], torch.Tensor]
    uniform: Callable[[tuple[int, ...]], torch.Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss that terms can name.

    Attributes:
        measure: from a view and the term's options to (R,) losses.
        classifies: whether it takes class scores; one classifier per level serves all parts of the embedding.
        contrasts: whether it takes positives.
        shapes: gives the shapes of parameters of its own, trained with the head, from the columns of the part
            and the number of classes at the level; names are those of `trunks.initial_weights`.
    """

    measure: Callable[..., torch.Tensor]
    classifies: bool = False
    contrasts: bool = False
    shapes: Callable[[int, int], dict[str, tuple[int, ...]]] | None = None


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean (R,) of the cross-entropies of logits (R, B, K) with labels (R, B)."""
    each = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    return (each * weights).mean(dim=1)


def info_nce(
    anchors: torch.Tensor, positives: torch.Tensor, weights: torch.Tensor, temperature: float = TEMPERATURE
) -> torch.Tensor:
    """InfoNCE: find each anchor's positive among those of the whole batch (van den Oord et al. 2018, Eq. 4).

    Args:
        anchors: (R, B, d), compared by direction.
        positives: (R, B, d); row i is the positive of anchor i.
        weights: (R, B).

    Returns (R,) weighted mean over B rows.
    """
    anchors, positives = functional.normalize(anchors, dim=2), functional.normalize(positives, dim=2)
    similarity = torch.bmm(anchors, positives.transpose(1, 2)) / temperature
    found = torch.log_softmax(similarity, dim=2).diagonal(dim1=1, dim2=2)
    return -(found * weights).mean(dim=1)


def margin_ranking(embeddings: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """How far pairs of a class fall short of all pairs of different classes, by a margin (published runs).

    Args:
        embeddings: (R, B, d), compared by direction.
        labels: (R, B) classes.
        weights: (R, B), of each pair's first row.

    Returns:
        (R,) mean over pairs of a class, of the mean over the first row's negatives; 0 where there is no pair.
    """
    similarity, same = cosines(embeddings), alike(labels)
    negative = (~same).to(similarity.dtype)
    n_negatives = negative.sum(dim=2)
    positive = same.to(similarity.dtype) - torch.eye(same.shape[1], device=same.device)
    positive = positive * (n_negatives > 0)[:, :, None]
    excess = torch.relu(similarity[:, :, None, :] - similarity[:, :, :, None] + MARGIN)
    shortfall = torch.einsum("ripn,rin->rip", excess, negative / n_negatives.clamp(min=1)[:, :, None])
    total = (shortfall * positive * weights[:, :, None]).sum(dim=(1, 2))
    return total / positive.sum(dim=(1, 2)).clamp(min=1)


def log_shares(embeddings: torch.Tensor, temperature: float) -> torch.Tensor:
    """The log-softmax of each row's cosines with all others, divided by a temperature; 0 with itself.

    Args:
        embeddings: (R, B, d), compared by direction.

    Returns (R, B, B), a row for each anchor.
    """
    embeddings = functional.normalize(embeddings, dim=2)
    itself = torch.eye(embeddings.shape[1], dtype=torch.bool, device=embeddings.device)
    similarity = torch.bmm(embeddings / temperature, embeddings.transpose(1, 2))
    return torch.log_softmax(similarity.masked_fill(itself, -torch.inf), dim=2).masked_fill(itself, 0)


def supervised_contrastive(shares: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Find all rows of an anchor's class among all other rows (Khosla et al. 2020, Eq. 2, L_out).

        L_i = -1/|P(i)| sum_{p in P(i)} log( exp(s_ip / t) / sum_{a != i} exp(s_ia / t) )

    Args:
        shares: (R, B, B) as `log_shares` gives them at temperature t.
        labels: (R, B) classes; P(i) are the other rows of row i's class.
        weights: (R, B), of each anchor.

    Returns (R,) weighted mean over the anchors that have a positive; 0 where none has.
    """
    same = alike(labels).to(shares.dtype)
    n_positives = same.sum(dim=2) - 1
    each = -(shares * same).sum(dim=2) / n_positives.clamp(min=1)
    return (each * weights).sum(dim=1) / (n_positives > 0).sum(dim=1).clamp(min=1)


def distillation(shares: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Keep the neighbours that others have found, labels or not (Passalis and Tefas 2018, Eq. 5).

        L_i = sum_{a != i} p_ia log(p_ia / q_ia)

    Args:
        shares: (R, B, B) log q, as `log_shares` gives them.
        wanted: (R, B, B) log p, likewise, of what is to be kept.
        weights: (R, B), of each row i.

    Returns (R,) weighted mean over B rows; 0 where nothing was lost.
    """
    each = functional.kl_div(shares, wanted, reduction="none", log_target=True).sum(dim=2)
    return (each * weights).mean(dim=1)


def cosines(embeddings: torch.Tensor) -> torch.Tensor:
    """Cosines (R, B, B) of every two rows of embeddings (R, B, m); 0 with a row of zeros."""
    unit = functional.normalize(embeddings, dim=2)
    return torch.bmm(unit, unit.transpose(1, 2))


def alike(labels: torch.Tensor) -> torch.Tensor:
    """Which two rows (R, B, B) of labels (R, B) are of one class."""
    return labels[:, :, None] == labels[:, None, :]


def over_triplets(
    cosines: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    penalty: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """How much more similar rows of another class are than rows of one's own, over all triplets of a batch.

    Only pairs of a class are laid out, which are few where classes are many.

    Args:
        cosines: (R, B, B) of every two rows.
        labels: (R, B) classes.
        weights: (R, B) of the first row of each triplet.
        penalty: of the cosine with a row of another class less that with one of the own class.

    Returns:
        (R,) mean over pairs of a class of the mean over rows of other classes; 0 where there is no triplet.
    """
    same = alike(labels)
    positive = same & ~torch.eye(same.shape[1], dtype=torch.bool, device=same.device)
    positive &= ~same.all(dim=2, keepdim=True)
    head, first, second = positive.nonzero(as_tuple=True)
    negative = (~same[head, first]).to(cosines.dtype)
    excess = cosines[head, first] - cosines[head, first, second][:, None]
    each = (penalty(excess) * negative).sum(dim=1) / negative.sum(dim=1)
    laid = torch.zeros_like(cosines).index_put((head, first, second), each * weights[head, first])
    return laid.sum(dim=(1, 2)) / positive.sum(dim=(1, 2)).clamp(min=1)


LOSSES: Mapping[str, Loss] = {
    "cross-entropy": Loss(
        lambda view: cross_entropy(view.logits(), view.labels, view.weights), classifies=True
    ),
    "distillation": Loss(
        lambda view, temperature=0.1: distillation(
            view.log_shares(temperature), view.feature_shares(temperature), view.weights
        )
    ),
    "info-nce": Loss(
        lambda view, **options: info_nce(view.embedding, view.positives, view.weights, **options),
        contrasts=True,
    ),
    "margin": Loss(lambda view: margin_ranking(view.embedding, view.labels, view.weights)),
    "ranking": Loss(
        lambda view: over_triplets(cosines(view.embedding), view.labels, view.weights, functional.softplus)
    ),
    "supervised-contrastive": Loss(
        lambda view, temperature=0.1: supervised_contrastive(
            view.log_shares(temperature), view.labels, view.weights
        )
    ),
}
"""Losses by the name that terms call them."""


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
    """Weighted cross-entropies of all levels, of embeddings and of their prefixes, in one pass.

        L = sum_l F[l] CE_l(C_l e + b_l) + sum_l T[j, l] CE_l(C_l e_{1:j} + b_l)

    A prefix is padded with zeros, and one classifier per level serves both. Logits are a sum over blocks, so
    one product per block serves the whole and the prefix; on the way back the two slopes are added first,
    block by block. Either way that is half the work of two classifications, and writing out the gradient
    spares most of autograd's bookkeeping, which would be most of the cost of a step on 16 rows.

    Args:
        embedding: (R, B, d).
        classifier: (R, d, K), columns of all levels side by side.
        bias: (R, K).
        labels: (R, B, D) int64.
        weights: (R, 2B, D) of each cross-entropy: B full embeddings first, then B prefixes.
        within: (R, B, J) 1 for the blocks that belong to a row's prefix, else 0.
        dims: ascending prefix lengths.
        classes: number of classes of each level, K in all.

    Returns (R,) sums over rows and levels.
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
