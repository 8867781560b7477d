"""Tables on disk, row by row: CSV, TSV, JSON lines and Parquet, the text formats also gzipped.

Nothing is inferred: the label ``01`` stays ``01`` and ``NA`` stays a word. Every row knows where it stands.
"""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from fractalctl.corpora.records import Origin, Row
from fractalctl.errors import FractalError, RequestError
from store.errors import StoreError
from store.files import parse_json, why_no_file

NumberedRows = Iterator[tuple[int, Row]]

LONGEST_LINE = 2**26
"""Characters of a line or a cell, more than any text has: bounds what a few bytes of gzip unfold into."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How files of that encoding begin."""
BATCH_ROWS = 4096
"""Of a Parquet file in memory at a time."""

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "lines",
    ".parquet": "parquet",
}
"""Formats by the end of a file's name."""


@dataclass(frozen=True)
class Table:
    """Rows that are read as they are asked for.

    Args:
        columns: names of the columns (of JSON lines: the keys of the first row).
        rows: line or row number, and the row as column -> value.
    """

    origin: Origin
    columns: tuple[str, ...]
    rows: NumberedRows


SplitTables = Iterable[tuple[str | None, Table]]
"""Tables with the split that all their rows belong to; None where they say so themselves or have none."""


def open_tables(files: Mapping[str, Path]) -> SplitTables:
    """Open tables by role: the name of a split, or ``all``."""
    return ((None if role == "all" else role, open_table(path)) for role, path in files.items())


def open_table(path: Path, header: tuple[str, ...] | None = None) -> Table:
    """Open a table; the format is told by the file's name.

    Args:
        path: ``.csv``, ``.tsv``, ``.jsonl`` (``.ndjson``, ``.json``), ``.parquet``; all text also ``.gz``.
        header: names of the columns of a CSV or TSV file that has no header line.

    Raises RequestError: the format is unknown, or there are no rows or columns; FractalError: the file cannot
    be read as what its name says.
    """
    kind = table_format(path)
    if kind is None:
        raise RequestError(
            f"{path}: the format is told by the name, which must end in {', '.join(SUFFIXES)} "
            "(the text formats also in .gz)"
        )
    origin = Origin(path.name, "row" if kind == "parquet" else "line")
    if kind == "lines":
        table = as_table(origin, _json_rows(path))
    elif kind == "parquet":
        table = _parquet_table(origin, path)
    else:
        table = _delimited_table(origin, path, "," if kind == "csv" else "\t", header)
    if not table.columns:
        raise RequestError(f"{path}: the file is empty")
    return table


def as_table(origin: Origin, rows: NumberedRows) -> Table:
    """Rows as a table whose columns are those of the first; none where there is no row."""
    first = next(rows, None)
    return Table(origin, tuple(first[1]) if first else (), chain([first] if first else [], rows))


def table_format(path: Path) -> str | None:
    """``csv``, ``tsv``, ``lines`` or ``parquet``, by the file's name; None if it says none of them."""
    suffixes = path.name.lower().removesuffix(".gz").split(".")
    kind = SUFFIXES.get(f".{suffixes[-1]}") if len(suffixes) > 1 else None
    return None if kind == "parquet" and path.name.lower().endswith(".gz") else kind


@contextmanager
def open_text(path: Path, encoding: str = "utf-8-sig", *, errors: str = "strict") -> Iterator[TextIO]:
    r"""Open a text file, gunzipping ``.gz``; lines end in ``\n`` alone, as other separators occur in texts.

    Raises FractalError: (while reading) the bytes are not of this encoding, or the gzip stream is broken.
    """
    if not path.is_file():
        raise RequestError(f"{path}: {why_no_file(path)}")
    with path.open("rb") as stream:
        binary: Any = gzip.GzipFile(fileobj=stream) if _is_gzip(path) else stream
        try:
            with TextIOWrapper(binary, encoding, errors, newline="\n") as text:
                yield text
        except UnicodeDecodeError as error:
            found = f"byte {error.object[error.start]:#04x}"
            name = encoding.removesuffix("-sig")
            probably = "utf-16" if error.object.startswith(UTF_16) else "latin1"
            raise FractalError(
                f"{path}, line {undecodable_line(path, name)}: not {name} text ({found}); convert the file, "
                f"for example with iconv -f {probably} -t {name}"
            ) from error
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise FractalError(f"{path}: the gzip file is broken or incomplete ({error})") from error


