"""Losses, for R heads at once: each takes a weight per row and returns one number per head."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
        embedding: (R, B, d) one part of the embedding.
        labels: (R, B) classes at the term's level.
        weights: (R, B) of the rows.
        logits: gives (R, B, K) class scores of the embedding at the term's level.
        positives: full embeddings (R, B, d) of another row of each row's class, for a loss that contrasts.
    """

    embedding: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    logits: Callable[[], torch.Tensor]
    positives: torch.Tensor | None = None


@dataclass(frozen=True)
class Loss:
    """A loss that terms can name.

    Attributes:
        measure: from a view and the term's options to (R,) losses.
        classifies: whether it takes class scores; one classifier per level serves all parts of the embedding.
        contrasts: whether it takes positives.
    """

    measure: Callable[..., torch.Tensor]
    classifies: bool = False
    contrasts: bool = False


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
        temperature: of the softmax.

    Returns:
        (R,) weighted mean over B rows.
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
    embeddings = functional.normalize(embeddings, dim=2)
    similarity = torch.bmm(embeddings, embeddings.transpose(1, 2))
    same = labels[:, :, None] == labels[:, None, :]
    negative = (~same).to(similarity.dtype)
    n_negatives = negative.sum(dim=2)
    positive = same.to(similarity.dtype) - torch.eye(same.shape[1], device=same.device)
    positive = positive * (n_negatives > 0)[:, :, None]
    excess = torch.relu(similarity[:, :, None, :] - similarity[:, :, :, None] + MARGIN)
    shortfall = torch.einsum("ripn,rin->rip", excess, negative / n_negatives.clamp(min=1)[:, :, None])
    total = (shortfall * positive * weights[:, :, None]).sum(dim=(1, 2))
    return total / positive.sum(dim=(1, 2)).clamp(min=1)


def supervised_contrastive(
    embeddings: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, temperature: float = 0.1
) -> torch.Tensor:
    """Find all rows of an anchor's class among all other rows (Khosla et al. 2020, Eq. 2, L_out).

        L_i = -1/|P(i)| sum_{p in P(i)} log( exp(s_ip / t) / sum_{a != i} exp(s_ia / t) )

    Args:
        embeddings: (R, B, d), compared by direction.
        labels: (R, B) classes; P(i) are the other rows of row i's class.
        weights: (R, B), of each anchor.
        temperature: t.

    Returns:
        (R,) weighted mean over the anchors that have a positive; 0 where none has.
    """
    embeddings = functional.normalize(embeddings, dim=2)
    rows = embeddings.shape[1]
    itself = torch.eye(rows, dtype=torch.bool, device=embeddings.device)
    similarity = torch.bmm(embeddings, embeddings.transpose(1, 2)) / temperature
    found = torch.log_softmax(similarity.masked_fill(itself, -torch.inf), dim=2).masked_fill(itself, 0)
    positive = (labels[:, :, None] == labels[:, None, :]) & ~itself
    n_positives = positive.sum(dim=2)
    each = -(found * positive).sum(dim=2) / n_positives.clamp(min=1)
    return (each * weights).sum(dim=1) / (n_positives > 0).sum(dim=1).clamp(min=1)


LOSSES: Mapping[str, Loss] = {
    "cross-entropy": Loss(
        lambda view: cross_entropy(view.logits(), view.labels, view.weights), classifies=True
    ),
    "info-nce": Loss(
        lambda view, **options: info_nce(view.embedding, view.positives, view.weights, **options),
        contrasts=True,
    ),
    "margin": Loss(lambda view: margin_ranking(view.embedding, view.labels, view.weights)),
    "supervised-contrastive": Loss(
        lambda view, **options: supervised_contrastive(view.embedding, view.labels, view.weights, **options)
    ),
}
"""Losses by the name that terms call them."""
