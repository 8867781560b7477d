"""Standard output is for programs, standard error for people: this class is where both are written."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from fractalctl.progress import Advance
from fractalctl.tables import visible

if TYPE_CHECKING:
    import rich.console

    from fractalctl.tables import Table


WIDTH_OF_FILES = 160
"""Columns of standard error when it is no terminal: nothing is wrapped in logs."""


class _StandardError:
    """Standard error, whatever has become of it: closed, full, or a pipe without a reader.

    Nobody reads it then, and that is no reason to lose work.
    """

    @property
    def encoding(self) -> str:
        return sys.stderr.encoding

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()

    def fileno(self) -> int:
        return sys.stderr.fileno()


class Console:
    """One command's two channels.

    Args:
        json: print one JSON document to standard output instead of paths.
        quiet: print nothing to standard error but errors.
        verbose: let tracebacks and details through.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self.verbose = verbose

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
            _StandardError().write(f"{visible(message)}\n")

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
        """Draw tables for people, of each the columns that it has for a terminal."""
        if self.quiet:
            return
        from rich import box
        from rich.table import Table as Grid
        from rich.text import Text

        def plain(cell: object) -> Text:
            return Text(visible(str(cell)))

        for table in (one.in_brief() for one in tables):
            grid = Grid(title=plain(table.caption), title_justify="left", box=box.SIMPLE_HEAD)
            for place, column in enumerate(table.columns):
                grid.add_column(
                    plain(column), justify="left" if place < table.left else "right", overflow="fold"
                )
            for row in table.rows:
                grid.add_row(*map(plain, row))
            self._stderr.print(grid)

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Advance]:
        """Show a bar on standard error while the block runs; nothing when quiet or not a terminal."""
        if self.quiet or not self._stderr.is_terminal:
            yield lambda _: None
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
            paths: of what was written.
            document: JSON values; documents of `fractalctl.documents` may stand anywhere in it.
        """
        if self.json:
            json.dump(document, sys.stdout, indent=2, allow_nan=False, default=_plain)
            sys.stdout.write("\n")
        else:
            sys.stdout.writelines(f"{path}\n" for path in paths)
        sys.stdout.flush()


def _plain(value: Any) -> Any:
    """What JSON has no type for: documents as their files hold them, all else as text."""
    from msgspec import Struct

    from fractalctl.documents import base

    return base.to_json(value) if isinstance(value, Struct) else str(value)
