"""Standard output is for programs, standard error for people: this class is where both are written."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from fractalctl.progress import Advance, lines, silent
from fractalctl.signals import raise_if_interrupted
from fractalctl.tables import visible

if TYPE_CHECKING:
    import rich.console
    import rich.table

    from fractalctl.documents import Document
    from fractalctl.tables import Table


WIDTH_OF_FILES = 160
"""Columns of standard error when it is no terminal: nothing is wrapped in logs."""
BORDER = 3
"""Columns of a terminal that stand between two columns of a table."""
LONGEST_NAME = 24
"""Columns of a terminal; words that take more are a sentence, which may go on in the next line."""


class _StandardError:
    """Standard error, whatever has become of it: closed, full, or a pipe without a reader.

    Nobody reads it then, and that is no reason to lose work.
    """

    @property
    def _stream(self) -> TextIO:
        """The stream itself: while a bar is drawn, rich puts one in its place that writes to us."""
        stream: TextIO = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        return stream

    @property
    def encoding(self) -> str:
        return self._stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


class Console:
    """One command's two channels."""

    def __init__(
        self, *, json: bool = False, quiet: bool = False, verbose: bool = False, wide: bool = False
    ) -> None:
        self.json = json
        self.quiet = quiet
        self.verbose = verbose
        self.wide = wide

    @cached_property
    def _stderr(self) -> "rich.console.Console":
        from rich.console import Console as RichConsole

        console = RichConsole(file=cast(TextIO, _StandardError()), soft_wrap=True, highlight=False)
        if not console.is_terminal:
            console.width = WIDTH_OF_FILES
        return console

    def note(self, message: str) -> None:
        """Say something to the person at the terminal."""
        if not self.quiet:
            with suppress(OSError, ValueError):
                sys.stderr.write(f"{visible(message)}\n")  # above a bar, where one is drawn

    def detail(self, message: str) -> None:
        """Say something that only ``--verbose`` shows."""
        if self.verbose:
            self.note(message)

    def warn(self, message: str) -> None:
        """Say something that may change how a result is read."""
        if not self.quiet:
            self._stderr.print(f"Warning: {visible(message)}", style="yellow", markup=False)

    def error(self, message: str) -> None:
        """Say why the command ends; shown even with ``--quiet``."""
        self._stderr.print(f"Error: {visible(message)}", style="red", markup=False)

    def tables(self, tables: "Iterable[Table]") -> None:
        """Draw tables for people, of each the columns that it has for a terminal.

        Names and values are never broken, sentences between words only: what a terminal has no room for is
        left out, and said. With ``--wide`` every column is drawn.
        """
        if self.quiet:
            return
        for table in tables:
            shown = table if self.wide else table.in_brief()
            fitting, kept = shown, shown.left + 1 if shown.left < len(shown.columns) else 1
            while not self._has_room(fitting) and len(fitting.columns) > kept:
                fitting = fitting.without(fitting.columns[-1:])
            grid, width = _grid(fitting, None if self._unbound else self._stderr.width)
            self._stderr.print(grid, width=width)
            if left_out := [column for column in shown.columns if column not in fitting.columns]:
                self.note(f"Left out for want of room: {', '.join(left_out)} (--wide shows them)")

    @property
    def _unbound(self) -> bool:
        """Whether lines may be of any length."""
        return self.wide or not self._stderr.is_terminal

    def _has_room(self, table: "Table") -> bool:
        return self._unbound or _grid(table, 0)[1] <= self._stderr.width

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Advance]:
        """Show a bar on standard error while the block runs; a line now and then where it is no terminal.

        Where a library swallowed an interrupt, as some do while they are loaded, the next step ends the work.
        """
        with self._drawn(description, total) as advance:

            def step(amount: int) -> None:
                raise_if_interrupted()
                advance(amount)

            yield step

    @contextmanager
    def _drawn(self, description: str, total: int) -> Iterator[Advance]:
        if self.quiet or not self._stderr.is_terminal:
            with (
                silent(description, total) if self.quiet else lines(self.note, description, total) as advance
            ):
                yield advance
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        text = TextColumn("{task.description}", markup=False)
        columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=self._stderr) as bar:
            task = bar.add_task(visible(description), total=total)
            yield lambda amount: bar.advance(task, amount)

    def emit(self, paths: Iterable[Path | str], document: Any) -> None:
        """Give programs the outcome: paths one per line, or with ``--json`` the document alone.

        Args:
            document: JSON values; documents of `fractalctl.documents` may stand anywhere in it.
        """
        if self.json:
            json.dump(document, sys.stdout, indent=2, allow_nan=False, default=_plain)
            sys.stdout.write("\n")
        else:
            sys.stdout.writelines(f"{path}\n" for path in paths)
        sys.stdout.flush()

    def emit_results(self, results: "Iterable[tuple[Path, Document]]") -> None:
        """Give programs the files of results and their documents, a single one by itself."""
        paths, documents = zip(*results, strict=True)
        self.emit(paths, documents[0] if len(documents) == 1 else documents)


def _grid(table: "Table", room: int | None) -> "tuple[rich.table.Table, int]":
    """A table as it is drawn in so many columns of a terminal, None for any number; and how many it takes."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(title=Text(visible(table.caption)), title_justify="left", box=box.SIMPLE_HEAD)
    cells = [[visible(str(cell)) for cell in row] for row in table.rows]
    widths = _widths(table, cells, room)
    for place, (column, width) in enumerate(zip(table.columns, widths, strict=True)):
        justify: Any = "left" if place < table.left else "right"
        grid.add_column(
            Text(visible(column)), justify=justify, overflow="fold", min_width=width, max_width=width
        )
    for row in cells:
        grid.add_row(*map(Text, row))
    return grid, sum(widths) + BORDER * len(widths) + 1


def _widths(table: "Table", cells: Sequence[Sequence[str]], room: int | None) -> list[int]:
    """What each column takes; where there is no room, the widest first give way as far as they can."""
    from rich.cells import cell_len

    bounds = []
    for place, column in enumerate(table.columns):
        own = [row[place] for row in cells]
        least = [cell_len(word) for word in column.split()]
        least += [_least(cell, place < table.left) for cell in own]
        bounds.append((max(least, default=0), max(map(cell_len, (column, *own)))))
    widths = [most for _, most in bounds]
    while room is not None and sum(widths) + BORDER * len(widths) + 1 > room:
        spare = [width - least for width, (least, _) in zip(widths, bounds, strict=True)]
        if not any(spare):
            break
        widths[spare.index(max(spare))] -= 1
    return widths


def _least(cell: str, words: bool) -> int:
    """Columns of a terminal that a cell takes at least: of words, what is longer is a sentence."""
    from rich.cells import cell_len

    if not words or cell_len(cell) <= LONGEST_NAME:
        return cell_len(cell)
    return max(LONGEST_NAME, *map(cell_len, cell.split()))


def _plain(value: Any) -> Any:
    """What JSON has no type for: documents as their files hold them, all else as text."""
    from msgspec import Struct

    from fractalctl import documents

    return documents.to_json(value) if isinstance(value, Struct) else str(value)
