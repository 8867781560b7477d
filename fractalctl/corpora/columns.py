"""From rows of a table to texts: which columns hold the text, and where there are labels each level."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

from fractalctl.corpora.records import Record, Row, split_called
from fractalctl.corpora.tabular import SUFFIXES, Table, open_table, open_text, table_format
from fractalctl.errors import RequestError, did_you_mean
from store.files import why_no_file

LINES = ".txt"
"""End of the name of a file that holds a text on each line."""
OTHER_MARKS = (";", "\t", "|")
"""What else than a comma may stand between the cells of a file that is called .csv."""


@dataclass(frozen=True)
class Columns:
    """The columns of somebody's own table.

    Args:
        levels: columns of the labels, coarse to fine; not used with ``path``.
        path: column that holds the whole path of labels: a list, or text with a separator.
        separator: between the labels of a path that is text.
    """

    text: str = "text"
    levels: tuple[str, ...] = ("coarse", "fine")
    path: str | None = None
    separator: str = " > "

    def records(self, table: Table, split: str | None = None) -> Iterator[Record]:
        """Read every row; a column ``split`` is obeyed and a column ``id`` kept, where there is one.

        Args:
            split: of all rows, where the table as a whole is one split.

        Raises RequestError: a missing column, text or label, or a split of an unknown name; the message names
        file, row and column.
        """
        _require(table, (self.text, self.path) if self.path else (self.text, *self.levels))
        for number, row in table.rows:
            place = table.origin.place(number)
            path, text = self._path(row, place), _filled(row, self.text, place)
            own_split = split or split_in(row, place)
            yield Record(text, path, own_split, table.origin, number, id_in(row, "id"))

    def _path(self, row: Row, place: str) -> tuple[str, ...]:
        if self.path is None:
            return tuple(label_in(row, column, place) for column in self.levels)
        value = row.get(self.path)
        parts = value.split(self.separator) if isinstance(value, str) else value
        if not isinstance(parts, list) or len(parts) < 2:
            raise RequestError(
                f"{place}: column '{self.path}' must hold two or more labels as a list, or as text with "
                f"'{self.separator}' between them (see --separator), not {value!r}"
            )
        return tuple(label_of(part, self.path, place) for part in parts)


def text_in(row: Row, column: str, place: str) -> str:
    """The text in a column, None as no text; RequestError if the column is missing, or holds no text."""
    if column not in row:
        raise RequestError(f"{place}: no column '{column}'; there are {_listed(row)}")
    value = row[column]
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{place}: column '{column}' holds {type(value).__name__}, not text")
    if value and not value.isprintable():
        _check_characters(value, column, place)
    return value or ""


def _filled(row: Row, column: str, place: str) -> str:
    """The text in a column of somebody's own table; RequestError if there is none."""
    text = text_in(row, column, place)
    if not text.strip():
        raise RequestError(f"{place}: no text in column '{column}'; give it one or remove the row")
    return text


def label_in(row: Row, column: str, place: str) -> str:
    """The label in a column; RequestError if the column is missing from this row, empty, or holds several."""
    if column not in row:
        raise RequestError(f"{place}: no column '{column}'; there are {_listed(row)}")
    return label_of(row[column], column, place)


def label_at(row: Row, reference: str, place: str) -> str:
    """The label that a reference ``column`` or ``column[i]`` means: the whole value, or one entry of a list.

    Raises RequestError: the column is missing from this row or has no such entry.
    """
    column, bracket, index = reference.partition("[")
    if not bracket or column not in row:
        return label_in(row, column, place)
    entries, position = row[column], int(index.rstrip("]"))
    if not isinstance(entries, list) or len(entries) <= position:
        raise RequestError(f"{place}: column '{column}' has no entry {position}: {entries!r:.80}")
    return label_of(entries[position], column, place)


