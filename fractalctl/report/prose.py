"""A statistics section, ready for a paper: sentences from one document's figures, and the whole as text."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import jinja2

from fractalctl.documents import to_json
from fractalctl.documents.statistics import Comparison, Statistics
from fractalctl.errors import RequestError
from fractalctl.numbers import interval, listed, number, p_phrase, percent, signed
from fractalctl.report.statistics_tables import PREDICTORS, known_p, pairs_of, reasons, statistics_tables
from fractalctl.report.writers import csv_text, latex_page, markdown_page, markdown_text
from fractalctl.tables import Section

TITLE = "Statistics"
FORMATS = ("md", "latex", "csv")
"""``md`` and ``latex`` hold the whole section, ``csv`` the comparisons in full precision."""
RESULTS = ("comparisons", "pooled", "scaling", "parabolas", "definitions")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fractalctl.report"),
        autoescape=False,  # noqa: S701  the text is Markdown, for which `text` escapes names
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "text": markdown_text, "number": number, "signed": signed, "interval": interval, "percent": percent,
        "p": p_phrase, "adjusted": known_p, "predictors": PREDICTORS,
    }  # fmt: skip
    return environment.get_template("statistics.md.j2")


def said(document: Statistics, *parts: str) -> list[str]:
    """Paragraphs of Markdown: ``methods``, or any of `RESULTS`, which are macros of ``statistics.md.j2``."""

    def tested(a: str, b: str) -> list[tuple[Comparison, float | None]]:
        rows = [row for row in document.comparisons if (row.a, row.b) == (a, b)]
        return [(row, row.p_adjusted if document.correction else row.p) for row in rows]

    def clear(rows: list[tuple[Comparison, float | None]]) -> list[tuple[Comparison, float | None]]:
        return [(row, p) for row, p in rows if p is not None and p < document.alpha]

    module = _template().make_module(
        {"document": document, "pairs": pairs_of(document.comparisons), "tested": tested, "clear": clear}
    )
    text = "\n\n".join(str(getattr(module, part)()) for part in parts)
    return [" ".join(one.split()) for one in re.split(r"\n\s*\n", text) if one.strip()]


def notes(document: Statistics) -> list[str]:
    """What to keep in mind when reading the numbers, as sentences in plain text; labels keep their case."""
    labels = {name for row in document.comparisons for name in (row.a, row.b, row.label)}
    labels |= {name for one in document.described for name in (one.arm, one.label)}
    first = {label.split()[0] for label in labels}
    told = _together(_notes(document), labels)
    shown = [note if re.split("[ ,]", note)[0] in first else note[0].upper() + note[1:] for note in told]
    return [f"{note.rstrip('.')}." for note in shown]


def _together(told: Iterable[str], labels: Iterable[str]) -> list[str]:
    """Notes, where what is said of several corpora alike is said once.

    >>> _together(["a: few rows", "b: few rows", "c was not measured and is left out"], ["a", "b", "c"])
    ['a and b: few rows', 'c was not measured and is left out']
    """
    longest = sorted(labels, key=lambda label: (-len(label), label))
    alike: dict[str, list[str]] = {}
    for note in told:
        label = next((one for one in longest if note.startswith((f"{one}: ", f"{one} was not"))), "")
        alike.setdefault(note.removeprefix(label), []).append(label)
    many = {rest: re.sub("^ was(.*) is left", r" were\1 are left", rest) for rest in alike}
    return [listed(found) + (many[rest] if found[1:] else rest) for rest, found in alike.items()]


def _notes(document: Statistics) -> Iterator[str]:
    yield from document.notes
    if document.robustness and document.robustness.note:
        yield document.robustness.note
    for name, fit in document.quadratic.fits.items() if document.quadratic else ():
        if fit.remark:
            yield f"parabola of {name}: {fit.remark}"
    if figures := document.published:
        agreeing = sum(figure.agrees for figure in figures)
        yield (
            f"these are the paper's own measurements: {agreeing} of {len(figures)} printed figures follow "
            "from them to the last digit"
        )
    for reason, letter in reasons(document).items():
        yield f"{letter} {reason}"


def statistics_sections(document: Statistics) -> list[Section]:
    """Methods, results, tables, notes; those of which there is something to say."""
    written = [
        Section("Methods", said(document, "methods")),
        Section("Results", said(document, *RESULTS)),
        Section("Tables", statistics_tables(document)),
        Section("Notes", [markdown_text(note) for note in notes(document)]),
    ]
    return [section for section in written if section.parts]


def write_statistics(document: Statistics, form: str) -> str:
    """The section in one of `FORMATS`; RequestError if there is no such format, or CSV has no comparison."""
    if form == "csv":
        return comparisons_csv(document)
    writers = {"md": markdown_page, "latex": latex_page}
    if form not in writers:
        raise RequestError(f"--format {form}: expected {', '.join(FORMATS)}")
    return writers[form](TITLE, statistics_sections(document))


def comparisons_csv(document: Statistics) -> str:
    """The comparisons of a document as CSV, in full precision; of a document without any, the described arms.

    Nested keys are joined by dots, an interval becomes two columns, a list one cell.

    Raises RequestError: there is neither.
    """
    rows = [_flat(to_json(row)) for row in document.comparisons or document.described]
    if not rows:
        raise RequestError("there is no comparison to write as CSV")
    stream = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: csv_text(cell) if isinstance(cell, str) else cell for key, cell in row.items()} for row in rows
    )
    return stream.getvalue()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key.endswith("ci"):
            low, high = value or (None, None)
            flat |= {f"{name}_low": low, f"{name}_high": high}
        elif isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat
