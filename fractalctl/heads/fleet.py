"""Heads of one arm, stacked along a leading dimension, and their loss on a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from fractalctl.heads.classify import prefix_cross_entropy
from fractalctl.heads.losses import LOSSES, Loss, View
from fractalctl.heads.terms import DRAWN, FULL, Objective, Part, Term, Where
from fractalctl.heads.trunks import Shapes, Trunk, affine, initial_weights, layer_norm
from fractalctl.randomness import Purpose, generator


@dataclass(frozen=True)
class Batch:
    """What one step of R heads takes.

    Attributes:
        features: (R, P B, h) float32: B rows, then a positive of each row for every contrasted level in turn.
        labels: (R, B, D) int64.
        prefix: (R, B) int64, prefix index of each row.
        keep: (R, B, J) float32, 1 for blocks that survive block dropout.
    """

    features: torch.Tensor
    labels: torch.Tensor
    prefix: torch.Tensor
    keep: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Term:
    """A term made ready: its loss looked up, its level from 0, its weight for each prefix length (J,)."""

    loss: Loss
    level: int
    where: Where
    weights: torch.Tensor
    options: dict[str, object]


class Fleet:
    """R heads that are stepped together.

    Args:
        trunk: carries the losses.
        objective: what is minimised.
        width: h, length of a feature.
        dims: ascending prefix lengths; the last is d.
        classes: number of classes of each level, coarsest first.
        seeds: R seeds; each fixes its head's initial weights and dropout.
        device: where the parameters live.

    Attributes:
        parameters: by name, with a leading dimension R, float32.
        contrasted: levels for which a step takes positives, ascending.
    """

    def __init__(
        self,
        trunk: Trunk,
        objective: Objective,
        width: int,
        dims: Sequence[int],
        classes: Sequence[int],
        seeds: Sequence[int],
        device: torch.device,
    ) -> None:
        self._trunk, self._dims, self._classes = trunk, tuple(dims), tuple(classes)
        terms = [_ready(term, len(dims), len(classes), device) for term in objective.terms]
        self.contrasted = sorted({term.level for term in terms if term.loss.contrasts})
        self._joint = [] if trunk.unit else [term for term in terms if _is_joint(term)]
        self._single = [term for term in terms if term not in self._joint]
        self._drops_blocks = any(share < 1 for share in objective.keep)

        shapes = trunk.shapes(width, dims)
        if any(term.loss.classifies for term in terms):
            shapes |= _classifier_shapes(dims[-1], classes, normalised=trunk.unit)
        drawn = [initial_weights(shapes, seed) for seed in seeds]
        self.parameters = {
            name: torch.from_numpy(np.stack([head[name] for head in drawn])).to(device).requires_grad_()
            for name in shapes
        }
        self._random = [generator(seed, Purpose.DROPOUT) for seed in seeds]
        block_of = np.searchsorted(np.asarray(dims), np.arange(dims[-1]), side="right")
        self._block_of = torch.from_numpy(block_of).to(device)
        self._prefixes = torch.ones(len(dims), len(dims), device=device).tril()
        self._full_weights, self._drawn_weights = (self._table(where) for where in (FULL, DRAWN))

    def loss(self, batch: Batch) -> torch.Tensor:
        """Each head's loss (R,) on its batch, with its graph.

        Block dropout concerns both paths; with a trunk of unit length the full one alone, see `Trunk.unit`.
        """
        rows = batch.labels.shape[1]
        dropout = self._dropout(rows, batch)
        found = self._trunk.blocks(self.parameters, batch.features, self._dims, dropout)
        anchors, *others = torch.split(found, rows, dim=1)
        positives = {
            level: self._trunk.full(self.parameters, blocks)
            for level, blocks in zip(self.contrasted, others, strict=True)
        }
        if self._drops_blocks and not self._trunk.unit:
            anchors = self._masked(anchors, batch.keep)
        loss = self._joint_loss(anchors, batch) if self._joint else anchors.new_zeros(len(anchors))
        parts: dict[Where, torch.Tensor] = {}
        for term in self._single:
            if term.where not in parts:
                parts[term.where] = self._part(term.where, anchors, batch)
            embedding, weights = parts[term.where], _row_weights(term, batch)
            logits = partial(self._logits, embedding, term.level)
            view = View(embedding, batch.labels[:, :, term.level], weights, logits, positives.get(term.level))
            loss = loss + term.loss.measure(view, **term.options)
        return loss

    def _joint_loss(self, embedding: torch.Tensor, batch: Batch) -> torch.Tensor:
        """All cross-entropies of full embeddings and drawn prefixes."""
        full = self._full_weights[0].expand(batch.labels.shape)
        weights = torch.cat([full, self._drawn_weights[batch.prefix]], dim=1) / batch.labels.shape[1]
        return prefix_cross_entropy(
            embedding,
            self.parameters["classifier"],
            self.parameters["classifier_bias"],
            batch.labels,
            weights,
            self._prefixes[batch.prefix],
            self._dims,
            self._classes,
        )

    def _part(self, where: Where, anchors: torch.Tensor, batch: Batch) -> torch.Tensor:
        """One part (R, B, d) of embeddings, zeros where it is not."""
        if where.part is Part.FULL:
            if self._trunk.unit and self._drops_blocks:
                lost = 1 - batch.keep.amax(dim=2, keepdim=True)
                first = torch.maximum(batch.keep[:, :, :1], lost)
                anchors = self._masked(anchors, torch.cat([first, batch.keep[:, :, 1:]], dim=2))
            return self._trunk.full(self.parameters, anchors)
        if where.part is Part.DRAWN:
            kept = self._prefixes[batch.prefix]
        else:
            kept = self._prefixes[where.number].clone()
            if where.part is Part.BLOCK:
                kept[: where.number] = 0
            kept = kept.expand(*anchors.shape[:2], -1)
        cut = self._masked(anchors, kept)
        return functional.normalize(cut, dim=2) if self._trunk.unit else cut

    def _masked(self, blocks: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        return blocks * keep.index_select(2, self._block_of)

    def _logits(self, embedding: torch.Tensor, level: int) -> torch.Tensor:
        """Class scores (R, B, K) at one level."""
        start = sum(self._classes[:level])
        if self._trunk.unit:
            embedding = layer_norm(embedding, self.parameters["classifier_norm"][:, :, level])
        return affine(self.parameters, "classifier", embedding, slice(start, start + self._classes[level]))

    def _dropout(self, rows: int, batch: Batch) -> torch.Tensor | None:
        """Dropout factors (R, times, P B, hidden width) of the trunk.

        They are drawn for the positives of every level, taken or not, so that strategies of one seed share
        them and a head draws the same alone or in a fleet.
        """
        times, width = self._trunk.dropped(batch.features.shape[2], self._dims)
        if not times:
            return None
        groups = [0, *(1 + level for level in self.contrasted)]
        shape = (times, 1 + len(self._classes) if self.contrasted else 1, rows, width)
        kept = [random.random(shape, np.float32)[:, groups] >= self._trunk.dropout for random in self._random]
        factors = torch.from_numpy(np.stack(kept)).to(self._block_of.device).to(torch.float32)
        return factors.div_(1 - self._trunk.dropout).flatten(2, 3)

    def _table(self, where: Where) -> torch.Tensor:
        """Weights (J, D) of the joint cross-entropies on one part."""
        table = torch.zeros(len(self._dims), len(self._classes), device=self._block_of.device)
        for term in self._joint:
            if term.where == where:
                table[:, term.level] += term.weights
        return table

    def embed(self, head: int, features: torch.Tensor) -> torch.Tensor:
        """Full embeddings (n, d) of standardised features (n, h) by one head, without dropout."""
        one = {name: tensor[head].detach() for name, tensor in self.parameters.items()}
        return self._trunk.embed(one, features, self._dims)[1]

    def weights(self, head: int) -> dict[str, torch.Tensor]:
        """A copy of one head's parameters by name, on the CPU."""
        return {name: tensor[head].detach().cpu().clone() for name, tensor in self.parameters.items()}


def _ready(term: Term, n_blocks: int, n_levels: int, device: torch.device) -> _Term:
    loss = LOSSES[term.loss] if isinstance(term.loss, str) else term.loss
    weights = torch.as_tensor(term.weight, dtype=torch.float32, device=device).expand(n_blocks)
    return _Term(loss, term.level % n_levels, term.where, weights, dict(term.options))


def _is_joint(term: _Term) -> bool:
    return term.loss is LOSSES["cross-entropy"] and term.where in (FULL, DRAWN)


def _row_weights(term: _Term, batch: Batch) -> torch.Tensor:
    """Weight (R, B) of each row."""
    if term.where.part is Part.DRAWN:
        return term.weights[batch.prefix]
    return term.weights[0].expand(batch.prefix.shape)


def _classifier_shapes(dimension: int, classes: Sequence[int], *, normalised: bool) -> Shapes:
    """One linear map per level, side by side; behind a LayerNorm of its own for embeddings of unit length."""
    shapes: Shapes = {"classifier": (dimension, sum(classes)), "classifier_bias": (sum(classes),)}
    return shapes | ({"classifier_norm": (2, len(classes), dimension)} if normalised else {})