def label_of(value: Any, column: str, place: str) -> str:
    """A label as text without surrounding space, in composed form (NFC); numbers are written out.

    Letters with accents can be written in two ways that look the same; both are one class.

    Raises RequestError: there is no label, or it is a list, an object, bytes or no number.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        raise RequestError(f"{place}: no label in column '{column}'")
    if isinstance(value, (list, dict, bytes)) or (isinstance(value, float) and math.isinf(value)):
        raise RequestError(
            f"{place}: column '{column}' holds a {type(value).__name__}, not one label: {value!r:.80}"
        )
    label = normalize("NFC", str(value).strip())
    if not label:
        raise RequestError(f"{place}: no label in column '{column}'")
    _check_characters(label, column, place)
    return label


def _check_characters(text: str, column: str, place: str) -> None:
    """Refuse half a character, which no file in UTF-8 can hold."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise RequestError(
            f"{place}: column '{column}' holds an unpaired surrogate, which is no character: {text[:40]!a}"
        )


def id_in(row: Row, column: str | None) -> str | None:
    """The publisher's identifier of a row, where it has one."""
    value = row.get(column) if column else None
    return str(value) if isinstance(value, (str, int)) and value != "" else None


def _require(table: Table, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        guess = did_you_mean(missing[0], table.columns)
        raise RequestError(
            f"{table.origin.name}: no column '{missing[0]}'{guess}; there are {_listed(table.columns)}. "
            f"{_way_on(table.columns)}"
        )


def _way_on(columns: tuple[str, ...]) -> str:
    """What to do where a column is missing; a single one may be a header with other marks between cells."""
    marks = [mark for mark in OTHER_MARKS if len(columns) == 1 and mark in columns[0]]
    if marks:
        shown = "tabs" if marks[0] == "\t" else f"'{marks[0]}'"
        return f"Its cells seem to be separated by {shown}: save it with commas, or with tabs as .tsv"
    return "Name the right ones with --text and --levels coarse,fine (or --path)"


def split_in(row: Row, place: str) -> str | None:
    """The split that a column ``split`` names; RequestError if it names none, None if there is no column."""
    if "split" not in row:
        return None
    value = row["split"]
    split = split_called(value) if isinstance(value, str) else None
    if split is None:
        raise RequestError(f"{place}: split {value!r} is none of train, validation (valid, val, dev), test")
    return split


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f"'{column}'" for column in columns)


class NamedText(NamedTuple):
    """One text, and what its file calls it: the column ``id``, else the number of its line or row."""

    id: str
    text: str


@dataclass(frozen=True)
class TextFile:
    """Texts that are read as they are asked for, as often as they are.

    Args:
        path: a table (CSV, TSV, JSON lines, Parquet), or ``.txt`` with a text on each line.
        column: of a table, that holds the texts.
        called: what messages call it; None for its path.

    Raises RequestError: there is no such file.
    """

    path: Path
    column: str = "text"
    called: str | None = None

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise RequestError(f"{self.path}: {why_no_file(self.path)}")

    def __iter__(self) -> Iterator[NamedText]:
        """Every text in order; of a file of lines, those that are not blank.

        Raises:
            RequestError: the format is unknown, the column is missing, or a row has no text; the message
                names file and row.
            FractalError: the file cannot be read as what its name says.
        """
        return self._lines() if table_format(self.path) is None else self._rows()

    def examine(self) -> tuple[int, str]:
        """Number of texts and SHA-256 (hex) of them all, once every row was read and found to have one.

        Raises RequestError: there are no texts, or as for `__iter__`.
        """
        count, digest = 0, hashlib.sha256()
        for one in self:
            count += 1
            digest.update(f"{len(one.id)} {len(one.text)} {one.id}{one.text}".encode())
        if not count:
            raise RequestError(f"{self.called or self.path}: there is no text in it")
        return count, digest.hexdigest()

    def _lines(self) -> Iterator[NamedText]:
        if LINES not in self.path.suffixes[-2:]:
            known = ", ".join((*SUFFIXES, LINES))
            raise RequestError(f"{self.path}: the format is told by the name, which must end in {known}")
        with open_text(self.path) as stream:
            for number, line in enumerate(stream, 1):
                if text := line.strip():
                    yield NamedText(str(number), text)

    def _rows(self) -> Iterator[NamedText]:
        table = open_table(self.path)
        if self.column not in table.columns:
            there = _listed(table.columns)
            raise RequestError(f"{self.path}: no column '{self.column}'; name one of {there} with --text")
        for number, row in table.rows:
            text = _filled(row, self.column, table.origin.place(number))
            yield NamedText(id_in(row, "id") or str(number), text)
