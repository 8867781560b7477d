"""A statistics section, ready for a paper: sentences and tables made from the document of statistics."""

from collections.abc import Iterable

from fractalctl.errors import RequestError
from fractalctl.statistics.section import results
from fractalctl.statistics.section.comparison_tables import (
    comparison_tables,
    equivalence_table,
    further_tests,
    power_table,
    query_table,
)
from fractalctl.statistics.section.methods import methods
from fractalctl.statistics.section.pooling_tables import meta_tables, robustness_tables
from fractalctl.statistics.section.published_table import published_table
from fractalctl.statistics.section.scaling_tables import quadratic_table, scaling_tables
from fractalctl.statistics.section.writing import (
    Block,
    Document,
    Heading,
    Paragraph,
    Table,
    comparisons_csv,
    latex,
    markdown,
)

__all__ = [
    "FORMATS",
    "Block",
    "Heading",
    "Paragraph",
    "Table",
    "brief_tables",
    "notes",
    "section",
    "tables",
    "write",
]

FORMATS = ("md", "latex", "csv")
"""``md`` and ``latex`` hold the whole section, ``csv`` the comparisons in full precision."""

TABLES = (
    comparison_tables,
    further_tests,
    equivalence_table,
    power_table,
    query_table,
    meta_tables,
    scaling_tables,
    robustness_tables,
    quadratic_table,
    published_table,
)


def tables(document: Document) -> list[Table]:
    """Every table whose block is in the document, in the order in which they are read."""
    return [table for make in TABLES for table in make(document)]


def brief_tables(document: Document) -> list[Table]:
    """The tables, and of these the columns, that a terminal shows."""
    return [brief for table in tables(document) if (brief := table.in_brief()) is not None]


def notes(document: Document) -> list[str]:
    """What to keep in mind when reading the numbers, as sentences."""
    return [f"{note[0].upper()}{note[1:]}." for note in results.notes(document)]


def section(document: Document) -> list[Block]:
    """The whole section: methods, results, tables, notes."""
    return [
        Heading("Statistics", 1),
        *_part("Methods", map(Paragraph, methods(document))),
        *_part("Results", map(Paragraph, results.results(document))),
        *_part("Tables", tables(document)),
        *_part("Notes", map(Paragraph, notes(document))),
    ]


def _part(title: str, blocks: Iterable[Block]) -> list[Block]:
    found = list(blocks)
    return [Heading(title), *found] if found else []


def write(document: Document, form: str) -> str:
    """The section as text in one of `FORMATS`.

    Raises:
        RequestError: no such format, or CSV without any comparison.
    """
    if form == "csv":
        return comparisons_csv(document)
    writers = {"md": markdown, "latex": latex}
    if form not in writers:
        raise RequestError(f"--format {form}: expected {', '.join(FORMATS)}")
    return writers[form](section(document))
