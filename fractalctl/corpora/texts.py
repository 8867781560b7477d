"""Texts without labels, one after the other: a column of a table, or the lines of a file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fractalctl.corpora.columns import id_in, text_in
from fractalctl.corpora.tabular import SUFFIXES, open_table, open_text, table_format
from fractalctl.errors import RequestError
from store.files import why_no_file

LINES = ".txt"
"""End of the name of a file that holds a text on each line."""


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

    Raises:
        RequestError: there is no such file.
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

        Raises:
            RequestError: there are no texts, or as for `__iter__`.
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
            there = ", ".join(f"'{name}'" for name in table.columns)
            raise RequestError(f"{self.path}: no column '{self.column}'; name one of {there} with --text")
        for number, row in table.rows:
            place = table.origin.place(number)
            text = text_in(row, self.column, place)
            if not text.strip():
                raise RequestError(
                    f"{place}: no text in column '{self.column}'; give it one or remove the row"
                )
            yield NamedText(id_in(row, "id") or str(number), text)
