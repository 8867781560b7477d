"""Arms against each other, over training seeds."""

from fractalctl.documents.statistics import Statistics
from fractalctl.report import statistics_tables as of
from fractalctl.report.prose import comparisons, methods, notes
from fractalctl.report.results import Results, where
from fractalctl.report.writers import markdown_text
from fractalctl.tables import Part, Section

ORDER = 40
KINDS = ("evaluations", "backbones")
"""Parts of a folder whose tests stand here; experiments have sections of their own."""
TABLES = (
    of.described_table,
    of.comparison_tables,
    of.equivalence_table,
    of.power_table,
    of.signs_table,
    of.backbones_table,
    of.further_tests_table,
    of.query_table,
)


def of_evaluations(results: Results) -> list[Statistics]:
    """Statistics of evaluations, one backbone's first; those that the user named last."""
    known = [one for kind in KINDS for one in results.statistics if one.about and one.about.kind == kind]
    return [*known, *(one for one in results.statistics if one.about is None)]


def build(results: Results) -> Section | None:
    """The report's part on tests; None where nothing was tested."""
    parts: list[Part] = []
    for document in of_evaluations(results):
        tables = [table for make in TABLES for table in make(document)]
        if tables:
            place = where(document) or "as they were named"
            parts.append(f"**{markdown_text(place)}.** {' '.join(methods(document))}")
            parts += [*comparisons(document), *(markdown_text(note) for note in notes(document)), *tables]
    return Section("Comparisons", parts, ORDER) if parts else None
