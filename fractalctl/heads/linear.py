"""The linear head of the paper's Algorithm 1, for many runs at once, with its gradient written out.

    e = W h;   L = sum_l F[l] CE_l(C_l e + b_l) + w sum_l T[j, l] CE_l(C_l e_{1:j} + b_l)

A prefix is zero-padded to the full length, and one classifier per level serves every prefix. All tensors
carry a leading dimension R of runs; R runs cost one batched matrix product where R separate ones would cost R
calls. Hand-written gradients skip autograd's bookkeeping, most of the cost of a step on 16 rows; tests hold
them against autograd.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from fractalctl.heads.draws import Stream, generator
from fractalctl.heads.supervision import Supervision


class LinearFleet:
    """R linear heads that are stepped together.

    Args:
        input_dimension: h, length of a feature.
        dims: ascending prefix lengths; the last is d.
        classes: number of classes of each level, coarsest first.
        supervisions: R tables.
        seeds: R seeds; each fixes its run's initial weights.
        device: where the parameters live.

    Attributes:
        parameters: projection (R, h, d), classifier weights (R, d, K) and biases (R, K), float32, where
            K is the number of classes of all levels together.
        gradients: tensors of the same shapes, filled by `backward`.
    """

    def __init__(
        self,
        input_dimension: int,
        dims: Sequence[int],
        classes: Sequence[int],
        supervisions: Sequence[Supervision],
        seeds: Sequence[int],
        device: torch.device,
    ) -> None:
        self.dims, self.classes = tuple(dims), tuple(classes)
        shapes = {
            "projection": (input_dimension, dims[-1]),
            "classifier": (dims[-1], sum(classes)),
            "bias": (sum(classes),),
        }
        drawn = [initial_weights(shapes, seed) for seed in seeds]
        self.parameters = [
            torch.from_numpy(np.stack([run[name] for run in drawn])).to(device) for name in shapes
        ]
        self.gradients = [torch.empty_like(parameter) for parameter in self.parameters]
        self._names = tuple(shapes)

        self._blocks = [slice(start, end) for start, end in pairwise((0, *dims))]
        self._within_prefix = torch.ones(len(dims), len(dims), device=device).tril()
        self._workspaces: dict[int, _Workspace] = {}
        full = np.array([table.full for table in supervisions], dtype=np.float32)
        prefix = np.array(
            [np.multiply(table.prefix, table.prefix_weight) for table in supervisions], dtype=np.float32
        )
        self._full_weights = torch.from_numpy(full).to(device)
        self._prefix_weights = torch.from_numpy(prefix).to(device)
        self._runs = torch.arange(len(seeds), device=device)[:, None]

    def backward(
        self, features: torch.Tensor, labels: torch.Tensor, prefix: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        """Compute each run's mean loss over its batch and fill `gradients`.

        Logits are a sum over blocks, so that one product per block serves the full embedding and the prefix;
        on the way back the two slopes are added first, block by block. Either way that is half the work
        of two classifications.

        Args:
            features: (R, B, h) float32.
            labels: (R, B, D) int64.
            prefix: (R, B) int64, prefix index of each row.
            keep: (R, B, J) float32, 1 for blocks that survive.

        Returns:
            (R,) float32 losses, before the step.
        """
        projection, classifier, bias = self.parameters
        rows = features.shape[1]
        work = self._workspace(rows)
        within = self._within_prefix[prefix]
        embedding = torch.bmm(features, projection, out=work.embedding)
        _drop(embedding, keep, self._blocks)

        logits = work.logits.copy_(bias[:, None, :].expand_as(work.logits))
        full, cut = torch.split(logits, rows, dim=1)
        for block, columns in enumerate(self._blocks):
            torch.bmm(embedding[:, :, columns], classifier[:, columns], out=work.part)
            full += work.part
            cut.addcmul_(work.part, within[:, :, block, None])

        loss = self._cross_entropy(logits, labels, self._row_weights(prefix))

        torch.sum(logits, dim=1, out=self.gradients[2])
        for block, columns in enumerate(self._blocks):
            slope = torch.addcmul(full, cut, within[:, :, block, None], out=work.part)
            inputs = embedding[:, :, columns].transpose(1, 2)
            torch.bmm(inputs, slope, out=self.gradients[1][:, columns])
            torch.bmm(slope, classifier[:, columns].transpose(1, 2), out=work.slope[:, :, columns])
        _drop(work.slope, keep, self._blocks)
        torch.bmm(features.transpose(1, 2), work.slope, out=self.gradients[0])
        return loss

    def _workspace(self, rows: int) -> "_Workspace":
        """Room for batches of one size; new memory at every step would cost as much as the products."""
        if rows not in self._workspaces:
            runs, width, classes = self.parameters[1].shape
            self._workspaces[rows] = _Workspace(
                *(
                    self.parameters[1].new_empty(runs, *shape)
                    for shape in ((rows, width), (rows, width), (2 * rows, classes), (rows, classes))
                )
            )
        return self._workspaces[rows]

    def _row_weights(self, prefix: torch.Tensor) -> torch.Tensor:
        """Weight of each cross-entropy: (R, 2B, D), full embeddings first, then prefixes; means over B."""
        rows = prefix.shape[1]
        full = self._full_weights[:, None, :].expand(-1, rows, -1)
        return torch.cat([full, self._prefix_weights[self._runs, prefix]], dim=1) / rows

    def _cross_entropy(
        self, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Weighted cross-entropies of all levels summed per run; the logits become their slope."""
        targets = torch.cat([labels, labels], dim=1)
        loss = logits.new_zeros(logits.shape[0])
        for level, part in enumerate(torch.split(logits, list(self.classes), dim=2)):
            target, weight = targets[:, :, level, None], weights[:, :, level, None]
            part -= part.amax(dim=2, keepdim=True)
            own = part.gather(2, target)
            total = part.exp_().sum(dim=2, keepdim=True)
            loss += ((total.log() - own) * weight).sum(dim=(1, 2))
            part *= weight / total
            part.scatter_add_(2, target, -weight)
        return loss

    def embed(self, run: int, features: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, d) of features (n, h) by one run's projection, without dropout."""
        return features @ self.parameters[0][run]

    def weights(self, run: int) -> dict[str, torch.Tensor]:
        """A copy of one run's parameters by name, on the CPU."""
        return {
            name: parameter[run].cpu().clone()
            for name, parameter in zip(self._names, self.parameters, strict=True)
        }


@dataclass(frozen=True)
class _Workspace:
    """Tensors that a step overwrites: embeddings and their slope, logits of both paths, one block's share."""

    embedding: torch.Tensor
    slope: torch.Tensor
    logits: torch.Tensor
    part: torch.Tensor


def _drop(values: torch.Tensor, keep: torch.Tensor, blocks: Sequence[slice]) -> None:
    """Multiply each block of (R, B, d) values by its (R, B, J) mask, in place."""
    for block, columns in enumerate(blocks):
        values[:, :, columns] *= keep[:, :, block, None]


def initial_weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Initial float32 weights, uniform in +-1/sqrt(inputs) as `torch.nn.Linear` draws them.

    A bias counts the inputs of the matrix before it.
    """
    random = generator(seed, Stream.INITIALISATION)
    drawn, inputs = {}, 1
    for name, shape in shapes.items():
        inputs = shape[0] if len(shape) > 1 else inputs
        bound = inputs**-0.5
        drawn[name] = random.uniform(-bound, bound, size=shape).astype(np.float32)
    return drawn
