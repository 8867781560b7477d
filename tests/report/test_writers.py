"""Tables and sections as Markdown, LaTeX, CSV and HTML: what they hold, and that cells stay text."""

import csv
import doctest
import io

import pytest
from markdown_it import MarkdownIt

from fractalctl import numbers
from fractalctl.report import figures, html, results, writers
from fractalctl.report.sections import latency
from fractalctl.tables import Picture, Section, Slider, Table
from tests.report.documents import zoom

NASTY = [
    "a|b",
    "<script>alert(1)</script>",
    "*bold* _it_ `code`",
    "[link](http://x)",
    "![i](x)",
    "a\nb",
    "\\",
    "&lt;",
    "H(L1|L0)",
]
EXAMPLE = Table("example", "S & more", ["corpus", "H(L1|L0)", "p"], [["a_b", 1.5, "<0.0001"]])


@pytest.mark.parametrize("module", [figures, latency, numbers, results, writers])
def test_examples_in_docstrings(module) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_what_is_folded_is_opened_on_demand() -> None:
    table = Table("t", "All <arms> [L0]", ["arm", "S"], [["v5", "+0.1"]], folded=True)
    tokens = MarkdownIt("commonmark").enable("table").parse(writers.markdown_table(table))
    kinds = [token.type for token in tokens]
    assert kinds[0] == kinds[-1] == "html_block" and kinds.count("table_open") == 1
    assert tokens[0].content.splitlines()[1] == "<summary>All &lt;arms&gt; [L0]</summary>"
    assert tokens[-1].content == "</details>"


def test_a_folded_picture_is_opened_on_demand() -> None:
    picture = Picture("forest", "Effects [L0]", pytest.fail, "All above zero", folded=True)
    tokens = MarkdownIt("commonmark").parse(writers.markdown_page("P", [Section("S", [picture])]))
    *_, opened, _, text, _, closed = tokens
    assert "<summary>Effects [L0]</summary>" in opened.content
    assert closed.content.strip() == "</details>"
    image = (text.children or [])[0]
    assert (image.attrs["src"], image.content) == ("figures/forest.png", "All above zero")


def test_a_long_table_is_one_for_each_value_of_its_first_column() -> None:
    rows = [[corpus, f"arm {place}", place] for corpus in ("trec", "a & b") for place in range(21)]
    table = Table("t", "Of *arms*", ["corpus", "arm", "S"], rows, left=2)
    lines = writers.markdown_pages("R", [Section("S", [table])], "d")["d/01-s.md"].splitlines()
    assert r"**Of \*arms\***" in lines
    opened, closed = '<details markdown="1" open>', '<details markdown="1">'
    assert [line for line in lines if "details" in line and "/" not in line] == [opened, closed]
    assert [line for line in lines if "summary" in line] == [
        "<summary>trec</summary>",
        "<summary>a &amp; b</summary>",
    ]
    assert [line for line in lines if line.startswith("| arm ")] == [
        "| arm | S |", *(f"| arm {place} | {place} |" for place in range(21)),
    ] * 2  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [[place % 2, 1] for place in range(writers.LONG)],
        [["one", place] for place in range(99)],
        [[place, 1] for place in range(99)],
    ],
    ids=["as long as may be", "one value", "no value twice"],
)
def test_other_tables_stay_whole(rows: list[list[object]]) -> None:
    text = writers.markdown_page("R", [Section("S", [Table("t", "c", ["corpus", "S"], rows)])])
    assert "details" not in text and text.count("\n| ") == len(rows) + 2


def test_markdown_of_a_section() -> None:
    page = writers.markdown_page(
        "A < B", [Section("Title", ["Some *text*.", EXAMPLE, Slider([zoom()])])], "f"
    )
    assert page.startswith(
        "# A &lt; B\n\n## Title\n\nSome *text*.\n\n**S &amp; more**\n\n| corpus | H(L1\\|L0) | p |"
    )
    assert page.endswith("| a_b | 1.5 | &lt;0.0001 |\n")


