"""Training as a practitioner writes it: modules, autograd, fused AdamW, a batch at a time."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fractalctl.heads.arms import Arm, method_of
from fractalctl.heads.examples import EpochDraws, Examples, draw_epoch, draw_positives, held_out

Read = Callable[[torch.Tensor], torch.Tensor]
"""Gives the features (B, h) of rows (B,)."""


class PlainLinear(nn.Module):
    """A projection, and a classifier for each level."""

    def __init__(self, width: int, dims: tuple[int, ...], classes: tuple[int, ...]) -> None:
        super().__init__()
        self.projection = nn.Linear(width, dims[-1], bias=False)
        self.classifiers = nn.ModuleList(nn.Linear(dims[-1], count) for count in classes)


class PlainFractal(nn.Module):
    """One transformer block applied J times, read off after each, and a classifier for each level."""

    def __init__(self, width: int, dims: tuple[int, ...], classes: tuple[int, ...]) -> None:
        super().__init__()
        sizes = np.diff((0, *dims)).tolist()
        self.input, self.dropout = nn.Linear(width, width), nn.Dropout(0.1)
        self.attention_norm, self.hidden_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scales = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, s)) for s in sizes)
        self.full_norm = nn.LayerNorm(dims[-1])
        self.classifiers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(dims[-1]), nn.Linear(dims[-1], count)) for count in classes
        )

    def blocks(self, features: torch.Tensor) -> list[torch.Tensor]:
        injected = state = self.input(features)
        found = []
        for scale, project in enumerate(self.scales):
            state = state + self.output(self.value(self.attention_norm(state)))
            hidden = self.dropout(functional.gelu(self.expand(self.hidden_norm(state))))
            state = state + self.contract(hidden) + 0.1 / (1 + 0.3 * scale) * injected
            found.append(project(state))
        return found

    def full(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        return functional.normalize(self.full_norm(torch.cat(blocks, dim=1)), dim=1)


def linear_epoch(
    examples: Examples, arm: Arm, seed: int, read: Read | None = None, steps: int | None = None
) -> None:
    """One epoch of the linear head, or its first steps, with one prefix length per batch."""
    head = PlainLinear(examples.input_dimension, arm.dims, examples.classes)
    rows, draws = epoch_rows(examples, arm, seed)
    size, order = arm.settings.batch_size, torch.from_numpy(rows)
    keep = torch.from_numpy(draws.keep).float().repeat_interleave(arm.dims[0], dim=1)

    def loss(step: slice) -> torch.Tensor:
        embedding = head.projection((read or examples.take)(order[step])) * keep[step]
        return linear_loss(head, arm, embedding, examples.labels[order[step]], int(draws.prefix[step.start]))

    optimise(head, arm, loss, range(0, len(order), size)[:steps])


def fractal_epoch(examples: Examples, arm: Arm, seed: int) -> None:
    """One epoch of the fractal head, with positives of every level and a prefix length per row."""
    head = PlainFractal(examples.input_dimension, arm.dims, examples.classes)
    rows, draws = epoch_rows(examples, arm, seed)
    partners = torch.from_numpy(rows[draw_positives(seed, 1, examples.labels.numpy()[rows])])
    order, prefix = torch.from_numpy(rows), torch.from_numpy(draws.prefix)
    keep = torch.from_numpy(draws.keep).float()

    def loss(step: slice) -> torch.Tensor:
        return fractal_loss(head, arm, examples, order[step], partners[step], prefix[step], keep[step])

    optimise(head, arm, loss, range(0, len(order), arm.settings.batch_size))


def epoch_rows(examples: Examples, arm: Arm, seed: int) -> tuple[np.ndarray, EpochDraws]:
    """Training rows in the order of the first epoch, and what else is drawn for it."""
    rows = held_out(examples, arm.settings, seed).training
    objective = method_of(arm.method).objective(arm.settings, len(examples.classes))
    draws = draw_epoch(seed, 1, len(rows), objective, arm.settings)
    return rows[draws.order], draws


def optimise(head: nn.Module, arm: Arm, loss: Callable[[slice], torch.Tensor], starts: range) -> None:
    """A step of AdamW for each batch."""
    settings = arm.settings
    optimizer = torch.optim.AdamW(head.parameters(), settings.learning_rate, weight_decay=0.01, fused=True)
    for start in starts:
        optimizer.zero_grad()
        loss(slice(start, start + settings.batch_size)).backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), settings.clip_norm)
        optimizer.step()


def linear_loss(
    head: PlainLinear, arm: Arm, embedding: torch.Tensor, labels: torch.Tensor, prefix: int
) -> torch.Tensor:
    """The loss of Algorithm 1 for one batch with one prefix length; terms of weight zero are left out."""
    table, length = arm.settings, arm.dims[prefix]
    cut = functional.pad(embedding[:, :length], (0, arm.dims[-1] - length))
    weights = np.multiply(table.prefix[prefix], table.prefix_weight)
    loss = torch.zeros(())
    for level, classifier in enumerate(head.classifiers):
        if table.full[level]:
            term = functional.cross_entropy(classifier(embedding), labels[:, level])
            loss = loss + table.full[level] * term
        if weights[level]:
            loss = loss + float(weights[level]) * functional.cross_entropy(classifier(cut), labels[:, level])
    return loss


def fractal_loss(
    head: PlainFractal,
    arm: Arm,
    examples: Examples,
    rows: torch.Tensor,
    partners: torch.Tensor,
    prefix: torch.Tensor,
    keep: torch.Tensor,
) -> torch.Tensor:
    """InfoNCE, margin and cross-entropy on the full path and on each row's prefix."""
    table, labels = arm.settings, examples.labels[rows]
    blocks = head.blocks(examples.features[torch.cat([rows, *partners.T])])
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
