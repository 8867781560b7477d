"""Sections of a report as HTML; whatever texts and names contain, they stay text."""

import base64
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from fractalctl.report.sections import Claim, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW_VERDICTS = 3
"""So many of one claim are shown at once."""
LONGEST_LINE = 36
"""Characters of a cell that stand on one line."""


@cache
def _markdown() -> MarkdownIt:
    """Markdown without markup of its own and without pictures, which would come from elsewhere."""
    return MarkdownIt("commonmark", {"html": False}).disable("image")


def section_as_html(name: str, section: Section) -> str:
    """A section under a heading of level 2, with its verdicts at its end.

    Args:
        name: for links to it.
        section: paragraphs, captions and verdicts are Markdown; cells of tables are plain text.
    """
    parts = [
        f'<section id="{name}" aria-labelledby="{name}-heading">',
        f'<h2 id="{name}-heading">{escape(section.title)}</h2>',
        *map(_part, section.parts),
        *([_claims(section.claims)] if section.claims else []),
        "</section>",
    ]
    return "\n".join(parts)


def _part(part: str | Table | Picture) -> str:
    if isinstance(part, str):
        return str(_markdown().render(part))
    return _picture(part) if isinstance(part, Picture) else table_as_html(part)


def _inline(text: str) -> str:
    return str(_markdown().renderInline(text))


def table_as_html(table: Table) -> str:
    """A table that scrolls by itself, by keyboard too, where the screen is narrower."""
    head = "".join(
        f'<th scope="col"{_side(place, table)}>{escape(str(column))}</th>'
        for place, column in enumerate(table.columns)
    )
    body = "\n".join(_row(row, table) for row in table.rows)
    return (
        f'<figure class="table" id="table-{escape(table.name)}">\n'
        f"<figcaption>{_inline(table.caption)}</figcaption>\n"
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.name)}">\n'
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>\n</figure>"
    )


def _row(row: Sequence[object], table: Table) -> str:
    first, *rest = map(str, row)
    cells = "".join(
        f"<td{_side(place, table, cell)}>{escape(cell)}</td>" for place, cell in enumerate(rest, 1)
    )
    return f'<tr><th scope="row"{_side(0, table, first)}>{escape(first)}</th>{cells}</tr>'


def _side(place: int, table: Table, cell: str = "") -> str:
    """Words to the left, numbers to the right; only long cells may break."""
    classes = ["left"] * (place < table.left) + ["long"] * (len(cell) > LONGEST_LINE)
    return f' class="{" ".join(classes)}"' if classes else ""


def _picture(picture: Picture) -> str:
    return (
        f'<figure class="picture" id="figure-{escape(picture.name)}">\n'
        f'<img src="data:image/svg+xml;base64,{_drawn(picture.figure)}" alt="{escape(picture.caption)}">\n'
        f"<figcaption>{_inline(picture.caption)}</figcaption>\n</figure>"
    )


def _drawn(figure: "Figure") -> str:
    """A figure as SVG in base64; its identifiers are fixed, so that equal figures are equal bytes."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "fractalctl"}):
        figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return base64.b64encode(stream.getvalue()).decode()


def _claims(claims: Sequence[Claim]) -> str:
    """Verdicts claim by claim; those of a claim that was looked at in many places open on demand."""
    by_claim: dict[str, list[Claim]] = defaultdict(list)
    for one in claims:
        by_claim[one[0]].append(one)
    return "\n".join(["<h3>Verdicts</h3>", *map(_verdicts, by_claim.values())])


def _verdicts(claims: Sequence[Claim]) -> str:
    counts = Counter(_verdict(text) for _, _, text in claims)
    summary = ", ".join(
        f'<span data-verdict="{escape(name)}"><strong>{escape(name)}</strong> {count}</span>'
        for name, count in counts.items()
    )
    items = "\n".join(_item(where, text) for _, where, text in claims)
    is_open = " open" if len(claims) <= FEW_VERDICTS else ""
    claim = f"<summary>{_inline(claims[0][0])}: {summary}</summary>"
    return f'<details class="claim"{is_open}>\n{claim}\n<ul>\n{items}\n</ul>\n</details>'


def _item(where: str, text: str) -> str:
    place = f'<span class="where">{escape(where)}</span>'
    return f'<li data-verdict="{escape(_verdict(text))}">{place} {_inline(text)}</li>'


def _verdict(text: str) -> str:
    """The words in bold that a verdict begins with; nothing where there are none."""
    return text.split("**")[1] if text.startswith("**") else ""
