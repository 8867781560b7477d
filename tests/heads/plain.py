"""Algorithm 1 of the paper as one would write it with PyTorch modules: the oracle of fleet training."""

import numpy as np
import torch

from fractalctl.heads.draws import draw_epoch, hold_out
from fractalctl.heads.examples import Examples
from fractalctl.heads.linear import initial_weights
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.training import Run


class PlainHead(torch.nn.Module):
    """A projection and one classifier per level; initial weights are those of the run's seed."""

    def __init__(self, width: int, recipe: TrainingRecipe, classes: tuple[int, ...], seed: int) -> None:
        super().__init__()
        shapes = {
            "projection": (width, recipe.dimension),
            "classifier": (recipe.dimension, sum(classes)),
            "bias": (sum(classes),),
        }
        drawn = initial_weights(shapes, seed)
        self.projection = torch.nn.Linear(width, recipe.dimension, bias=False)
        self.classifiers = torch.nn.ModuleList(torch.nn.Linear(recipe.dimension, count) for count in classes)
        with torch.no_grad():
            self.projection.weight.copy_(torch.from_numpy(drawn["projection"].T))
            start = 0
            for classifier, count in zip(self.classifiers, classes, strict=True):
                classifier.weight.copy_(torch.from_numpy(drawn["classifier"][:, start : start + count].T))
                classifier.bias.copy_(torch.from_numpy(drawn["bias"][start : start + count]))
                start += count


def plain_loss(
    head: PlainHead,
    run: Run,
    dims: tuple[int, ...],
    features: torch.Tensor,
    labels: torch.Tensor,
    prefix: np.ndarray,
    keep: np.ndarray,
) -> torch.Tensor:
    """Lines 3 to 14 of Algorithm 1, row by row."""
    table = run.supervision
    cross_entropy = torch.nn.functional.cross_entropy
    embeddings = head.projection(features)
    total = torch.zeros(())
    for row, embedding in enumerate(embeddings):
        blocks = [
            part if kept else torch.zeros_like(part)
            for part, kept in zip(embedding.tensor_split(dims[:-1]), keep[row], strict=True)
        ]
        full = torch.cat(blocks)
        j = prefix[row]
        padded = torch.cat([*blocks[: j + 1], torch.zeros(dims[-1] - dims[j])])
        for level, classifier in enumerate(head.classifiers):
            total = total + table.full[level] * cross_entropy(classifier(full), labels[row, level])
            weight = table.prefix_weight * table.prefix[j][level]
            total = total + weight * cross_entropy(classifier(padded), labels[row, level])
    return total / len(features)


def train_plainly(examples: Examples, run: Run, recipe: TrainingRecipe) -> tuple[PlainHead, list[float]]:
    """Train one run with autograd, PyTorch's AdamW, its gradient clipping and its cosine schedule."""
    held = hold_out(examples.labels[:, -1].numpy(), recipe.holdout, run.seed)
    rows = len(held.training)
    head = PlainHead(examples.input_dimension, recipe, examples.classes, run.seed)
    optimizer = torch.optim.AdamW(head.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * -(-rows // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for epoch in range(1, recipe.epochs + 1):
        draws, total = draw_epoch(run.seed, epoch, rows, run.supervision, recipe), 0.0
        for start in range(0, rows, recipe.batch_size):
            step = slice(start, start + recipe.batch_size)
            batch = torch.from_numpy(held.training[draws.order[step]])
            optimizer.zero_grad()
            loss = plain_loss(
                head,
                run,
                recipe.dims,
                examples.take(batch),
                examples.labels[batch],
                draws.prefix[step],
                draws.keep[step],
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), recipe.clip_norm)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        losses.append(total / rows)
    return head, losses
