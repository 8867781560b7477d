"""The linear head of the paper's Algorithm 1, for many runs at once, with its gradient written out.

    e = W h;   L = sum_l F[l] CE_l(C_l e + b_l) + w sum_l T[j, l] CE_l(C_l e_{1:j} + b_l)

A prefix is zero-padded to the full length, and one classifier per level serves every prefix. All tensors
carry a leading dimension R of runs; R runs cost one batched matrix product where R separate ones would cost R
calls. Hand-written gradients skip autograd's bookkeeping, most of the cost of a step on 16 rows; tests hold
them against autograd.
"""

from collections.abc import Sequence

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

        block_of = np.searchsorted(np.asarray(dims), np.arange(dims[-1]), side="right")
        self._block_of = torch.from_numpy(block_of).to(device)
        within = block_of[None, :] <= np.arange(len(dims))[:, None]
        self._within_prefix = torch.from_numpy(within).float().to(device)
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

        Args:
            features: (R, B, h) float32.
            labels: (R, B, D) int64.
            prefix: (R, B) int64, prefix index of each row.
            keep: (R, B, J) float32, 1 for blocks that survive.

        Returns:
            (R,) float32 losses, before the step.
        """
        projection, classifier, bias = self.parameters
        kept = keep[:, :, self._block_of]
        within = self._within_prefix[prefix]
        embedding = torch.bmm(features, projection).mul_(kept)
        both = torch.cat([embedding, embedding * within], dim=1)
        logits = torch.baddbmm(bias[:, None, :], both, classifier)

        loss, slope = self._cross_entropy(logits, labels, self._row_weights(prefix))

        torch.bmm(both.transpose(1, 2), slope, out=self.gradients[1])
        torch.sum(slope, dim=1, out=self.gradients[2])
        both_slope = torch.bmm(slope, classifier.transpose(1, 2))
        full_slope, prefix_slope = both_slope.chunk(2, dim=1)
        embedding_slope = torch.addcmul(full_slope, prefix_slope, within).mul_(kept)
        torch.bmm(features.transpose(1, 2), embedding_slope, out=self.gradients[0])
        return loss

    def _row_weights(self, prefix: torch.Tensor) -> torch.Tensor:
        """Weight of each cross-entropy: (R, 2B, D), full embeddings first, then prefixes; means over B."""
        rows = prefix.shape[1]
        full = self._full_weights[:, None, :].expand(-1, rows, -1)
        return torch.cat([full, self._prefix_weights[self._runs, prefix]], dim=1) / rows

    def _cross_entropy(
        self, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weighted cross-entropies of all levels summed per run, and their slope in the logits (in place)."""
        targets = torch.cat([labels, labels], dim=1)
        loss = logits.new_zeros(logits.shape[0])
        for level, part in enumerate(torch.split(logits, list(self.classes), dim=2)):
            log_probability = torch.log_softmax(part, dim=2)
            target, weight = targets[:, :, level, None], weights[:, :, level, None]
            loss -= (log_probability.gather(2, target) * weight).sum(dim=(1, 2))
            part.copy_(log_probability.exp_().mul_(weight))
            part.scatter_add_(2, target, -weight)
        return loss, logits

    def embed(self, run: int, features: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, d) of features (n, h) by one run's projection, without dropout."""
        return features @ self.parameters[0][run]

    def weights(self, run: int) -> dict[str, torch.Tensor]:
        """A copy of one run's parameters by name, on the CPU."""
        return {
            name: parameter[run].cpu().clone()
            for name, parameter in zip(self._names, self.parameters, strict=True)
        }


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
