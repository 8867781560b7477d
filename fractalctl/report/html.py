"""Sections as one HTML file: no network, nothing beside it; a slider over lengths, arms to explore."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from fractalctl.documents import to_json
from fractalctl.documents.compare import ArmAtPlace, ArmsCompared
from fractalctl.documents.zoom import ExampleQuery, Zoom
from fractalctl.report.figures import svg
from fractalctl.report.writers import commonmark
from fractalctl.tables import Explorer, Part, Section, Slider

SCRIPTS = ("page.js", "slider.js", "explorer.js")

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
"""Nothing is loaded, and no script runs but the page's own, whatever texts and names may contain."""
LONGEST_LINE = 36
"""Characters of a cell that stand on one line."""
SHOWN = ("corpus", "backbone", "arm", "seed", "dims", "k", "n_queries", "n_reference", "shares", "changes")
"""What the page needs of a zoom document; folders of the machine that made it stay out."""
KINDS = ("rise", "stay", "fall")
MEASURES = {
    "leakage": "leakage: {fine} by a linear probe of the shortest prefix (%)",
    "short_coarse": "{coarse} at the shortest prefix (%)",
    "short_fine": "{fine} at the shortest prefix (%)",
    "full_coarse": "{coarse} at full length (%)",
    "full_fine": "{fine} at full length (%)",
    "kept_64": "nearest neighbours kept by a shortlist of 64 (%)",
    "cascade_64": "{fine} through a shortlist of 64 (%)",
}
"""What the frontier can be drawn over, by name in the document, with the name of its axis."""


def html_page(title: str, sections: Sequence[Section]) -> str:
    """A page that opens anywhere; the same arguments give the same text.

    Args:
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


def slider_data(slider: Slider) -> list[dict[str, Any]]:
    """Every head's examples, in the proportion in which all test rows change."""
    return [_zoom(one, slider.called(one)) for one in slider.zooms]


def _zoom(one: Zoom, titles: Mapping[str, str]) -> dict[str, Any]:
    document = to_json(one)
    chosen = in_proportion(one)
    groups = [
        {"name": kind, "queries": [to_json(query) for query in queries]} for kind, queries in chosen.items()
    ]
    queries = [query for found in chosen.values() for query in found]
    used = {answer.row for query in queries for answers in query.answers.values() for answer in answers}
    shown = {name: document[name] for name in SHOWN}
    rows = {row: content for row, content in document["rows"].items() if int(row) in used}
    blind = {query.row for group in one.groups if group.name == "blind" for query in group.queries}
    n_blind = sum(query.row in blind for query in queries)
    return shown | {"titles": titles, "groups": groups, "rows": rows, "blind": n_blind}


def in_proportion(one: Zoom) -> dict[str, list[ExampleQuery]]:
    """Example queries by what becomes of their answers, as many of each kind as its share of all test rows.

    Those that were chosen blind come first. As many are shown as there are enough of every kind for.
    """
    unique = {query.row: query for group in one.groups for query in group.queries}
    pools: dict[str, list[ExampleQuery]] = {kind: [] for kind in KINDS}
    for query in unique.values():
        pools[_kind(query, one)].append(query)
    counts = [getattr(one.changes, kind) for kind in KINDS]
    for total in range(len(unique), 0, -1):
        quotas = dict(zip(KINDS, apportioned(total, counts), strict=True))
        if all(quotas[kind] <= len(pools[kind]) for kind in KINDS):
            return {kind: pools[kind][: quotas[kind]] for kind in KINDS if quotas[kind]}
    return {kind: found for kind, found in pools.items() if found}


def apportioned(total: int, counts: Sequence[int]) -> list[int]:
    """Whole numbers that sum to a total, in proportion to counts (largest remainders).

    >>> apportioned(10, [367, 1333, 300])
    [2, 7, 1]
    """
    exact = [total * count / max(1, sum(counts)) for count in counts]
    whole = [int(share) for share in exact]
    order = sorted(range(len(counts)), key=lambda place: whole[place] - exact[place])
    for place in order[: total - sum(whole) if sum(counts) else 0]:
        whole[place] += 1
    return whole


def _kind(query: ExampleQuery, one: Zoom) -> str:
    """Whether more, as many or fewer of a query's answers have its finest class at full length."""
    short, full = (
        sum(one.rows[str(answer.row)].labels[-1] == query.labels[-1] for answer in query.answers[str(length)])
        for length in (one.dims[0], one.dims[-1])
    )
    return "rise" if full > short else "fall" if full < short else "stay"


def explorer_data(explorer: Explorer) -> list[dict[str, Any]]:
    """Every place that was compared, with its arms and the names of its axes."""
    return [place for document in explorer.compared for place in _places(document)]


def _places(document: ArmsCompared) -> Iterator[dict[str, Any]]:
    for place in document.places:
        coarse, fine = place.titles or place.levels
        having = [name for name in MEASURES if all(name in one.measures for one in place.arms)]
        axes = {name: MEASURES[name].format(coarse=coarse, fine=fine) for name in having}
        if len(having) > 1:
            yield {
                "label": f"{place.label}, {document.protocol}",
                "corpus": place.label,
                "axes": axes,
                "arms": [_arm(one, having) for one in place.arms],
            }


def _arm(one: ArmAtPlace, names: Sequence[str]) -> dict[str, Any]:
    """Percentages: mean and the ends of the interval of each measure, rounded to what a figure shows."""
    values = {}
    for name in names:
        found = one.measures[name]
        low, high = found.ci or (found.mean, found.mean)
        values[name] = [round(100 * value, 2) for value in (found.mean, low, high)]
    return {"arm": one.arm, "best": not one.dominated_by, "seeds": len(one.seeds), "values": values}
