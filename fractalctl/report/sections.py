"""What a part of a report consists of, in any format: prose, tables, pictures, verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Claim = tuple[str, str, str]
"""A claim of the paper, where it was looked at, and the verdict with its numbers."""


@dataclass(frozen=True)
class Table:
    """Cells as text, ready to be set.

    Attributes:
        name: stem of its files, such as ``table-5-synthetic``.
        caption: what stands in it: protocol, seeds, what a ± means, and the paper's table that it answers.
        columns: one heading per column.
        rows: one cell per column; anything that `str` turns into text.
        left: how many of the first columns are words; all others hold numbers.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    left: int = 1


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Attributes:
        name: stem of its files, such as ``figure-5-synthetic``.
        caption: what is drawn, what the bars or bands are, and the paper's figure that it answers.
        figure: see `fractalctl.report.figures.new_figure`.
    """

    name: str
    caption: str
    figure: "Figure"


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        title: its heading.
        parts: paragraphs (Markdown), tables and pictures in the order of reading.
        claims: verdicts on the paper's claims, computed from the documents.
    """

    title: str
    parts: Sequence[str | Table | Picture]
    claims: Sequence[Claim] = field(default=())
