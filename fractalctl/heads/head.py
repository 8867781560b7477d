"""A trained head on disk: weights as safetensors, all else as JSON beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.kinds import KINDS
from fractalctl.heads.prefixes import Prefixes
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.supervision import Supervision
from fractalctl.heads.training import TrainedRun
from store.features import release
from store.files import read_json, sha256_of, write_aside, write_json
from store.recipe import identity_of

ENCODING_TYPE = "fractalctl-head"
ENCODING_VERSION = "1.0"
WEIGHTS_FILE = "head.safetensors"
DESCRIPTION_FILE = "head.json"
ROWS_PER_PASS = 8192


@dataclass(frozen=True)
class Head:
    """What maps features to embeddings, and where it came from.

    Attributes:
        folder: where its two files lie.
        description: the whole of ``head.json``.
    """

    folder: Path
    description: dict[str, Any]

    @property
    def corpus(self) -> str:
        """Name of the corpus it was trained on."""
        return str(self.description["corpus"])

    @property
    def backbone(self) -> str:
        """Name of the backbone whose features it takes."""
        return str(self.description["backbone"])

    @property
    def strategy(self) -> str:
        """Name of its supervision."""
        return str(self.description["strategy"])

    @property
    def seed(self) -> int:
        """The seed that it was trained with."""
        return int(self.description["seed"])

    @property
    def recipe(self) -> TrainingRecipe:
        """How it was trained."""
        return TrainingRecipe.from_config(self.description["recipe"])

    @property
    def kind(self) -> str:
        """Kind of head, a key of `fractalctl.heads.kinds.KINDS`."""
        return str(self.description["recipe"]["head"])

    @property
    def dims(self) -> tuple[int, ...]:
        """Ascending prefix lengths."""
        return tuple(self.description["recipe"]["dims"])

    @property
    def identity(self) -> str:
        """Hexadecimal SHA-256 of everything that determined the weights; see `head_identity`."""
        return str(self.description["identity"])

    @property
    def weights_path(self) -> Path:
        """The safetensors file."""
        return self.folder / WEIGHTS_FILE

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """Float32 tensors by name, read on first use.

        Raises:
            FractalError: the file is missing, damaged, or not the one that ``head.json`` describes.
        """
        path = self.weights_path
        if not path.is_file():
            raise FractalError(f"{path}: the weights are missing; train the head again")
        if sha256_of(path) != self.description["weights_sha256"]:
            raise FractalError(
                f"{path}: the weights are not those that {DESCRIPTION_FILE} describes; train again"
            )
        try:
            return load_file(path)
        except SafetensorError as error:
            raise FractalError(f"{path}: cannot be read: {error}") from error

    def embed(
        self, features: np.ndarray, device: torch.device | None = None, dimension: int | None = None
    ) -> np.ndarray:
        """Map features to embeddings of one length.

        Args:
            features: (n, h) float32 as the backbone gave them.
            device: where to compute; None is the CPU.
            dimension: length, at most d; None is the full d.

        Returns:
            (n, dimension) float32, of no particular length: normalise before taking dot products for cosines.
            The first columns of a linear head's full embeddings are its shorter ones; those of a fractal
            head's are not.

        Raises:
            RequestError: the features are not of the length that the head takes, or the dimension exceeds d.
        """
        if dimension is not None and not 1 <= dimension <= self.dims[-1]:
            raise RequestError(f"{self.folder}: has 1 to {self.dims[-1]} dimensions, not {dimension}")
        return self.prefixes(features, device).at(dimension or self.dims[-1])

    def prefixes(self, features: np.ndarray, device: torch.device | None = None) -> Prefixes:
        """Map features (n, h) float32, as the backbone gave them, to embeddings at every length.

        Raises:
            RequestError: the features are not of the length that the head takes, or this version does not
                know the kind of head.
        """
        width = len(self.weights["input_mean"])
        if features.ndim != 2 or features.shape[1] != width:
            raise RequestError(f"{self.folder}: takes features of length {width}, got shape {features.shape}")
        if self.kind not in KINDS:
            raise RequestError(
                f"{self.folder}: a head of kind '{self.kind}', but this version knows {', '.join(KINDS)}"
            )
        return embed_with(self.kind, self.weights, self.dims, features, device)


def embed_with(
    kind: str,
    weights: dict[str, torch.Tensor],
    dims: Sequence[int],
    features: np.ndarray,
    device: torch.device | None = None,
) -> Prefixes:
    """Embeddings of features (n, h) under the weights of one kind of head, a part at a time."""
    place = device or torch.device("cpu")
    placed = {name: tensor.to(place) for name, tensor in weights.items()}
    mean, scale = placed.pop("input_mean"), placed.pop("input_scale")
    blocks = np.empty((len(features), dims[-1]), dtype=np.float32)
    full = blocks
    for start in range(0, len(features), ROWS_PER_PASS):
        rows = torch.from_numpy(np.array(features[start : start + ROWS_PER_PASS], dtype=np.float32)).to(place)
        part, whole = KINDS[kind].prefixes(placed, (rows - mean) * scale, dims)
        if whole is not part and full is blocks:
            full = np.empty_like(blocks)
        blocks[start : start + len(rows)] = part.cpu().numpy()
        if whole is not part:
            full[start : start + len(rows)] = whole.cpu().numpy()
        release(features)
    return Prefixes(blocks, full)


def head_identity(features_identity: str, supervision: Supervision, seed: int, recipe: TrainingRecipe) -> str:
    """Hexadecimal SHA-256 of all that determines a head's weights; look-up and write both use it."""
    fixed = {
        "version": ENCODING_VERSION,
        "features": features_identity,
        "supervision": supervision.config(),
        "seed": seed,
        "recipe": recipe.config(),
    }
    return identity_of(fixed)


