"""What every reader of a corpus yields, whatever the format: one labelled text a record."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from fractalctl.progress import Progress, silent

Row = Mapping[str, Any]
"""A row of a table: values by column."""

SPLITS = ("train", "validation", "test")
HUB_PREFIX = "hub:"
"""How names of repositories of the Hugging Face hub begin."""

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


class OnConflict(StrEnum):
    """What to do with a class that stands under two parents."""

    ERROR = "error"
    QUALIFY = "qualify"


class Origin(NamedTuple):
    """Where records come from, for messages that name the place."""

    name: str
    """File name, or hub id and split."""
    unit: str = "line"
    """What is counted there: lines of a text file (from 1), rows of a table without lines (from 1)."""

    def place(self, number: int) -> str:
        """Say where a record stands: ``my.csv, line 17``."""
        return f"{self.name}, {self.unit} {number}"


class Record(NamedTuple):
    """One labelled text."""

    text: str
    path: tuple[str, ...]
    """Names of its classes, coarse to fine."""
    split: str | None
    """``train``, ``validation`` or ``test``; None where the source has no splits."""
    origin: Origin
    number: int
    """Line or row in the origin."""
    id: str | None = None
    """The publisher's own identifier, where there is one."""

    @property
    def place(self) -> str:
        """Where the record stands: ``my.csv, line 17``."""
        return self.origin.place(self.number)


class Reading(NamedTuple):
    """What a source yields when it is read."""

    records: Iterable[Record]
    levels: tuple[str, ...] = ()
    """Names of the levels, coarse to fine; none where the source does not name them."""
    rows: Mapping[str, int] = MappingProxyType({})
    """Published number of rows by split (``all``: of all rows), where known."""
    classes: Mapping[str, int] = MappingProxyType({})
    """Published number of classes by level, where known."""


@dataclass(frozen=True)
class ReadContext:
    """What whoever reads a corpus is told.

    Args:
        note: takes what a reader of results should know about the source.
    """

    offline: bool = False
    progress: Progress = silent
    note: Callable[[str], None] = lambda _: None


def split_called(name: str) -> str | None:
    """The split that a publisher calls by this name (``dev``, ``val``, ``training``...), or None.

    >>> split_called("dev")
    'validation'
    """
    return _SPLIT_NAMES.get(name.strip().lower())
