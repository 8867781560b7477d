"""What happens to results that already exist."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fractalctl.errors import FractalError, RequestError

if TYPE_CHECKING:
    from fractalctl.documents import Document

Note = Callable[[str], None]
"""Told what is about to be replaced, a line for each path, before anything is computed."""


class Overwrite(StrEnum):
    """Whether an existing result is kept.

    One that is exactly what was asked for is kept under ``changed`` and ``never``; one that is damaged, out
    of date or of an older format is replaced under ``changed`` and an error under ``never``. ``always`` makes
    everything anew.
    """

    CHANGED = "changed"
    ALWAYS = "always"
    NEVER = "never"


def unheard(_: str) -> None:
    """Tell nobody: what library functions do unless told otherwise."""


AnyResult = TypeVar("AnyResult", bound="Document")


def reusable(
    path: Path, kind: type[AnyResult], identity: str, overwrite: Overwrite, note: Note = unheard
) -> AnyResult | None:
    """The result at a path when it is the wanted one and may be kept.

    Raises RequestError: ``never`` meets a result that would have to be replaced.
    """
    if not path.is_file():
        return None
    found, why = _readable(path, kind)
    if found is not None and getattr(found, "identity", None) == identity:
        if overwrite is not Overwrite.ALWAYS:
            return found
        why = "made anew"
    if overwrite is Overwrite.NEVER:
        raise RequestError(f"{path}: {why}; --overwrite changed replaces it")
    note(f"{path} is replaced: {why}")
    return None


def _readable(path: Path, kind: type[AnyResult]) -> tuple[AnyResult | None, str]:
    """The document, and why it cannot stay if it is not the wanted one."""
    from fractalctl.documents import read_document

    try:
        return read_document(path, kind), "holds another result (other heads, features or settings)"
    except FractalError as error:
        return None, str(error).removeprefix(f"{path}: ")
