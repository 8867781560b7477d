"""What a backbone is, and the registered ones: those of ``backbones.toml`` and of installed packages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fractalctl.backbones.services.spec import ServiceSpec
from fractalctl.errors import RequestError
from fractalctl.plugins import collect, packaged_tables
from fractalctl.progress import Advance
from store.recipe import check_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INSTALLABLE, FETCHED = "minilm", "bge-small"
"""The default backbone where its weights are installed as a package, and where nothing is."""
GROUP = "fractalctl.backbones"
"""Entry points of this group give a `BackboneSpec` or several."""


class Pooling(StrEnum):
    """How the states of a text's tokens become one vector."""

    CLS = "cls"
    """The state of the first token."""
    MEAN = "mean"
    """The mean over all tokens of the text, special tokens included."""
    LAST = "last"
    """The state of the last token of the text: what left padding puts at the last place."""


class Dtype(StrEnum):
    """What numbers a backbone computes with; features are kept as float32 whichever it is."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Engine(StrEnum):
    """What runs the transformer; all else is the same code."""

    TORCH = "torch"
    """PyTorch, on any of its devices."""
    ONNX = "onnx"
    """ONNX Runtime, on the processor, in float32."""


@dataclass(frozen=True)
class BackboneSpec:
    """Everything that decides the features of a text, known before a model is loaded.

    Args:
        name: of the feature sets in the store.
        pooling: how token states become one vector.
        max_length: longer texts are cut to so many tokens, special tokens included.
        hub: repository of the Hugging Face hub, ``owner/name``; None for a folder.
        revision: commit of the repository.
        folder: local model folder; None for a repository.
        fingerprint: SHA-256 over the folder's files; None for a repository, or where it is still to be found.
        dimension: numbers per feature, h.
        weights: SHA-256 that the weights of a registered backbone must have; None where it is not known.
        package: module of a Python package that carries the repository's files.

    Raises ValueError: an unknown pooling, number type or engine, or not one of repository and folder;
    StoreRequestError: the name cannot be that of a file.
    """

    name: str
    pooling: Pooling
    max_length: int
    prompt: str = ""
    dtype: Dtype = Dtype.FLOAT32
    engine: Engine = Engine.TORCH
    hub: str | None = None
    revision: str | None = None
    folder: Path | None = None
    fingerprint: str | None = None
    dimension: int | None = None
    weights: str | None = None
    package: str | None = None
    licence: str | None = None
    citation: str | None = None

    def __post_init__(self) -> None:
        """Take words for members, and refuse what could not be found."""
        check_name("backbone", self.name)
        for name, kind in (("pooling", Pooling), ("dtype", Dtype), ("engine", Engine)):
            object.__setattr__(self, name, kind(getattr(self, name)))
        if bool(self.hub) == bool(self.folder):
            raise ValueError(f"backbone {self.name}: needs either a repository (hub) or a folder")

    def identity(self) -> dict[str, Any]:
        """JSON values that fix the features; where the files lie is not among them.

        The engine is among them unless it is PyTorch.
        """
        source = {"hub": self.hub, "revision": self.revision} if self.hub else {"sha256": self.fingerprint}
        engine = {} if self.engine is Engine.TORCH else {"engine": str(self.engine)}
        return {
            **source,
            "pooling": str(self.pooling),
            "prompt": self.prompt,
            "max_length": self.max_length,
            "dtype": str(self.dtype),
            **engine,
        }

    def __str__(self) -> str:
        """The name, and where the model comes from when that is another thing."""
        if self.folder:
            return f"{self.name} ({self.folder})"
        return f"{self.name} ({self.hub}{f' at {self.revision[:12]}' if self.revision else ''})"


def default_backbone() -> str:
    """The backbone of somebody who names none: what needs no network, where that is installed."""
    package = registered_backbones()[INSTALLABLE].package
    return INSTALLABLE if package and find_spec(package) else FETCHED


@cache
def registered_backbones() -> Mapping[str, BackboneSpec]:
    """All registered backbones by name: those of ``backbones.toml`` and those of installed packages.

    Raises FractalError: an installed package offers what is no backbone, or one whose name is taken.
    """
    tables = packaged_tables(__package__, "backbones.toml")
    ours = [BackboneSpec(name, **table) for name, table in tables.items()]
    return collect(GROUP, BackboneSpec, [("fractalctl", ours)])


Spec = BackboneSpec | ServiceSpec


class Encoder(Protocol):
    """Texts in, features out."""

    observed: dict[str, Any]
    """What loading it showed, for the record."""

    @property
    def spec(self) -> Spec:
        """What decides its features."""

    @property
    def dimension(self) -> int:
        """Numbers per feature, h."""

    def encode(self, texts: Sequence[str], advance: Advance = ...) -> "NDArray[np.float32]":
        """Encode n texts: (n, h) float32, not normalised, in the order of the texts."""


def with_weights(spec: Spec, purpose: str) -> BackboneSpec:
    """A backbone whose weights can be had.

    Args:
        purpose: what the weights are needed for, as the beginning of a sentence.

    Raises RequestError: a service holds them.
    """
    if isinstance(spec, ServiceSpec):
        raise RequestError(f"{purpose} needs the encoder's weights, and those of {spec} are a service's own")
    return spec
