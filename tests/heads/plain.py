"""Algorithm 1 of the paper as one would write it with PyTorch modules: the oracle of fleet training."""

import numpy as np
import torch

from fractalctl.heads.examples import Examples, draw_epoch, hold_out
from fractalctl.heads.methods.supervision import Supervision, SupervisionMethod
from fractalctl.heads.trunks import initial_weights


class PlainHead(torch.nn.Module):
    """A projection and one classifier per level; initial weights are those of the run's seed."""

    def __init__(self, width: int, dimension: int, classes: tuple[int, ...], seed: int) -> None:
        super().__init__()
        shapes = {
            "projection": (width, dimension),
            "classifier": (dimension, sum(classes)),
            "classifier_bias": (sum(classes),),
        }
        drawn = initial_weights(shapes, seed)
        self.projection = torch.nn.Linear(width, dimension, bias=False)
        self.classifiers = torch.nn.ModuleList(torch.nn.Linear(dimension, count) for count in classes)
        with torch.no_grad():
            self.projection.weight.copy_(torch.from_numpy(drawn["projection"].T))
            start = 0
            for classifier, count in zip(self.classifiers, classes, strict=True):
                classifier.weight.copy_(torch.from_numpy(drawn["classifier"][:, start : start + count].T))
                classifier.bias.copy_(torch.from_numpy(drawn["classifier_bias"][start : start + count]))
                start += count


def plain_loss(
    head: PlainHead,
    table: Supervision,
    features: torch.Tensor,
    labels: torch.Tensor,
    prefix: np.ndarray,
    keep: np.ndarray,
) -> torch.Tensor:
    """Lines 3 to 14 of Algorithm 1, row by row."""
    dims = table.dims
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


def train_plainly(examples: Examples, table: Supervision, seed: int) -> tuple[PlainHead, list[float]]:
    """Train one head with autograd, PyTorch's AdamW, its gradient clipping and its cosine schedule."""
    examples = examples.standardised() if table.standardise else examples
    held = hold_out(examples.labels[:, -1].numpy(), table.holdout, seed)
    rows = len(held.training)
    head = PlainHead(examples.input_dimension, table.dimension, examples.classes, seed)
    objective = SupervisionMethod().objective(table, len(examples.classes))
    optimizer = torch.optim.AdamW(head.parameters(), table.learning_rate, weight_decay=table.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, table.total_steps(rows))
    losses = []
    for epoch in range(1, table.epochs + 1):
        draws, total = draw_epoch(seed, epoch, rows, objective, table), 0.0
        for start in range(0, rows, table.batch_size):
            step = slice(start, start + table.batch_size)
            batch = torch.from_numpy(held.training[draws.order[step]])
            optimizer.zero_grad()
            inputs, labels = examples.take(batch), examples.labels[batch]
            loss = plain_loss(head, table, inputs, labels, draws.prefix[step], draws.keep[step])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), table.clip_norm)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        losses.append(total / rows)
    return head, losses
