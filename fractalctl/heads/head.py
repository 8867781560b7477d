"""A trained head on disk: weights as safetensors, all else as JSON beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fractalctl.documents import read_document, write_document
from fractalctl.documents.head import HeadDocument
from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.arms import Arm, method_of
from fractalctl.heads.method import Fitted, Method
from fractalctl.heads.prefixes import Prefixes, embed
from fractalctl.heads.settings import MethodSettings
from store.files import sha256_of, write_aside
from store.recipe import identity_of

WEIGHTS_FILE = "head.safetensors"
DESCRIPTION_FILE = "head.json"


@dataclass(frozen=True)
class Head:
    """What maps features to embeddings, and where it came from.

    Attributes:
        folder: where its two files lie.
        document: the whole of ``head.json``.
    """

    folder: Path
    document: HeadDocument

    @property
    def corpus(self) -> str:
        """Name of the corpus it was trained on."""
        return self.document.corpus

    @property
    def backbone(self) -> str:
        """Name of the backbone whose features it takes."""
        return self.document.backbone

    @property
    def strategy(self) -> str:
        """Name of its strategy."""
        return self.document.strategy

    @property
    def arm(self) -> str:
        """Label of its arm."""
        return self.document.arm

    @property
    def seed(self) -> int:
        """The seed that it was trained with."""
        return self.document.seed

    @property
    def dims(self) -> tuple[int, ...]:
        """Ascending prefix lengths."""
        return tuple(self.document.dims)

    @property
    def nested(self) -> bool:
        """Whether a shorter embedding is the first columns of the full one."""
        return self.document.nested

    @property
    def identity(self) -> str:
        """Hexadecimal SHA-256 of everything that determined the weights; see `head_identity`."""
        return self.document.identity

    @property
    def weights_path(self) -> Path:
        """The safetensors file."""
        return self.folder / WEIGHTS_FILE

    @cached_property
    def method(self) -> Method:
        """What fitted it and applies it.

        Raises:
            RequestError: the package that brings the method is not installed.
        """
        try:
            return method_of(self.document.method)
        except RequestError as error:
            raise RequestError(f"{self.folder}: {error}") from error

    @cached_property
    def settings(self) -> MethodSettings:
        """Of its method.

        Raises:
            FractalError: ``head.json`` holds settings that the method does not have.
        """
        try:
            return msgspec.convert(self.document.settings, self.method.Settings)
        except msgspec.ValidationError as error:
            raise FractalError(
                f"{self.folder / DESCRIPTION_FILE}: field settings: {error}; train the head again"
            ) from error

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """Float32 tensors by name, read on first use.

        Raises:
            FractalError: the file is missing, damaged, or not the one that ``head.json`` describes.
        """
        path = self.weights_path
        if not path.is_file():
            raise FractalError(f"{path}: the weights are missing; train the head again")
        if sha256_of(path) != self.document.weights_sha256:
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
            The first columns of a nested head's full embeddings are its shorter ones; see `nested`.

        Raises:
            RequestError: the features are not of the length that the head takes, or the dimension exceeds d.
        """
        if dimension is not None and not 1 <= dimension <= self.dims[-1]:
            raise RequestError(f"{self.folder}: has 1 to {self.dims[-1]} dimensions, not {dimension}")
        return self.prefixes(features, device).at(dimension or self.dims[-1])

    def prefixes(self, features: np.ndarray, device: torch.device | None = None) -> Prefixes:
        """Map features (n, h) float32, as the backbone gave them, to embeddings at every length.

        Raises:
            RequestError: the features are not of the length that the head takes, or its method is not here.
        """
        width = self.document.input_dimension
        if features.ndim != 2 or features.shape[1] != width:
            raise RequestError(f"{self.folder}: takes features of length {width}, got shape {features.shape}")
        return embed(self.method, self.settings, self.weights, features, device)


def head_identity(features_identity: str, arm: Arm, seed: int) -> str:
    """Hexadecimal SHA-256 of all that determines a head's weights; look-up and write both use it."""
    fixed = {
        "version": HeadDocument.CURRENT,
        "features": features_identity,
        "arm": arm.identity,
        "seed": seed,
    }
    return identity_of(fixed)


def save_head(folder: Path, fitted: Fitted, document: HeadDocument) -> Head:
    """Write a head; its document goes last, so that a folder with one is whole.

    Args:
        folder: made where it does not exist; a head that lies there, damaged or not, is replaced.
        fitted: the weights and their history.
        document: all else; what comes from the weights is filled in here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
    with write_aside(folder / WEIGHTS_FILE) as aside:
        save_file({name: tensor.contiguous() for name, tensor in fitted.weights.items()}, aside)
        checksum = sha256_of(aside)
    whole = msgspec.structs.replace(
        document,
        seed=fitted.seed,
        best_epoch=fitted.best_epoch,
        history=list(fitted.history),
        weights_sha256=checksum,
    )
    write_document(folder / DESCRIPTION_FILE, whole)
    return Head(folder, whole)


def load_head(path: Path) -> Head:
    """Open the head in a folder, or the head that a path to one of its files belongs to.

    Raises:
        RequestError: there is no head.
        FractalError: ``head.json`` is damaged or of another version; the message names file and field.
    """
    folder = path if path.is_dir() else path.parent
    if not (folder / DESCRIPTION_FILE).is_file():
        raise RequestError(
            f"{path}: no head here; expected {DESCRIPTION_FILE} and {WEIGHTS_FILE} as 'train' writes"
        )
    return Head(folder, read_document(folder / DESCRIPTION_FILE, HeadDocument))


def find_heads(paths: Sequence[Path]) -> list[Head]:
    """Every head at or below the given paths, each once, in sorted order of folders below one path.

    Raises:
        RequestError: a path does not exist or holds no head.
        FractalError: a head is damaged.
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
