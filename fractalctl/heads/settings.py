"""Settings of methods: typed, frozen, with defaults; where text of a command line becomes a checked value.

A method's settings are a subclass of `MethodSettings`. Its fields say everything once: type and range for
checks and the JSON schema, description for ``fractalctl strategies info``, default for the label of an arm.
"""

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo

from fractalctl.errors import RequestError, did_you_mean

SEEDS = (42, 123, 456, 789, 1024)
"""The paper's seeds (Section 2, "Statistical methodology")."""

Positive = Annotated[float, Meta(gt=0)]
AtLeastZero = Annotated[float, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
LONGEST = 2**20
"""Numbers of an embedding; what is longer is a mistake, and larger than any memory."""

_WORDS = {"yes": True, "no": False, "true": True, "false": False, "none": None}


class MethodSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every method has to know.

    Raises ValueError: a number is NaN or infinite, or the lengths do not ascend. Ranges of single fields are
    checked where settings are converted, see `build_settings`.
    """

    dims: Annotated[
        tuple[AtLeastOne, ...], Meta(min_length=1, description="ascending prefix lengths; the last is d")
    ] = (64, 128, 192, 256)

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not _is_finite(getattr(self, name)):
                raise ValueError(f"{name} must be finite, got {spelled(getattr(self, name))}")
        if any(low >= high for low, high in zip((0, *self.dims), self.dims, strict=False)):
            raise ValueError(f"dims must be positive and ascending, got {spelled(self.dims)}")
        if self.dims[-1] > LONGEST:
            raise ValueError(f"dims can be {LONGEST:,} at most, got {spelled(self.dims)}")

    @property
    def dimension(self) -> int:
        """d, the length of the full embedding."""
        return self.dims[-1]

    @property
    def n_blocks(self) -> int:
        """J, the number of prefixes."""
        return len(self.dims)


class TrainingSettings(MethodSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a gradient method trains (paper, Section 3 "Training" and Appendix H), with a linear trunk."""

    trunk: Annotated[str, Meta(description="what carries the losses: linear, mlp, fractal")] = "linear"
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 5
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step")] = 16
    learning_rate: Annotated[
        Positive, Meta(description="peak rate of AdamW; the paper's 1e-4 leaves a linear head undertrained")
    ] = 1e-3
    weight_decay: Annotated[
        AtLeastZero, Meta(description="decoupled decay of AdamW (published runs; the paper is silent)")
    ] = 0.01
    schedule: Annotated[
        Literal["cosine", "constant", "one-cycle"],
        Meta(description="of the rate; cosine falls to zero over all steps, one-cycle rises before it falls"),
    ] = "cosine"
    clip_norm: Annotated[Positive, Meta(description="largest Euclidean norm of a head's whole gradient")] = (
        1.0
    )
    standardise: Annotated[
        bool,
        Meta(description="centre each input dimension, scale it to unit variance over the training rows"),
    ] = True
    holdout: Annotated[
        float, Meta(gt=0, lt=1, description="share of each finest class's rows that choose the best epoch")
    ] = 0.15
    holdout_seed: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="draws one hold-out for all seeds (the paper's ablations); none draws one for each"),
    ] = None
    prefix_per: Annotated[
        Literal["batch", "sample"], Meta(description="a prefix is drawn per batch (Algorithm 1) or per row")
    ] = "batch"

    def total_steps(self, rows: int) -> int:
        """Optimiser steps on so many rows, those that are held out not among them."""
        return self.epochs * -(-rows // self.batch_size)


class ContrastiveSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How supervised contrastive losses are trained: every row of a large batch is an anchor."""

    temperature: Annotated[
        Positive, Meta(description="of the softmax over the batch (Khosla et al. 2020)")
    ] = 0.1
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 20
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step, each an anchor")] = 512
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW (measured)")] = 2e-3


AnySettings = TypeVar("AnySettings", bound=MethodSettings)


def build_settings(kind: type[AnySettings], values: Mapping[str, Any], owner: str) -> AnySettings:
    """Convert and check settings.

    Args:
        values: by name; text is converted to the field's type, see `spelled`.
        owner: whose settings they are, for messages.

    Raises RequestError: a name is unknown, or a value does not fit; the message names the field.
    """
    known = fields_of(kind)
    for name in values:
        if name not in known:
            guess = did_you_mean(name, known)
            raise RequestError(f"{owner} has no setting {name}{guess}; it has {', '.join(known)}")
    converted = {name: _convert(name, value, known[name].type) for name, value in values.items()}
    try:
        return msgspec.convert(converted, kind)
    except msgspec.ValidationError as error:
        raise RequestError(f"{owner}: {_plainly(error)}") from error


def _convert(name: str, value: Any, kind: Any) -> Any:
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    try:
        read = _read(value) if isinstance(value, str) else value
        alone = isinstance(read, str) and get_origin(inner) is tuple
        return msgspec.convert([read] if alone else read, kind, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        if get_origin(inner) is Literal:
            choices = " or ".join(get_args(inner))
            raise RequestError(f"setting {name}: expected {choices}, got {spelled(value)}") from error
        wanted = re.sub(", got [a-z]+", "", _plainly(error))  # the kind; the value itself says more
        raise RequestError(f"setting {name}: {wanted}, got {spelled(value)}") from error


def _read(text: str) -> Any:
    """A truth, nothing, a list, or the text itself.

    >>> _read("64x128"), _read("[[1, 0], [0, 1]]"), _read("no"), _read("1e-3"), _read(".5"), _read("0.1,0.9")
    (['64', '128'], [[1, 0], [0, 1]], False, '1e-3', '0.5', ['0.1', '0.9'])
    """
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.startswith("["):
        return msgspec.json.decode(text)
    if "," in text:
        return [part.strip() for part in text.split(",") if part.strip()]
    parts = text.split("x")
    if len(parts) > 1 and all(part.isdigit() for part in parts):
        return parts
    return f"0{text}" if text.startswith(".") else text


def spelled(value: Any) -> str:
    """A setting's value as it can be written on a command line.

    >>> spelled((64, 128)), spelled(True), spelled(None), spelled(1e-4), spelled(((1, 0), (0, 1)))
    ('64x128', 'yes', 'none', '0.0001', '[[1,0],[0,1]]')
    """
    if isinstance(value, bool) or value is None:
        return next(word for word, meant in _WORDS.items() if meant is value)
    if isinstance(value, tuple | list):
        whole = bool(value) and all(type(part) is int for part in value)
        return "x".join(map(str, value)) if whole else msgspec.json.encode(value).decode()
    return str(value).removesuffix(".0")


@cache
def fields_of(kind: type[MethodSettings]) -> dict[str, FieldInfo]:
    """What msgspec knows of each setting, by name: type, default, whether it is required."""
    return {field.name: field for field in msgspec.structs.fields(kind)}


def describe(kind: type[MethodSettings]) -> dict[str, str]:
    """What each setting means, by name."""
    marks = {
        name: [part.description for part in get_args(field.type) if isinstance(part, Meta)]
        for name, field in fields_of(kind).items()
    }
    return {name: " ".join(filter(None, said)) for name, said in marks.items()}


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _plainly(error: Exception) -> str:
    """What msgspec says, without its marks.

    >>> _plainly(ValueError("Expected `int` >= 1 - at `$[2]`"))
    'expected int >= 1 at place 2'
    """
    what, _, where = str(error).replace("`", "").partition(" - at $")
    place = where.replace(".", "").replace("[", " place ").replace("]", "").strip()
    return f"{what[:1].lower()}{what[1:]}" + (f" at {place}" if place else "")
