"""The head of this model, as a module of sentence-transformers: load the model with trust_remote_code=True.

The map is a program that `torch.export` has written, in ``head.pt2``; PyTorch alone is needed to run it.
"""

import json
import shutil
from pathlib import Path

import torch

PROGRAM, CONFIGURATION = "head.pt2", "config.json"


class ExportedHead(torch.nn.Module):
    """Pooled features to embeddings.

    Where a shorter embedding is not the beginning of the full one, ask for it by
    ``model.encode(texts, dimension=64)``; ``truncate_dim`` would cut the full one.
    """

    forward_kwargs = {"dimension"}  # noqa: RUF012  the name and form that sentence-transformers looks for
    config_keys = ("dimension", "nested")

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)
        configuration = json.loads((self._folder / CONFIGURATION).read_text("utf-8"))
        self._dimension, self._nested = configuration["dimension"], configuration["nested"]
        # In a list, for a program knows no training mode, which modules pass on to their parts.
        self._program = [torch.export.load(self._folder / PROGRAM).module()]

    def forward(
        self, features: dict[str, torch.Tensor], dimension: int | None = None
    ) -> dict[str, torch.Tensor]:
        """Embeddings of one length, the full one unless another is asked for."""
        pooled = features["sentence_embedding"].float()
        self._program[0].to(pooled.device)
        found = self._program[0](pooled)
        length = self._dimension if dimension is None else dimension
        if not 1 <= length <= self._dimension:
            raise ValueError(f"dimension must be from 1 to {self._dimension}, not {dimension}")
        chosen = found[-1] if length == self._dimension else found[0]
        features["sentence_embedding"] = chosen[:, :length]
        return features

    def get_sentence_embedding_dimension(self) -> int:
        """Length of the full embedding."""
        return int(self._dimension)

    get_embedding_dimension = get_sentence_embedding_dimension

    def save(self, output_path: str, *_: object, **__: object) -> None:
        """Copy the files of the head."""
        for name in (PROGRAM, CONFIGURATION):
            shutil.copy(self._folder / name, Path(output_path) / name)

    @staticmethod
    def load(input_path: str) -> "ExportedHead":
        """Load the files of the head from a folder."""
        return ExportedHead(input_path)
