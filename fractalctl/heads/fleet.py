"""Heads of one arm, stacked along a leading dimension, and their loss on a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch.nn import functional

from fractalctl.heads.losses import LOSSES, Loss, View, log_shares, prefix_cross_entropy
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
    """A term made ready.

    Attributes:
        weights: (J,) for each prefix length.
        name: of its own parameters, before theirs.
        own: shapes of these.
    """

    loss: Loss
    level: int
    where: Where
    weights: torch.Tensor
    options: dict[str, object]
    name: str
    own: Shapes


class Fleet:
    """R heads that are stepped together.

    Args:
        width: h, length of a feature.
        dims: ascending prefix lengths; the last is d.
        classes: number of classes of each level, coarsest first.
        seeds: R seeds; each fixes its head's initial weights and dropout.
        initial: for each seed weights to begin with, by name; what they lack is drawn, and what the trunk
            does not learn stays as it is.

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
        initial: Sequence[Mapping[str, torch.Tensor]] = (),
    ) -> None:
        self._trunk, self._dims, self._classes = trunk, tuple(dims), tuple(classes)
        terms = [self._ready(term, place, device) for place, term in enumerate(objective.terms)]
        self.contrasted = sorted({term.level for term in terms if term.loss.contrasts})
        self._joint = [] if trunk.unit else [term for term in terms if _is_joint(term)]
        self._single = [term for term in terms if term not in self._joint]
        self._drops_blocks = any(share < 1 for share in objective.keep)

        shapes = trunk.shapes(width, dims)
        if any(term.loss.classifies for term in terms):
            shapes |= _classifier_shapes(dims[-1], classes, normalised=trunk.unit)
        for term in terms:
            shapes |= {f"{term.name}.{name}": shape for name, shape in term.own.items()}
        drawn = [initial_weights(shapes, seed) for seed in seeds]
        for head, known in zip(drawn, initial, strict=False):
            head |= {name: weights.numpy() for name, weights in known.items() if name in shapes}
        self.parameters = {
            name: torch.from_numpy(np.stack([head[name] for head in drawn])).to(device).requires_grad_()
            for name in shapes
        }
        kept = initial[0].keys() - shapes.keys() if initial else ()
        self._kept = {
            name: torch.stack([known[name] for known in initial]).to(device) for name in sorted(kept)
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
        found = self._trunk.blocks(self._weights, batch.features, self._dims, dropout)
        anchors, *others = torch.split(found, rows, dim=1)
        positives = {
            level: self._trunk.full(self.parameters, blocks)
            for level, blocks in zip(self.contrasted, others, strict=True)
        }
        if self._drops_blocks and not self._trunk.unit:
            anchors = self._masked(anchors, batch.keep)
        loss = self._joint_loss(anchors, batch) if self._joint else anchors.new_zeros(len(anchors))
        parts: dict[Where, torch.Tensor] = {}
        compared: dict[Where, Callable[[float], torch.Tensor]] = {}
        features = batch.features[:, :rows]
        feature_shares = cache(partial(log_shares, features.detach()))
        for term in self._single:
            if term.where not in parts:
                parts[term.where] = self._part(term.where, anchors, batch)
                compared[term.where] = cache(partial(log_shares, parts[term.where]))
            embedding = parts[term.where]
            view = View(
                embedding,
                batch.labels[:, :, term.level],
                _row_weights(term, batch),
                partial(self._logits, embedding, term),
                compared[term.where],
                batch.labels,
                positives.get(term.level),
                features,
                feature_shares,
                {name: self.parameters[f"{term.name}.{name}"] for name in term.own},
                self.parameters,
                partial(self._embedded, term.where),
                self._uniform,
            )
            loss = loss + term.loss.measure(view, **term.options)
        return loss

    def _ready(self, term: Term, place: int, device: torch.device) -> _Term:
        loss = LOSSES[term.loss] if isinstance(term.loss, str) else term.loss
        level, (first, stop) = term.level % len(self._classes), self._columns(term.where)
        weights = torch.as_tensor(term.weight, dtype=torch.float32, device=device).expand(len(self._dims))
        own = loss.shapes(stop - first, self._classes[level]) if loss.shapes else {}
        return _Term(loss, level, term.where, weights, dict(term.options), f"term_{place}", own)

    def _joint_loss(self, embedding: torch.Tensor, batch: Batch) -> torch.Tensor:
        """All cross-entropies of full embeddings and drawn prefixes."""
        full = self._full_weights[0].expand(batch.labels.shape)
        weights = torch.cat([full, self._drawn_weights[batch.prefix]], dim=1) / batch.labels.shape[1]
        classifier = self.parameters["classifier"], self.parameters["classifier_bias"]
        within = self._prefixes[batch.prefix]
        return prefix_cross_entropy(
            embedding, *classifier, batch.labels, weights, within, self._dims, self._classes
        )

    def _part(self, where: Where, anchors: torch.Tensor, batch: Batch) -> torch.Tensor:
        """One part of embeddings: (R, B, d), but its own columns alone of a certain prefix or block."""
        if where.part is Part.FULL:
            if self._trunk.unit and self._drops_blocks:
                lost = 1 - batch.keep.amax(dim=2, keepdim=True)
                first = torch.maximum(batch.keep[:, :, :1], lost)
                anchors = self._masked(anchors, torch.cat([first, batch.keep[:, :, 1:]], dim=2))
            return self._trunk.full(self.parameters, anchors)
        if where.part is Part.DRAWN:
            cut = self._masked(anchors, self._prefixes[batch.prefix])
        else:
            cut = anchors[:, :, slice(*self._columns(where))]
        return functional.normalize(cut, dim=2) if self._trunk.unit else cut

    def _columns(self, where: Where) -> tuple[int, int]:
        """The columns that a part has, from one to before another."""
        if where.part in (Part.FULL, Part.DRAWN):
            return 0, self._dims[-1]
        start = self._dims[where.number - 1] if where.part is Part.BLOCK and where.number else 0
        return start, self._dims[where.number]

    def _embedded(self, where: Where, features: torch.Tensor) -> torch.Tensor:
        """One part (R, n, m) of the embeddings of other features (R, n, h)."""
        blocks = self._trunk.blocks(self._weights, features, self._dims)
        found = self._trunk.full(self.parameters, blocks) if where.part is Part.FULL else blocks
        return found[:, :, slice(*self._columns(where))]

    def _uniform(self, shape: tuple[int, ...]) -> torch.Tensor:
        drawn = np.stack([random.random(shape, np.float32) for random in self._random])
        return torch.from_numpy(drawn).to(self._block_of.device)

    def _masked(self, blocks: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        return blocks * keep.index_select(2, self._block_of)

    def _logits(self, embedding: torch.Tensor, term: _Term) -> torch.Tensor:
        """Class scores (R, B, K) at a term's level of its part, with zeros in the other columns."""
        level, (first, stop) = term.level, self._columns(term.where)
        if stop - first < self._dims[-1]:
            embedding = functional.pad(embedding, (first, self._dims[-1] - stop))
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
        one = {name: tensor[head].detach() for name, tensor in self._weights.items()}
        return self._trunk.embed(one, features, self._dims)[1]

    def weights(self, head: int) -> dict[str, torch.Tensor]:
        """A copy of one head's weights by name, on the CPU."""
        return {name: tensor[head].detach().cpu().clone() for name, tensor in self._weights.items()}

    @property
    def _weights(self) -> dict[str, torch.Tensor]:
        """Everything that the trunk needs, learned or not."""
        return {**self.parameters, **self._kept}


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