@pytest.mark.parametrize("text", NASTY)
def test_markdown_cells_stay_text(text: str) -> None:
    """Read back by a Markdown parser, every cell says what was put into it and holds no markup."""
    table = Table("t", "c", [text, "second"], [[text, "x"]])
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(writers.markdown_table(table))
    cells = [token for token in tokens if token.type == "inline"][1:]
    assert len(cells) == 4
    for cell in (cells[0], cells[2]):
        assert all(child.type in ("text", "text_special") for child in cell.children)
        assert "".join(child.content for child in cell.children) == " ".join(text.split())


def test_latex_of_a_table() -> None:
    latex = writers.latex_table(EXAMPLE)
    assert r"\caption{S \& more}" in latex
    assert r"a\_b & 1.5 & $<$0.0001 \\" in latex
    assert r"\begin{tabular}{lrr}" in latex
    assert latex.count(r"\begin") == latex.count(r"\end")


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("a_b & 5 %", r"a\_b \& 5 \%"),
        ("-0.5 of [-1, v5 - mrl, 2-3", r"$-$0.5 of [$-$1, v5 - mrl, 2-3"),
        ("H(L1|L0) > x|y", r"$H(L_1|L_0)$ $>$ x\textbar{}y"),
        (r"c:\x {y} ~ ^", r"c:\textbackslash{}x \{y\} \textasciitilde{} \textasciicircum{}"),
    ],
)
def test_latex_text(plain: str, expected: str) -> None:
    assert writers.latex_text(plain) == expected


def test_latex_prose_is_that_of_its_markdown() -> None:
    text = "Some *words* with `a_b`, **50 %** &lt; H(L1\\|L0).\n\n- one\n- two\n\n```\na_b\n```"
    page = writers.latex_page("T", [Section("S", [text, EXAMPLE, "After."])])
    assert r"Some \emph{words} with \texttt{a\_b}, \textbf{50 \%} $<$ $H(L_1|L_0)$." in page
    assert "\\begin{itemize}\n\\item one\n\\item two\n\\end{itemize}" in page
    assert "\\begin{verbatim}\na_b\n\\end{verbatim}" in page
    assert page.index(r"\begin{table}") < page.index("After.")


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "-a"])
def test_csv_holds_no_formulas(cell: str) -> None:
    rows = list(csv.reader(io.StringIO(writers.csv_table(["a", cell], [["x", cell]]))))
    assert rows == [["a", f"'{cell}"], ["x", f"'{cell}"]]


def test_csv_has_every_number_in_a_column_of_its_own() -> None:
    rows = [["v5", "+0.150 ± 0.028", "[0.1, 0.2]"], ["raw", "+0.010", "—"], ["mrl", "—", "[-0.3, 0.1]"]]
    found = list(csv.DictReader(io.StringIO(writers.csv_table(["arm", "S", "CI"], rows))))
    assert [one["S"] for one in found] == ["+0.150", "+0.010", ""]
    assert [one["S ±"] for one in found] == ["0.028", "", ""]
    assert [(one["CI low"], one["CI high"]) for one in found] == [("0.1", "0.2"), ("", ""), ("-0.3", "0.1")]


@pytest.mark.parametrize("cell", ["+0.150 ± 0.028", "-0.5", "-3", "+1e-5", "—", "v5 - mrl", "[-1.00, 2.00]"])
def test_csv_leaves_numbers_and_words_alone(cell: str) -> None:
    assert writers.csv_text(cell) == cell


def test_html_tables_fold_mark_and_escape() -> None:
    table = Table(
        "t", "A & b", ["claim", "verdict"], [["<b>", "holds"]], marks={"holds": "good"}, folded=True
    )
    page = html.html_page("T", [Section("S", [table])])
    assert '<details class="folded">\n<summary>A &amp; b</summary>' in page
    assert '<th scope="row" class="left">&lt;b&gt;</th><td data-mark="good">holds</td>' in page


def test_columns_of_a_terminal() -> None:
    table = Table("t", "c", ["a", "b", "c"], [["1", "2", "3"]], left=2, brief=["b", "c"])
    assert (table.in_brief().columns, table.in_brief().rows, table.in_brief().left) == (
        ["b", "c"],
        [["2", "3"]],
        1,
    )
    assert table.without(["a"]).columns == ["b", "c"]
