"""Sections as one HTML file: no network, nothing beside it, and a slider over prefix lengths."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from fractalctl.report.figures import svg
from fractalctl.report.interactive import explorer_data, slider_data
from fractalctl.report.writers import commonmark
from fractalctl.tables import Explorer, Part, Section, Slider

SCRIPTS = ("page.js", "slider.js", "explorer.js")

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
"""Nothing is loaded, and no script runs but the page's own, whatever texts and names may contain."""
LONGEST_LINE = 36
"""Characters of a cell that stand on one line."""


def html_page(title: str, sections: Sequence[Section]) -> str:
    """A page that opens anywhere; the same arguments give the same text.

    Args:
        title: its heading.
        sections: in the order of reading; paragraphs are Markdown, everything else is plain text.
    """
    parts = [part for section in sections for part in section.parts]
    data = {
        "zooms": [one for part in parts if isinstance(part, Slider) for one in slider_data(part)],
        "places": [one for part in parts if isinstance(part, Explorer) for one in explorer_data(part)],
    }
    script = Markup("\n").join(map(_asset, SCRIPTS))
    page = _environment().get_template("page.html")
    return page.render(
        policy=POLICY.format(script=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()),
        title=title,
        style=_asset("page.css"),
        script=script,
        data={name: _data(found) for name, found in data.items() if found},
        sections=[(_name(number, section), section) for number, section in enumerate(sections, 1)],
        longest=LONGEST_LINE,
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fractalctl.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"prose": _prose, "svg": svg, "template": _template}
    return environment


def _asset(name: str) -> Markup:
    """A file of our own that stands in the page as it is."""
    loader = _environment().loader
    return Markup(loader.get_source(_environment(), name)[0] if loader else "")  # noqa: S704  our own file


def _prose(text: str) -> Markup:
    return Markup(commonmark().render(text).rstrip())  # noqa: S704  rendered with HTML switched off


def _template(part: Part) -> str:
    return "text.html" if isinstance(part, str) else f"{type(part).__name__.lower()}.html"


def _name(number: int, section: Section) -> str:
    """For links to a section, unique whatever its title."""
    return f"section-{number}-{re.sub('[^a-z0-9]+', '-', section.title.lower()).strip('-')}"


def _data(found: Sequence[dict[str, Any]]) -> Markup:
    """Documents as a block of data that no text in them can end."""
    text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  no "<" is left in it
