"""A trained head on disk: weights as safetensors, all else as JSON beside them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from fractalctl.documents import read_document, write_document
from fractalctl.documents.head import HeadDocument
from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.arms import Arm, method_of
from fractalctl.heads.fitted import Fitted
from fractalctl.heads.method import Method
from fractalctl.heads.prefixes import Prefixes, embed
from fractalctl.heads.settings import MethodSettings
from store.files import replace_folder, settle
from store.recipe import identity_of

WEIGHTS_FILE = "head.safetensors"
DESCRIPTION_FILE = "head.json"
RESULTS = ("evaluation-*.json", "latency*.json", "latency-times*.npz")
"""What describes a head and lies beside it."""


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

        Raises RequestError: the package that brings the method is not installed.
        """
        try:
            return method_of(self.document.method)
        except RequestError as error:
            raise RequestError(f"{self.folder}: {error}") from error

    @cached_property
    def settings(self) -> MethodSettings:
        """Of its method. Raises FractalError: ``head.json`` holds settings that the method does not have."""
        where = self.folder / DESCRIPTION_FILE
        try:
            found = msgspec.convert(self.document.settings, self.method.Settings)
        except msgspec.ValidationError as error:
            raise FractalError(f"{where}: field settings: {error}; train the head again") from error
        if found.dims != self.dims:
            raise FractalError(f"{where}: field dims is not that of the settings; train the head again")
        return found

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """Float32 tensors by name, read on first use.

        Raises FractalError: the file is missing, damaged, not the one that ``head.json`` describes, or holds
        what is no finite number.
        """
        path = self.weights_path
        if not path.is_file():
            raise FractalError(f"{path}: the weights are missing; train the head again")
        data = path.read_bytes()
        if sha256(data).hexdigest() != self.document.weights_sha256:
            raise FractalError(
                f"{path}: the weights are not those that {DESCRIPTION_FILE} describes; train again"
            )
        try:
            found = load(data)
        except (SafetensorError, ValueError, TypeError, KeyError) as error:
            raise FractalError(f"{path}: no safetensors file ({error}); train the head again") from error
        _check_finite(path, found)
        return found

    def needs_columns(self, purpose: str) -> None:
        """Refuse a head whose vectors are sparse codes, where shorter ones have to be columns.

        Raises RequestError: they are.
        """
        if self.method.code(self.settings) is not None:
            raise RequestError(
                f"{self.folder}: {self.arm} makes sparse codes, which have no columns to cut; {purpose} "
                "needs them, so name another head"
            )

    def embed(
        self, features: np.ndarray, device: torch.device | None = None, dimension: int | None = None
    ) -> np.ndarray:
        """Map features to embeddings of one length.

        Args:
            features: (n, h) float32 as the backbone gave them.
            device: where to compute; None is the CPU.
            dimension: length, at most d; None is the full d.

        Returns (n, dimension) float32, of no particular length: normalise before taking dot products for
        cosines. The first columns of a nested head's full embeddings are its shorter ones; see `nested`. Of
        sparse codes (n, H), whatever the dimension, see `fractalctl.heads.prefixes.Prefixes`.

        Raises:
            RequestError: the features are not of the length that the head takes, or the dimension exceeds d.
        """
        if dimension is not None and not 1 <= dimension <= self.dims[-1]:
            raise RequestError(f"{self.folder}: has 1 to {self.dims[-1]} dimensions, not {dimension}")
        return self.prefixes(features, device).at(dimension or self.dims[-1])

    def prefixes(self, features: np.ndarray, device: torch.device | None = None) -> Prefixes:
        """Map features (n, h) float32, as the backbone gave them, to embeddings at every length.

        Raises RequestError: the features are not of the length that the head takes, or its method is not
        here; FractalError: the weights are not those of the settings.
        """
        width = self.document.input_dimension
        if features.ndim != 2 or features.shape[1] != width:
            raise RequestError(f"{self.folder}: takes features of length {width}, got shape {features.shape}")
        method, settings, weights = self.method, self.settings, self.weights
        try:
            return embed(method, settings, weights, features, device)
        except (KeyError, RuntimeError, ValueError, IndexError) as error:
            raise FractalError(f"{self.weights_path}: does not fit {DESCRIPTION_FILE} ({error})") from error


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
    """Write a head; the folder is there as a whole or not at all.

    Args:
        folder: made where it does not exist; a head that lies there, damaged or not, is replaced, and its
            `RESULTS` go with it. Other files stay.
        document: all else; what comes from the weights is filled in here.

    Raises FractalError: the weights are no finite numbers.
    """
    _check_finite(folder / WEIGHTS_FILE, fitted.weights)
    data = save({name: tensor.contiguous() for name, tensor in fitted.weights.items()})
    whole = msgspec.structs.replace(
        document,
        seed=fitted.seed,
        best_epoch=fitted.best_epoch,
        history=list(fitted.history),
        weights_sha256=sha256(data).hexdigest(),
    )
    with replace_folder(folder, (WEIGHTS_FILE, DESCRIPTION_FILE, *RESULTS, ".*")) as aside:
        (aside / WEIGHTS_FILE).write_bytes(data)
        write_document(aside / DESCRIPTION_FILE, whole)
    return Head(folder, whole)


def _check_finite(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise FractalError(f"{path}: '{name}' holds what is no finite number; train the head again")


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

    Raises RequestError: a path does not exist or holds no head; FractalError: a head is damaged.
    """
    heads: dict[Path, Head] = {}
    for path in paths:
        if not path.exists():
            raise RequestError(f"{path}: no such file or folder")
        descriptions = _descriptions(path) if path.is_dir() else [path]
        if not descriptions:
            raise RequestError(f"{path}: no heads in this folder; 'fractalctl train' makes them")
        for description in descriptions:
            head = load_head(description)
            heads.setdefault(head.folder.resolve(), head)
    return list(heads.values())


def _descriptions(path: Path) -> list[Path]:
    """Every ``head.json`` below a folder; what a killed process left aside is put back or passed over."""
    for old in path.rglob(".*.replaced"):
        with suppress(OSError):
            settle(old.with_name(old.name.removeprefix(".").removesuffix(".replaced")))
    return sorted(one for one in path.rglob(DESCRIPTION_FILE) if not one.parent.name.startswith("."))