def _is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def undecodable_line(path: Path, encoding: str) -> int:
    """The first line of a file that is not of an encoding, from 1."""
    number = 1
    with gzip.open(path) if _is_gzip(path) else path.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE), b""), 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    return number


def text_lines(path: Path, stream: TextIO) -> Iterator[str]:
    """Lines of a text file; FractalError if one is longer than any text, however well it was compressed."""
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE), ""), 1):
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise FractalError(
                f"{path}, line {number}: longer than {LONGEST_LINE:,} characters; is this a file of lines?"
            )
        yield line


def _delimited_table(origin: Origin, path: Path, delimiter: str, header: tuple[str, ...] | None) -> Table:
    lines = _delimited_lines(path, delimiter)
    columns = header or next(lines, (0, ()))[1]
    _check_columns(path, columns)
    return Table(origin, columns, _named_cells(path, columns, lines))


def _delimited_lines(path: Path, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line on which each record of a CSV file begins, and its cells; blank lines are left out."""
    csv.field_size_limit(LONGEST_LINE)
    with open_text(path) as stream:
        # Strict, so that a quotation mark that is never closed does not swallow the rest of the file.
        reader = csv.reader(text_lines(path, stream), delimiter=delimiter, strict=True)
        begin = 1
        try:
            for cells in reader:
                if cells:
                    yield begin, tuple(cells)
                begin = reader.line_num + 1
        except csv.Error as error:
            raise FractalError(
                f"{path}, line {begin}: {error} (a cell that holds quotation marks must be quoted, "
                'with each mark inside it doubled: "")'
            ) from error


def _named_cells(
    path: Path, columns: tuple[str, ...], lines: Iterator[tuple[int, tuple[str, ...]]]
) -> NumberedRows:
    for number, cells in lines:
        if len(cells) != len(columns):
            raise FractalError(
                f"{path}, line {number}: {len(cells)} cells where there are {len(columns)} columns"
            )
        yield number, dict(zip(columns, cells, strict=True))


def _json_rows(path: Path) -> NumberedRows:
    with open_text(path) as stream:
        for number, line in enumerate(text_lines(path, stream), 1):
            if line.isspace():
                continue
            if number == 1 and line.lstrip().startswith("["):
                raise FractalError(
                    f"{path}: holds one JSON array, expected a JSON object {{...}} on each line, as "
                    "jq -c '.[]' writes them"
                )
            try:
                row = parse_json(line, f"{path}, line {number}")
            except StoreError as error:
                raise FractalError(str(error)) from error
            if not isinstance(row, dict):
                raise FractalError(f"{path}, line {number}: each line must hold one JSON object {{...}}")
            yield number, row


def _parquet_table(origin: Origin, path: Path) -> Table:
    from pyarrow import ArrowException, parquet

    if not path.is_file():
        raise RequestError(f"{path}: {why_no_file(path)}")
    try:
        file = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise FractalError(f"{path}: not a readable Parquet file ({error})") from error
    columns = tuple(file.schema_arrow.names)
    _check_columns(path, columns)

    def rows() -> Iterator[Row]:
        try:
            for batch in file.iter_batches(BATCH_ROWS):
                yield from batch.to_pylist()
        except (ArrowException, OSError, ValueError) as error:
            raise FractalError(f"{path}: the Parquet file is damaged ({error})") from error

    return Table(origin, columns, enumerate(rows(), 1))


def _check_columns(path: Path, columns: tuple[str, ...]) -> None:
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise RequestError(f"{path}: the header names the column '{repeated[0]}' twice")
