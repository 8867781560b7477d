"""Sections and tables as text: Markdown, LaTeX and CSV, each with the one function that escapes for it."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from fractalctl.numbers import MISSING
from fractalctl.tables import Explorer, Part, Picture, Section, Slider, Table, visible

_MARKUP = re.compile(r"[\\`*\[\]|]|(?<!\w)_|_(?!\w)")
LONG = 40
"""Rows of a table that a page of Markdown shows at once."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown_text(text: object) -> str:
    r"""Plain text as one line of Markdown, in a table's cell too.

    >>> print(markdown_text("H(L1|L0) of *a_b* < 1"))
    H(L1\|L0) of \*a_b\* &lt; 1
    """
    plain = re.sub(r"\s+", " ", visible(str(text)))
    safe = re.sub("[&<>]", lambda found: _ENTITIES[found.group()], plain)
    return _MARKUP.sub(lambda found: f"\\{found.group()}", safe)


def markdown_page(title: str, sections: Sequence[Section], figures: str = "figures") -> str:
    """Sections under a heading of level 1.

    Args:
        title: plain text.
        figures: folder of the pictures, as seen from the page.
    """
    parts = [f"# {markdown_text(title)}"]
    for section in sections:
        parts.append(f"## {markdown_text(section.title)}")
        shown = [part for part in section.parts if not isinstance(part, Slider | Explorer)]
        parts += [_markdown_part(part, figures) for part in shown]
    return "\n\n".join(parts) + "\n"


def markdown_pages(title: str, sections: Sequence[Section], folder: str) -> dict[str, str]:
    """Sections as several pages: the summary first, every other section on a page of its own.

    Args:
        folder: of the further pages and in their names, as seen from the first; its figures lie beside it.

    Returns text by name; the first page has none.
    """
    details = {
        f"{folder}/{number:02}-{re.sub('[^a-z0-9]+', '-', section.title.lower()).strip('-')}.md": section
        for number, section in enumerate((one for one in sections if not one.summary), 1)
    }
    links = "\n".join(f"- [{markdown_text(one.title)}]({name})" for name, one in details.items())
    first = markdown_page(title, [one for one in sections if one.summary])
    pages = {"": f"{first}\n## In detail\n\n{links}\n" if details else first}
    for name, one in details.items():
        back = f"[← {markdown_text(title)}](../results.md)"
        text = markdown_page(one.title, [replace(one, parts=[back, *one.parts])], "../figures")
        pages[name] = re.sub(r"\n\n## .*", "", text, count=1)  # the page's own heading says the same
    return pages


def _markdown_part(part: Part, figures: str) -> str:
    if isinstance(part, Picture):
        alt, caption = markdown_text(part.alt or part.caption), markdown_text(part.caption)
        image = f"![{alt}]({figures}/{part.name}.png)"
        return _folded(part.caption, image) if part.folded else f"{image}\n\n{caption}"
    return _by_first(part) if isinstance(part, Table) else str(part)


def _by_first(table: Table) -> str:
    """A long table as one for each value of its first column, of which the first is open; others whole."""
    groups: dict[str, list[Sequence[object]]] = {}
    for row in table.rows:
        groups.setdefault(str(row[0]), []).append(row[1:])
    if table.folded or len(table.rows) <= LONG or not 1 < len(groups) <= len(table.rows) / 3:
        return markdown_table(table)
    tables = [
        _folded(value, _markdown_rows(table.columns[1:], rows, table.left - 1), opened=not place)
        for place, (value, rows) in enumerate(groups.items())
    ]
    return "\n\n".join([f"**{markdown_text(table.caption)}**", *tables])


def markdown_table(table: Table) -> str:
    r"""A table under its caption.

    >>> print(markdown_table(Table("t", "Effects", ["corpus", "d"], [["a|b", "1.5"]])))
    **Effects**
    <BLANKLINE>
    | corpus | d |
    | :-- | --: |
    | a\|b | 1.5 |
    """
    lines = _markdown_rows(table.columns, table.rows, table.left)
    return _folded(table.caption, lines) if table.folded else f"**{markdown_text(table.caption)}**\n\n{lines}"


def _markdown_rows(columns: Sequence[str], rows: Sequence[Sequence[object]], left: int) -> str:
    rule = [":--" if place < left else "--:" for place in range(len(columns))]
    cells = [[*map(markdown_text, row)] for row in (columns, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:]))


def _folded(caption: str, lines: str, *, opened: bool = False) -> str:
    # Sites need the attribute to find Markdown within; GitHub finds it anyway.
    summary = escape(" ".join(visible(caption).split()))
    kind = '<details markdown="1" open>' if opened else '<details markdown="1">'
    return f"{kind}\n<summary>{summary}</summary>\n\n{lines}\n\n</details>"


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


