"""Other definitions of steerability."""

from fractalctl.report.prose import definitions
from fractalctl.report.results import Results
from fractalctl.report.sections.comparisons import of_evaluations
from fractalctl.report.statistics_tables import robustness_tables
from fractalctl.report.writers import markdown_text
from fractalctl.tables import Part, Section

ORDER = 52


def build(results: Results) -> Section | None:
    """The report's part on how S is defined; None where no two arms were measured."""
    parts: list[Part] = []
    for document in of_evaluations(results):
        if document.robustness:
            note = document.robustness.note
            parts += [
                *definitions(document),
                *([markdown_text(note)] if note else []),
                *robustness_tables(document),
            ]
    return Section("Robustness of the measure", parts, ORDER) if parts else None
