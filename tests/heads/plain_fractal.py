"""The fractal head and its loss in PyTorch modules and plain loops: the oracle of the fleet."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fractalctl.heads.fleet import Fleet
from fractalctl.heads.methods.supervision import Supervision, SupervisionMethod
from fractalctl.heads.trunks import trunk


def fleet_of(table: Supervision, width: int, classes: tuple[int, ...], seeds) -> Fleet:
    """Heads of a supervision, as training makes them."""
    objective = SupervisionMethod().objective(table, len(classes))
    place = torch.device("cpu")
    return Fleet(trunk(table.trunk), objective, width, table.dims, classes, seeds, place)


class PlainFractal(nn.Module):
    """One head, its attention with queries and keys; ``drop`` holds this pass's dropout factors by scale."""

    def __init__(self, width: int, table: Supervision, classes: tuple[int, ...], seed: int) -> None:
        super().__init__()
        dims = table.dims
        sizes = np.diff((0, *dims)).tolist()
        self.input = nn.Linear(width, width)
        self.attention_norm, self.hidden_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scales = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, s)) for s in sizes)
        self.full_norm = nn.LayerNorm(dims[-1])
        self.classifiers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(dims[-1]), nn.Linear(dims[-1], count)) for count in classes
        )
        drawn = fleet_of(table, width, classes, [seed]).weights(0)
        with torch.no_grad():
            self._fill(drawn, width, dims, classes)

    def _fill(self, drawn, width, dims, classes) -> None:
        linears = [("input", self.input), ("output", self.attention.out_proj)]
        linears += [("expand", self.expand), ("contract", self.contract)]
        for name, linear in linears:
            linear.weight.copy_(drawn[name].T)
            linear.bias.copy_(drawn[f"{name}_bias"])
        self.attention.in_proj_weight[2 * width :].copy_(drawn["value"].T)
        self.attention.in_proj_bias[2 * width :].copy_(drawn["value_bias"])
        for name, parts, sizes in (
            ("projection", self.scales, np.diff((0, *dims)).tolist()),
            ("classifier", self.classifiers, list(classes)),
        ):
            weights, biases = drawn[name].split(sizes, dim=1), drawn[f"{name}_bias"].split(sizes)
            for part, weight, bias in zip(parts, weights, biases, strict=True):
                part[1].weight.copy_(weight.T)
                part[1].bias.copy_(bias)

    def blocks(self, features: torch.Tensor, drop: torch.Tensor | None = None) -> list[torch.Tensor]:
        injected = state = self.input(features)
        found = []
        for scale, project in enumerate(self.scales):
            normed = self.attention_norm(state)[:, None]
            state = state + self.attention(normed, normed, normed)[0][:, 0]
            hidden = functional.gelu(self.expand(self.hidden_norm(state)))
            hidden = hidden if drop is None else hidden * drop[scale]
            state = state + self.contract(hidden) + 0.1 / (1 + 0.3 * scale) * injected
            found.append(project(state))
        return found

    def full(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        return functional.normalize(self.full_norm(torch.cat(blocks, dim=1)), dim=1)


def plain_contrastive(anchors, positives, weights) -> torch.Tensor:
    total = 0
    for row, anchor in enumerate(anchors):
        similarity = torch.stack([anchor @ positive / 0.07 for positive in positives])
        total = total - weights[row] * torch.log(torch.softmax(similarity, 0)[row])
    return total / len(anchors)


def plain_margin(embeddings, labels, weights) -> torch.Tensor:
    terms = []
    for i, anchor in enumerate(embeddings):
        negatives = [n for n in range(len(labels)) if labels[n] != labels[i]]
        for p in range(len(labels)):
            if p != i and labels[p] == labels[i] and negatives:
                gaps = [torch.relu(0.2 + anchor @ embeddings[n] - anchor @ embeddings[p]) for n in negatives]
                terms.append(weights[i] * torch.stack(gaps).mean())
    return torch.stack(terms).mean() if terms else torch.zeros(())


def plain_loss(
    head: PlainFractal, table: Supervision, features, labels, prefix, keep, drop: torch.Tensor
) -> torch.Tensor:
    """The whole loss of one batch: features (1 + D, B, h), drop (J, 1 + D, B, 4 h)."""
    anchors, *positives = (head.blocks(rows, drop[:, group]) for group, rows in enumerate(features))
    full = head.full([block * keep[:, j, None] for j, block in enumerate(anchors)])
    cut = torch.stack(
        [
            torch.cat([block[row] * (j <= prefix[row]) for j, block in enumerate(anchors)])
            for row in range(len(labels))
        ]
    )
    full_weights = torch.tensor(table.full).expand(len(labels), -1)
    cut_weights = table.prefix_weight * torch.tensor([table.prefix[j] for j in prefix])
    total = torch.zeros(())
    for embedding, weights in ((full, full_weights), (functional.normalize(cut, dim=1), cut_weights)):
        for level, classifier in enumerate(head.classifiers):
            weight, target = weights[:, level], labels[:, level]
            total = total + plain_contrastive(embedding, head.full(positives[level]), weight)
            total = total + 0.5 * plain_margin(embedding, target, weight)
            each = functional.cross_entropy(classifier(embedding), target, reduction="none")
            total = total + (weight * each).mean()
    return total
