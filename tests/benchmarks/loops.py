"""Training as a practitioner writes it: modules, autograd, fused AdamW, a batch at a time."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from fractalctl.heads.draws import draw_epoch, draw_positives, hold_out
from fractalctl.heads.examples import Examples
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.training import Run
from tests.heads.plain import PlainHead
from tests.heads.plain_fractal import PlainFractal


def linear_epoch(
    examples: Examples,
    run: Run,
    recipe: TrainingRecipe,
    read: Callable[[torch.Tensor], torch.Tensor],
    steps: int | None = None,
) -> None:
    """One epoch of the linear head, or its first steps.

    Args:
        examples: their labels, and how many there are.
        run: what to train.
        recipe: hyperparameters; one prefix length per batch.
        read: gives the features (B, h) of rows (B,).
        steps: how many; None for all.
    """
    held = hold_out(examples.labels[:, -1].numpy(), recipe.holdout, run.seed)
    draws = draw_epoch(run.seed, 1, len(held.training), run.supervision, recipe)
    head = PlainHead(examples.input_dimension, recipe, examples.classes, run.seed)
    optimizer = torch.optim.AdamW(head.parameters(), recipe.learning_rate, weight_decay=0.01, fused=True)
    order = torch.from_numpy(held.training[draws.order])
    keep = torch.from_numpy(draws.keep).float().repeat_interleave(recipe.dims[0], dim=1)
    for start in range(0, len(order), recipe.batch_size)[:steps]:
        step = slice(start, start + recipe.batch_size)
        optimizer.zero_grad()
        embedding = head.projection(read(order[step])) * keep[step]
        labels = examples.labels[order[step]]
        linear_loss(head, run, recipe, embedding, labels, int(draws.prefix[start])).backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), recipe.clip_norm)
        optimizer.step()


def linear_loss(
    head: PlainHead,
    run: Run,
    recipe: TrainingRecipe,
    embedding: torch.Tensor,
    labels: torch.Tensor,
    prefix: int,
) -> torch.Tensor:
    """The loss of Algorithm 1 for one batch with one prefix length; terms of weight zero are left out."""
    table, length = run.supervision, recipe.dims[prefix]
    cut = functional.pad(embedding[:, :length], (0, recipe.dimension - length))
    weights = np.multiply(table.prefix[prefix], table.prefix_weight)
    loss = torch.zeros(())
    for level, classifier in enumerate(head.classifiers):
        if table.full[level]:
            term = functional.cross_entropy(classifier(embedding), labels[:, level])
            loss = loss + table.full[level] * term
        if weights[level]:
            loss = loss + float(weights[level]) * functional.cross_entropy(classifier(cut), labels[:, level])
    return loss


def fractal_epoch(examples: Examples, run: Run, recipe: TrainingRecipe) -> None:
    """One epoch of the fractal head, with dropout and positives of every level that the table asks for."""
    held = hold_out(examples.labels[:, -1].numpy(), recipe.holdout, run.seed)
    draws = draw_epoch(run.seed, 1, len(held.training), run.supervision, recipe)
    head = PlainFractal(examples.input_dimension, recipe.dims, examples.classes, run.seed)
    optimizer = torch.optim.AdamW(head.parameters(), recipe.learning_rate, weight_decay=0.01, fused=True)
    rows = held.training[draws.order]
    partners = torch.from_numpy(rows[draw_positives(run.seed, 1, examples.labels.numpy()[rows])])
    order, prefix = torch.from_numpy(rows), torch.from_numpy(draws.prefix)
    keep = torch.from_numpy(draws.keep).float()
    for start in range(0, len(order), recipe.batch_size):
        step = slice(start, start + recipe.batch_size)
        optimizer.zero_grad()
        fractal_loss(head, run, examples, order[step], partners[step], prefix[step], keep[step]).backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), recipe.clip_norm)
        optimizer.step()


def fractal_loss(
    head: PlainFractal,
    run: Run,
    examples: Examples,
    rows: torch.Tensor,
    partners: torch.Tensor,
    prefix: torch.Tensor,
    keep: torch.Tensor,
) -> torch.Tensor:
    """InfoNCE, margin and cross-entropy on the full path and on each row's prefix."""
    table, labels = run.supervision, examples.labels[rows]
    groups = torch.cat([rows, *partners.T])
    ones = torch.ones(len(head.scales), len(groups), head.expand.out_features)
    blocks = head.blocks(examples.features[groups], functional.dropout(ones, 0.1))
    anchors = [block[: len(rows)] for block in blocks]
    positives = head.full(blocks).split(len(rows))[1:]
    full = head.full([block * keep[:, j, None] for j, block in enumerate(anchors)])
    cut = torch.cat([block * (j <= prefix)[:, None] for j, block in enumerate(anchors)], dim=1)
    cut_weights = table.prefix_weight * torch.tensor(table.prefix)[prefix]
    full_weights = torch.tensor(table.full).expand_as(cut_weights)
    loss = torch.zeros(())
    for embedding, weights in ((full, full_weights), (functional.normalize(cut, dim=1), cut_weights)):
        for level, classifier in enumerate(head.classifiers):
            weight, target = weights[:, level], labels[:, level]
            if not weight.any():
                continue
            found = torch.log_softmax(embedding @ positives[level].T / 0.07, dim=1).diagonal()
            loss = loss - (weight * found).mean() + 0.5 * margin(embedding, target, weight)
            each = functional.cross_entropy(classifier(embedding), target, reduction="none")
            loss = loss + (weight * each).mean()
    return loss


def margin(embedding: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Margin ranking over all pairs of one class and all rows of another."""
    similarity = embedding @ embedding.T
    same = target[:, None] == target[None, :]
    negative = (~same).float() / (~same).sum(1, keepdim=True).clamp(min=1)
    positive = (same & ~torch.eye(len(target), dtype=torch.bool)).float()
    excess = torch.relu(similarity[:, None, :] - similarity[:, :, None] + 0.2)
    shortfall = (excess * negative[:, None, :]).sum(2)
    return (shortfall * positive * weight[:, None]).sum() / positive.sum().clamp(min=1)
