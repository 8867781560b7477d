"""Loss terms of the fractal head, for R runs at once.

Every term takes a weight per row, zero for rows that it does not concern, and returns one loss per run.
"""

import torch
from torch.nn import functional

TEMPERATURE = 0.07
"""Of the contrastive term (published runs)."""
MARGIN = 0.2
"""By which a positive pair is to be more similar than a negative one (published runs)."""


def contrastive(anchors: torch.Tensor, positives: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """InfoNCE: find each anchor's positive among those of the whole batch (van den Oord et al. 2018, Eq. 4).

    Args:
        anchors: (R, B, d) of unit length.
        positives: (R, B, d) of unit length; row i is the positive of anchor i.
        weights: (R, B).

    Returns:
        (R,) weighted mean over B rows.
    """
    similarity = torch.bmm(anchors, positives.transpose(1, 2)) / TEMPERATURE
    found = torch.log_softmax(similarity, dim=2).diagonal(dim1=1, dim2=2)
    return -(found * weights).mean(dim=1)


def margin_ranking(embeddings: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """How far each pair of one class falls short of all pairs of different classes, by a margin.

    Args:
        embeddings: (R, B, d) of unit length.
        labels: (R, B) classes.
        weights: (R, B), of each pair's first row.

    Returns:
        (R,) mean over pairs of a class, of the mean over the first row's negatives; 0 where there is no pair.
    """
    similarity = torch.bmm(embeddings, embeddings.transpose(1, 2))
    same = labels[:, :, None] == labels[:, None, :]
    negative = (~same).to(similarity.dtype)
    n_negatives = negative.sum(dim=2)
    positive = same.to(similarity.dtype) - torch.eye(same.shape[1], device=same.device)
    positive = positive * (n_negatives > 0)[:, :, None]
    excess = torch.relu(similarity[:, :, None, :] - similarity[:, :, :, None] + MARGIN)
    shortfall = torch.einsum("ripn,rin->rip", excess, negative / n_negatives.clamp(min=1)[:, :, None])
    return (shortfall * positive * weights[:, :, None]).sum(dim=(1, 2)) / positive.sum(dim=(1, 2)).clamp(
        min=1
    )


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean (R,) of the cross-entropies of logits (R, B, K) with labels (R, B)."""
    each = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    return (each * weights).mean(dim=1)
