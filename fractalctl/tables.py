"""What a report or a terminal shows, as plain data: tables, pictures and sections of them."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fractalctl.documents.compare import ArmsCompared
    from fractalctl.documents.zoom import Zoom


_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Text that shows what it holds: control characters, and those that turn a line, spelled out.

    >>> print(visible("a\x1b[31mb"))
    a\x1b[31mb
    """
    return _UNSEEN.sub(lambda found: ascii(found.group())[1:-1], text)


@dataclass(frozen=True)
class Table:
    """Cells as text, ready to be set.

    Attributes:
        name: stem of its files, such as ``steerability-minilm-loo``.
        caption: what stands in it: protocol, seeds, what a ± means.
        columns: one heading per column.
        rows: one cell per column; anything that `str` turns into text. Floats are formatted before.
        left: how many of the first columns are words; all others hold numbers.
        brief: the columns that a terminal shows; None for all.
        marks: how whole cells are coloured, by their text: ``good``, ``bad`` or ``between``.
        folded: whether a page opens it on demand only.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    left: int = 1
    brief: Collection[str] | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    folded: bool = False

    def only(self, columns: Collection[str]) -> Self:
        """The same table with these of its columns, in their order here."""
        places = [place for place, column in enumerate(self.columns) if column in columns]
        return replace(
            self,
            columns=[self.columns[place] for place in places],
            rows=[[row[place] for place in places] for row in self.rows],
            left=sum(place < self.left for place in places),
        )

    def without(self, columns: Collection[str]) -> Self:
        """The same table without these columns."""
        return self.only([column for column in self.columns if column not in columns])

    def in_brief(self) -> Self:
        """The columns that a terminal shows."""
        return self if self.brief is None else self.only(self.brief)


@dataclass(frozen=True)
class Picture:
    """A figure that is drawn when it is needed.

    Attributes:
        name: stem of its files, such as ``accuracy-clinc-minilm-loo``.
        caption: what is drawn, and what bars or bands are.
        alt: what it shows, for those who do not see it; the caption where empty.
        draw: makes the figure; raises MissingExtraError where matplotlib is not installed.
        folded: whether a page opens it on demand only.
    """

    name: str
    caption: str
    draw: Callable[[], "Figure"]
    alt: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Slider:
    """Example queries that a page answers at every length, by a slider; other formats leave it out.

    Attributes:
        zooms: what it shows; a page has one slider at most.
        titles: what people call the levels, coarsest first, by the identity of feature sets.
    """

    zooms: Sequence["Zoom"]
    titles: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def called(self, zoom: "Zoom") -> dict[str, str]:
        """What people call the levels of one of them, by the codes of its shares."""
        codes = list(zoom.shares[zoom.arm][str(zoom.dims[0])])
        return dict(zip(codes, self.titles.get(zoom.features.identity) or codes, strict=True))


@dataclass(frozen=True)
class Explorer:
    """Arms as points that a reader sets over any two measures; other formats leave it out.

    Attributes:
        compared: what it shows; a page has one explorer at most.
    """

    compared: Sequence["ArmsCompared"]


Part = str | Table | Picture | Slider | Explorer
"""Of a section; text is Markdown, see `fractalctl.report.writers.markdown_text` for names in it."""


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        parts: paragraphs (Markdown), tables, pictures and the slider in the order of reading.
        order: sections are read in ascending order of it.
        summary: whether it stands on the first of several pages; others are a click away.
    """

    title: str
    parts: Sequence[Part]
    order: float = 0
    summary: bool = False
