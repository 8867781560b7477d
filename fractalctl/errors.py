"""The errors a user can meet. Each carries the exit code that the command line ends with."""

from collections.abc import Iterable
from typing import Self


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question for the end of a message, where one of the known names is nearly the one that was given.

    >>> did_you_mean("minilmm", ["minilm", "e5-small"]), did_you_mean("x", ["minilm"])
    (" (did you mean 'minilm'?)", '')
    """
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), 1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def first_line(error: Exception) -> str:
    """What a library's error says, in one line; its type where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


class FractalError(Exception):
    """It failed: a file cannot be read, is corrupt, or a service cannot be reached. Exit code 1.

    The message is what the user reads: it names the file, row or field, what was expected and what to do.
    """

    exit_code = 1


class RequestError(FractalError):
    """The request is wrong: an option, a column, a label or a combination of them. Exit code 2."""

    exit_code = 2


class UnreachableError(FractalError):
    """A corpus or a backbone cannot be had from here; the message lists the ways on. Exit code 1."""


class MissingExtraError(FractalError):
    """An optional dependency is not installed; the message names the extra that brings it. Exit code 1."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra '{extra}': pip install 'fractalctl[{extra}]'")
        self._missing = (purpose, extra)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """A worker's error is read where it was asked for; pickling knows the message alone."""
        return type(self), self._missing
