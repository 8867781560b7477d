"""What was run: arms, corpora, backbones; and which files were left out."""

from fractalctl.numbers import MISSING
from fractalctl.report.results import Measured, Results, grouped, protocol_of
from fractalctl.report.writers import markdown_text
from fractalctl.tables import Section, Table

ORDER = 0
INTRODUCTION = (
    "`fractalctl report` writes this page from the files of the runs; no number in it is typed. An arm is "
    "what is compared: a strategy, what carries its losses, and the settings in which it departs from its "
    "defaults."
)


def build(results: Results) -> Section:
    """The report's beginning."""
    left_out = [f"**Note:** {markdown_text(warning)}." for warning in results.warnings]
    arms = [_table(results)] if results.evaluations else []
    return Section("Summary", [INTRODUCTION, *left_out, *arms], ORDER, summary=True)


def _table(results: Results) -> Table:
    rows = [
        [arm, *_cells(members)] for arm, members in grouped(results.measured, lambda row: row.arm).items()
    ]
    columns = ["arm", "strategy", "method", "trunk", "lengths", "nested", "seeds"]
    columns += ["corpora", "backbones", "protocols"]
    return Table("arms", "Arms that were evaluated.", columns, rows, left=4)


def _cells(rows: list[Measured]) -> list[object]:
    documents = [row.document for row in rows]
    first = documents[0]
    how = [first.strategy, first.method, first.trunk or MISSING]
    shape = [", ".join(map(str, first.dims)), "yes" if first.nested else "no"]
    counted = (
        [one.seed for one in documents],
        [row.corpus for row in rows],
        [one.backbone for one in documents],
    )
    counts = [len(set(values)) for values in counted]
    return [*how, *shape, *counts, ", ".join(dict.fromkeys(map(protocol_of, documents)))]
