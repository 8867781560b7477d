"""A statistics section, ready for a paper: sentences and tables made from one document of statistics."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from fractalctl.documents.base import to_json
from fractalctl.documents.statistics import Statistics
from fractalctl.errors import RequestError
from fractalctl.report.prose import methods, notes, results
from fractalctl.report.statistics_tables import statistics_tables
from fractalctl.report.writers import csv_text, latex_page, markdown_page, markdown_text
from fractalctl.tables import Section

TITLE = "Statistics"
FORMATS = ("md", "latex", "csv")
"""``md`` and ``latex`` hold the whole section, ``csv`` the comparisons in full precision."""


def statistics_sections(document: Statistics) -> list[Section]:
    """Methods, results, tables, notes; those of which there is something to say."""
    written = [
        Section("Methods", list(methods(document))),
        Section("Results", list(results(document))),
        Section("Tables", statistics_tables(document)),
        Section("Notes", [markdown_text(note) for note in notes(document)]),
    ]
    return [section for section in written if section.parts]


def write_statistics(document: Statistics, form: str) -> str:
    """The section as text in one of `FORMATS`.

    Raises:
        RequestError: no such format, or CSV without any comparison.
    """
    if form == "csv":
        return comparisons_csv(document)
    writers = {"md": markdown_page, "latex": latex_page}
    if form not in writers:
        raise RequestError(f"--format {form}: expected {', '.join(FORMATS)}")
    return writers[form](TITLE, statistics_sections(document))


def comparisons_csv(document: Statistics) -> str:
    """The comparisons of a document as CSV, in full precision; of a document without any, the described arms.

    Nested keys are joined by dots, an interval becomes two columns, a list one cell.

    Raises:
        RequestError: there is neither.
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