def latex_text(text: object) -> str:
    r"""Plain text as LaTeX, a minus before a number as a minus sign.

    >>> print(latex_text("H(L1|L0) 63 % of -0.5 & more"))
    $H(L_1|L_0)$ 63 \% of $-$0.5 \& more
    """
    return _MINUS.sub("$-$", _SYMBOL.sub(lambda found: SYMBOLS[found.group()], visible(str(text))))


def latex_page(title: str, sections: Sequence[Section]) -> str:
    r"""Sections for ``\input``; tables need the packages booktabs and graphicx. Pictures are left out."""
    parts = [f"\\section{{{latex_text(title)}}}"]
    for section in sections:
        parts.append(f"\\subsection{{{latex_text(section.title)}}}")
        shown = [part for part in section.parts if isinstance(part, str | Table)]
        parts += [latex_table(part) if isinstance(part, Table) else _latex_prose(part) for part in shown]
    return "\n\n".join(parts) + "\n"


def latex_table(table: Table) -> str:
    r"""A floating table for ``\input``, scaled down where it is wider than a line."""
    alignment = "l" * table.left + "r" * (len(table.columns) - table.left)
    lines = [
        r"\begin{table}[htbp]",
        r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
        f"  \\caption{{{latex_text(table.caption)}}}",
        f"  \\label{{tab:{re.sub('[^A-Za-z0-9-]+', '-', table.name)}}}",
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
    return " & ".join(map(latex_text, cells)) + r" \\"


@cache
def commonmark() -> MarkdownIt:
    """Markdown without markup of its own and without pictures, which would come from elsewhere."""
    return MarkdownIt("commonmark", {"html": False}).disable("image")


_END = re.compile(r"\\end\s*\{verbatim\}")
_LATEX: dict[str, Callable[[Token], str]] = {
    "text": lambda token: latex_text(token.content),
    "code_inline": lambda token: f"\\texttt{{{latex_text(token.content)}}}",
    "fence": lambda token: f"\\begin{{verbatim}}\n{_END.sub('', token.content)}\\end{{verbatim}}\n\n",
    "softbreak": lambda _: "\n",
    "strong_open": lambda _: r"\textbf{",
    "strong_close": lambda _: "}",
    "em_open": lambda _: r"\emph{",
    "em_close": lambda _: "}",
    "paragraph_close": lambda token: "" if token.hidden else "\n\n",
    "bullet_list_open": lambda _: "\\begin{itemize}\n",
    "bullet_list_close": lambda _: "\\end{itemize}\n\n",
    "list_item_open": lambda _: r"\item ",
    "list_item_close": lambda _: "\n",
}
"""What is written for each kind of Markdown that prose uses; of other kinds the text alone stays."""


def _latex_prose(text: str) -> str:
    tokens = [one for token in commonmark().parse(text) for one in (token.children or [token])]
    return "".join(_LATEX[token.type](token) for token in tokens if token.type in _LATEX).strip()


_NUMBER = re.compile(r"[+-]?\d[\d.,]*(?:e[+-]?\d+)?(?: ± [\d.]+)?| *-+")


def csv_text(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula: text that begins as one gets an apostrophe.

    >>> csv_text("=HYPERLINK(1)"), csv_text("+0.150 ± 0.028"), csv_text("-0.5"), csv_text("@a")
    ("'=HYPERLINK(1)", '+0.150 ± 0.028', '-0.5', "'@a")
    """
    text = visible(str(cell))
    is_formula = text.startswith(("=", "+", "-", "@", "\t", "\r")) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


_HALVES = {
    ("", " ±"): re.compile(r"([+-]?[\d.]+) ± ([\d.]+)"),
    (" low", " high"): re.compile(r"\[([+-]?[\d.]+), ([+-]?[\d.]+)\]"),
}
"""Cells of two numbers, by what is put behind the heading of each."""


def csv_table(columns: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    r"""The cells with one header row, every number in a column of its own; what does not exist is empty.

    >>> csv_table(["arm", "S", "CI"], [["v5", "+0.15 ± 0.03", "[0.1, 0.2]"], ["raw", "+0.01", "—"]])
    'arm,S,S ±,CI low,CI high\nv5,+0.15,0.03,0.1,0.2\nraw,+0.01,,,\n'
    """
    parts = [_apart(heading, [row[place] for row in rows]) for place, heading in enumerate(columns)]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(
        [csv_text(cell) for cells in line for cell in cells] for line in zip(*parts, strict=True)
    )
    return stream.getvalue()


def _apart(heading: object, cells: Sequence[object]) -> list[tuple[object, ...]]:
    """A column, heading first, as one column or as two."""
    texts = ["" if cell in (None, MISSING) else str(cell) for cell in cells]
    for endings, pattern in _HALVES.items():
        if any(map(pattern.fullmatch, texts)):
            halves = [found.groups() if (found := pattern.fullmatch(text)) else (text, "") for text in texts]
            return [tuple(f"{heading}{ending}" for ending in endings), *halves]
    return [(heading,), *((text,) for text in texts)]
