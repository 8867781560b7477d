"""What a statistics section is made of: headings, paragraphs and tables, and how to write them down."""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fractalctl.errors import RequestError


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 or 2."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table of formatted cells; the first column is text, the others are numbers.

    Attributes:
        title: what it shows.
        columns: different names, one per column.
        rows: one cell per column.
        brief: the columns that a terminal shows; None: all, empty: it does not show the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    brief: Sequence[str] | None = None

    def without(self, unknown: Collection[str]) -> "Table":
        """This table without these columns."""
        return self._with([name for name in self.columns if name not in unknown], self.brief)

    def in_brief(self) -> "Table | None":
        """This table as a terminal shows it; None when it does not."""
        return (
            None if self.brief == () else self._with(self.columns if self.brief is None else self.brief, None)
        )

    def _with(self, columns: Sequence[str], brief: Sequence[str] | None) -> "Table":
        kept = [self.columns.index(name) for name in columns]
        return Table(self.title, list(columns), [[row[i] for i in kept] for row in self.rows], brief)


Block: TypeAlias = Heading | Paragraph | Table

Document: TypeAlias = Mapping[str, Any]
"""The document of statistics, or a part of it."""


def names(rows: Sequence[Document]) -> list[str]:
    """What to call the units of these rows: the corpus, with the backbone where that differs.

    >>> names([{"corpus": "clinc", "backbone": "minilm"}, {"corpus": "trec", "backbone": "minilm"}])
    ['clinc', 'trec']
    """
    several = len({row["backbone"] for row in rows}) > 1
    return [f"{row['corpus']} ({row['backbone']})" if several else row["corpus"] for row in rows]


def pairs_of(rows: Sequence[Document]) -> list[tuple[str, str]]:
    """The pairs of strategies that these comparisons compare, in their order.

    >>> pairs_of([{"a": "v5", "b": "mrl"}, {"a": "v5", "b": "uhmt"}, {"a": "v5", "b": "mrl"}])
    [('v5', 'mrl'), ('v5', 'uhmt')]
    """
    return list(dict.fromkeys((row["a"], row["b"]) for row in rows))


def markdown(blocks: Sequence[Block]) -> str:
    r"""Blocks as GitHub-flavoured Markdown.

    >>> print(markdown([Table("Effects", ["corpus", "H(L1|L0)"], [["clinc", "3.90"]])]))
    **Effects**
    <BLANKLINE>
    | corpus | H(L1\|L0) |
    |:--|--:|
    | clinc | 3.90 |
    <BLANKLINE>
    """
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if isinstance(block, Paragraph):
        return block.text
    rule = "|".join([":--"] + ["--:"] * (len(block.columns) - 1))
    lines = [_markdown_row(block.columns), f"|{rule}|", *map(_markdown_row, block.rows)]
    return f"**{block.title}**\n\n" + "\n".join(lines)


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


SYMBOLS = {
    "H(L1|L0)": "$H(L_1|L_0)$",
    "H(L0)": "$H(L_0)$",
    "±": r"$\pm$",
    "τ²": r"$\tau^2$",
    "I²": "$I^2$",
    "R²": "$R^2$",
    "²": "$^2$",
    "Δ": r"$\Delta$",
    "—": "---",
    "<": "$<$",
    ">": "$>$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "\\": r"\textbackslash{}",
    "|": r"\textbar{}",
}
"""How LaTeX writes what its own syntax, or its standard fonts, do not let stand as text."""

_SYMBOL = re.compile("|".join(re.escape(text) for text in sorted(SYMBOLS, key=len, reverse=True)))
_MINUS = re.compile(r"(?<![\w$\\])-(?=\d)")


def latex_text(text: str) -> str:
    r"""Plain text as LaTeX, a minus before a number as a minus sign.

    >>> print(latex_text("H(L1|L0) 63 % of -0.5 & more"))
    $H(L_1|L_0)$ 63 \% of $-$0.5 \& more
    """
    return _MINUS.sub("$-$", _SYMBOL.sub(lambda found: SYMBOLS[found.group()], text))


def latex(blocks: Sequence[Block]) -> str:
    r"""Blocks as LaTeX for ``\input``; tables need the package booktabs."""
    return "\n\n".join(_latex(block) for block in blocks) + "\n"


def _latex(block: Block) -> str:
    if isinstance(block, Heading):
        return f"\\{'sub' * (block.level - 1)}section{{{latex_text(block.text)}}}"
    if isinstance(block, Paragraph):
        return latex_text(block.text)
    body = [" & ".join(map(latex_text, row)) + r" \\" for row in block.rows]
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
            f"  \\caption{{{latex_text(block.title)}}}",
            f"  \\begin{{tabular}}{{l{'r' * (len(block.columns) - 1)}}}",
            r"    \toprule",
            f"    {' & '.join(map(latex_text, block.columns))} \\\\",
            r"    \midrule",
            *(f"    {row}" for row in body),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def comparisons_csv(document: Mapping[str, Any]) -> str:
    """The comparisons of a document as CSV, in full precision.

    Nested keys are joined by dots, a confidence interval becomes two columns, a list one cell.

    Raises:
        RequestError: there is no comparison.
    """
    rows = [_flat(row) for row in document["comparisons"]]
    if not rows:
        raise RequestError("there is no comparison to write as CSV")
    stream = io.StringIO()
    writer = csv.DictWriter(
        stream, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        elif key.endswith("ci"):
            low, high = value or (None, None)
            flat |= {f"{name}_low": low, f"{name}_high": high}
        else:
            flat[name] = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat
