"""What is written as JSON, as typed classes, and the one place where they are read and written.

A kind of file is a subclass of `Document` in a module here; its tag is the file's ``encoding-type``, and its
``FILE`` says where it lies and what it is.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from fractalctl.errors import FractalError, RequestError
from store.errors import StoreError
from store.files import parse_json, why_no_file, write_json

TYPE = "encoding-type"
VERSION = "encoding-version"
AnyDocument = TypeVar("AnyDocument", bound="Document")


class Document(msgspec.Struct, frozen=True, kw_only=True, tag_field=TYPE):
    """One result file: what made it, with which versions, and how to make it again.

    Attributes:
        version: of the file's format; files of another major version are refused by name.
        versions: of Python and of the packages that the numbers depend on.
        argv: the argument vector that remakes the file; None where it was made from Python.
    """

    CURRENT: ClassVar[str] = "2.0"
    FILE: ClassVar[str] = ""
    MADE_BY: ClassVar[str] = "the command that made it"

    version: str = msgspec.field(name=VERSION, default=CURRENT)
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    argv: list[str] | None = None

    def check(self) -> None:
        """Refuse, by a ValueError, numbers that contradict each other, when a file is read."""


class _Header(msgspec.Struct, frozen=True):
    """What is looked at before a file is believed to be of a kind."""

    kind: str = msgspec.field(name=TYPE)
    version: str = msgspec.field(name=VERSION)


def write_document(path: Path, document: Document) -> None:
    """Write a document aside and rename it: fields in order, indented; ValueError where one is not finite."""
    write_json(path, to_json(document))


def to_json(document: msgspec.Struct) -> dict[str, Any]:
    """A document as JSON values, keys as they stand in its file."""
    # A part that is kept as it was read (`msgspec.Raw`) is the only thing that needs the hook.
    values: dict[str, Any] = msgspec.to_builtins(document, str_keys=True, enc_hook=msgspec.json.decode)
    return values


def check_output(path: Path, kind: type[Document], beside: Iterable[Path] = ()) -> None:
    """See that writing to a path that the user named costs nothing but an older result of the same kind.

    To be called before anything is computed. Files ``beside`` it are written too; without a document that
    tells of them, they are the user's. RequestError where there is something else: an input, or a file that
    this program did not write.
    """
    if not path.exists():
        for other in beside:
            check_output(other, kind)
        return
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        data = path.read_bytes() if path.is_file() else b""
        if msgspec.json.decode(data, type=_Header).kind == kind.__struct_config__.tag:
            return
    raise RequestError(
        f"{path}: is there and no earlier output of this command, so it is not replaced; name another path, "
        "or remove it"
    )


def read_document(path: Path, kind: type[AnyDocument]) -> AnyDocument:
    """Read a result file of one kind.

    Raises:
        RequestError: there is no such file, or it is of another kind.
        FractalError: it is damaged, or of a format that this version does not read; the message names the
            file, the field, and what was expected.
    """
    if not path.is_file():
        raise RequestError(f"{path}: {why_no_file(path)}")
    return decode(path.read_bytes(), kind, str(path))


def decode(data: bytes, kind: type[AnyDocument], source: str) -> AnyDocument:
    """Decode and check a document, JSON in UTF-8, called by its source in messages; see `read_document`."""
    wanted = str(kind.__struct_config__.tag)
    try:
        parse_json(data, source)  # which sees keys that stand twice; msgspec takes the last
    except StoreError as error:
        why = str(error).removeprefix(f"{source}: ")
        raise FractalError(f"{source}: not a result file ({why}); make it again") from error
    try:
        header = msgspec.json.decode(data, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FractalError(f"{source}: not a result file ({_said(error)}); make it again") from error
    if header.kind != wanted:
        raise RequestError(f"{source}: its {TYPE} is '{header.kind}', expected '{wanted}'")
    if header.version.split(".")[0] != kind.CURRENT.split(".")[0]:
        raise FractalError(
            f"{source}: format version {header.version}, but this version of fractalctl reads "
            f"{kind.CURRENT}; make it again with {kind.MADE_BY}"
        )
    try:
        document = msgspec.json.decode(data, type=kind)
        document.check()
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise FractalError(f"{source}: {_said(error)}; make it again with {kind.MADE_BY}") from error
    return document


def _said(error: Exception) -> str:
    """What msgspec says of a field, with the field first.

    >>> _said(ValueError("Expected `int`, got `str` - at `$.seed`"))
    'field seed: expected `int`, got `str`'
    """
    what, _, where = str(error).partition(" - at ")
    what = f"{what[:1].lower()}{what[1:]}"
    place = where.strip("`").removeprefix("$").removeprefix(".")
    return f"field {place}: {what}" if place else what
