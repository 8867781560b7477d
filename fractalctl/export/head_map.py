"""A head as a PyTorch module: what tracing exporters write."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from fractalctl.heads.head import Head

PROBE_ROWS = 5
PROBE_SEED = 3
TOLERANCE = 1e-5
"""Most by which an exported map may depart from the head's, in a number of an embedding of length 1."""


class HeadMap(torch.nn.Module):
    """Features (n, h) to blocks and full embeddings, (n, d) each; a nested head gives one tensor."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self._method, self._settings = head.method, head.settings
        self.nested = head.nested
        for name, tensor in head.weights.items():
            self.register_buffer(name, tensor.clone())

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Embeddings, not normalised."""
        blocks, full = self._method.embed(dict(self.named_buffers()), features, self._settings)
        return (full,) if self.nested else (blocks, full)


def probes(width: int) -> list[Tensor]:
    """Random features (n, h) of about unit length, as encoders give them: some, one, and what is opposite."""
    random = torch.Generator().manual_seed(PROBE_SEED)
    some = torch.randn(PROBE_ROWS, width, generator=random) * width**-0.5
    return [some, some[:1], -some.repeat(2, 1)]


def is_that_of(head: Head, exported: Callable[[Tensor], Sequence[Tensor]]) -> bool:
    """Whether an exported map gives the embeddings of a head, each of length 1, on every probe."""
    ours, unit = HeadMap(head), torch.nn.functional.normalize
    pairs = (
        pair
        for features in probes(head.document.input_dimension)
        for pair in zip(exported(features), ours(features), strict=True)
    )
    return all(float((unit(a) - unit(b)).abs().max()) <= TOLERANCE for a, b in pairs)


def save_program(head: Head, path: Path) -> None:
    """Write the map of a head as a program that PyTorch alone can load, for any number of rows.

    Raises:
        ValueError: the program gives other embeddings than the head, as where the map asks for its numbers.
    """
    rows = torch.export.Dim("rows")
    example = probes(head.document.input_dimension)[0]
    program = torch.export.export(HeadMap(head), (example,), dynamic_shapes=({0: rows},))
    torch.export.save(program, path)
    if not is_that_of(head, torch.export.load(path).module()):
        raise ValueError("what was written gives other embeddings than the head")
