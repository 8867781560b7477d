"""Tables and sections in the formats that people paste: Markdown, CSV, LaTeX."""

import csv
import io
from collections.abc import Sequence

from fractalctl.report import markdown
from fractalctl.report.sections import Picture, Section, Table
from fractalctl.statistics.section.writing import latex_text


def table_as_csv(table: Table) -> str:
    """The cells as they stand, one header row."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([table.columns, *table.rows])
    return stream.getvalue()


def table_as_latex(table: Table) -> str:
    r"""A floating table for ``\input``; it needs the packages booktabs and graphicx.

    Wide tables are scaled down to the width of a line.
    """
    alignment = "l" * table.left + "r" * (len(table.columns) - table.left)
    lines = [
        r"\begin{table}[htbp]",
        r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
        f"  \\caption{{{latex_text(table.caption)}}}",
        f"  \\label{{tab:{table.name}}}",
        r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        f"  \\begin{{tabular}}{{{alignment}}}",
        r"    \toprule",
        f"    {_latex_row(table.columns)}",
        r"    \midrule",
        *(f"    {_latex_row(row)}" for row in table.rows),
        r"    \bottomrule",
        r"  \end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[object]) -> str:
    return " & ".join(latex_text(str(cell)) for cell in cells) + r" \\"


def section_as_markdown(section: Section, figures: str) -> str:
    """A section under a heading of level 2, with its verdicts at its end.

    Args:
        section: what to write.
        figures: folder of the pictures, as seen from the page.
    """
    parts = [f"## {section.title}", *(_part(part, figures) for part in section.parts)]
    if section.claims:
        parts += ["### Verdicts", markdown.table(["claim", "where", "verdict"], section.claims, left=3)]
    return "\n\n".join(parts)


def _part(part: str | Table | Picture, figures: str) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Picture):
        return f"![{part.name.replace('-', ' ')}]({figures}/{part.name}.png)\n\n*{part.caption}*"
    return f"**{part.caption}**\n\n{markdown.table(part.columns, part.rows, part.left)}"
