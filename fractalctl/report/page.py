"""The report as one HTML file: no network, nothing beside it, and a slider over prefix lengths."""

import base64
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from fractalctl.report.hypertext import section_as_html, table_as_html
from fractalctl.report.runs import Document
from fractalctl.report.sections import Section, Table
from store.files import write_aside

PATTERN = "zoom*.json"
"""The names of the files that the slider shows."""
SHOWN = (
    "corpus", "backbone", "strategy", "seed", "head", "dims", "k", "n_queries", "n_reference", "shares",
    "changes", "groups", "rows",
)  # fmt: skip
"""What the page needs of a zoom document; folders of the machine that made it stay out."""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
"""Nothing is loaded, and no script runs but the page's own, whatever texts and names may contain."""


def write_page(path: Path, title: str, zooms: Sequence[Document], sections: Sequence[Section]) -> Path:
    """Write a report that opens anywhere; the same arguments give the same bytes.

    Args:
        path: of the HTML file.
        title: its heading.
        zooms: zoom documents, see `PATTERN`; without any there is no slider.
        sections: in the order of reading; paragraphs, captions and verdicts are Markdown.

    Returns:
        The path.
    """
    script = _asset("page.js")
    page = Template(_asset("page.html")).substitute(
        policy=escape(POLICY.format(script=_checksum(script))),
        title=escape(title),
        style=_asset("page.css"),
        contents="\n".join(_contents(zooms, sections)),
        zoom=_zoom(zooms) if zooms else "",
        sections="\n".join(section_as_html(name, section) for name, section in _named(sections)),
        data=_data(zooms) if zooms else "",
        script=script,
    )
    with write_aside(path) as aside:
        aside.write_text(page, encoding="utf-8", newline="\n")
    return path


def _asset(name: str) -> str:
    return resources.files("fractalctl.report").joinpath(name).read_text(encoding="utf-8")


def _checksum(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _named(sections: Sequence[Section]) -> list[tuple[str, Section]]:
    """Sections with names for links to them, unique whatever their titles."""
    return [
        (f"section-{number}-{re.sub('[^a-z0-9]+', '-', section.title.lower()).strip('-')}", section)
        for number, section in enumerate(sections, 1)
    ]


def _contents(zooms: Sequence[Document], sections: Sequence[Section]) -> list[str]:
    entries = [("zoom", "Semantic zoom")] if zooms else []
    entries += [(name, section.title) for name, section in _named(sections)]
    return [f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in entries]


def _zoom(zooms: Sequence[Document]) -> str:
    tables = "\n".join(map(table_as_html, _shares_tables(zooms)))
    tables = f"<details>\n<summary>The shares at every length, as a table</summary>\n{tables}\n</details>"
    return Template(_asset("page.zoom.html")).substitute(tables=tables)


def _shares_tables(zooms: Sequence[Document]) -> list[Table]:
    """What the slider shows of all test queries, for those who cannot move it; a table for equal lengths."""
    caption = (
        "% of the k nearest training rows that have the query's class, mean over all test queries; one head "
        "each of the seed named."
    )
    by_dims: dict[tuple[int, ...], list[Document]] = defaultdict(list)
    for zoom in zooms:
        by_dims[tuple(zoom["dims"])].append(zoom)
    columns = ["corpus", "backbone", "head", "strategy", "level", "seed", "k", "queries"]
    return [
        Table(
            f"zoom-{'-'.join(map(str, dims))}",
            caption,
            [*columns, *(f"@{d}" for d in dims)],
            [row for zoom in found for row in _shares_rows(zoom)],
            left=5,
        )
        for dims, found in by_dims.items()
    ]


def _shares_rows(zoom: Document) -> Iterator[list[object]]:
    where = [zoom["corpus"], zoom["backbone"], zoom["head"]]
    for strategy, shares in zoom["shares"].items():
        for level in next(iter(shares.values())):
            found = [f"{100 * shares[str(length)][level]:.1f}" for length in zoom["dims"]]
            yield [*where, strategy, level, zoom["seed"], zoom["k"], zoom["n_queries"], *found]


def _data(zooms: Sequence[Mapping[str, Any]]) -> str:
    """Documents as a block of data that no text in them can end."""
    shown = [{key: zoom[key] for key in SHOWN} for zoom in zooms]
    text = json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f'<script type="application/json" id="zooms">{text.replace("<", chr(92) + "u003c")}</script>'