def save_head(folder: Path, trained: TrainedRun, description: dict[str, Any]) -> Head:
    """Write a trained run; the description goes last, so that a folder with one is whole.

    Args:
        folder: made where it does not exist; a head that lies there is replaced.
        trained: the weights and their history.
        description: what the caller knows of the run: corpus, backbone, identities, recipe, argv and so on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
    with write_aside(folder / WEIGHTS_FILE) as aside:
        save_file({name: tensor.contiguous() for name, tensor in trained.weights.items()}, aside)
        checksum = sha256_of(aside)
    history = [
        {
            "epoch": record.epoch,
            "loss": record.loss,
            "validation": {f"L{level}": share for level, share in enumerate(record.validation)},
        }
        for record in trained.history
    ]
    whole = {
        "encoding-type": ENCODING_TYPE,
        "encoding-version": ENCODING_VERSION,
        **description,
        "best_epoch": trained.best_epoch,
        "history": history,
        "weights_sha256": checksum,
    }
    write_json(folder / DESCRIPTION_FILE, whole)
    return Head(folder, whole)


def load_head(path: Path) -> Head:
    """Open the head in a folder, or the head that a path to one of its files belongs to.

    Raises:
        RequestError: there is no head.
        FractalError: the description is damaged or of a newer version.
    """
    folder = path if path.is_dir() else path.parent
    description_path = folder / DESCRIPTION_FILE
    if not description_path.is_file():
        raise RequestError(
            f"{path}: no head here; expected {DESCRIPTION_FILE} and {WEIGHTS_FILE} as 'train' writes"
        )
    description = read_json(description_path)
    if not isinstance(description, dict) or description.get("encoding-type") != ENCODING_TYPE:
        raise FractalError(f"{description_path}: not a head; expected encoding-type {ENCODING_TYPE}")
    if str(description["encoding-version"]).split(".")[0] != ENCODING_VERSION.split(".")[0]:
        raise FractalError(
            f"{description_path}: format version {description['encoding-version']} is not readable "
            f"by this version, which reads {ENCODING_VERSION}"
        )
    return Head(folder, description)


def find_heads(paths: Sequence[Path]) -> list[Head]:
    """Every head at or below the given paths, each once, in sorted order of folders below one path.

    Raises:
        RequestError: a path does not exist or holds no head.
    """
    heads: dict[Path, Head] = {}
    for path in paths:
        if not path.exists():
            raise RequestError(f"{path}: no such file or folder")
        descriptions = sorted(path.rglob(DESCRIPTION_FILE)) if path.is_dir() else [path]
        if not descriptions:
            raise RequestError(f"{path}: no heads in this folder; 'fractalctl train' makes them")
        for description in descriptions:
            head = load_head(description)
            heads.setdefault(head.folder.resolve(), head)
    return list(heads.values())
