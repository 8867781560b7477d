"""The statistics section as Markdown, LaTeX and CSV."""

import csv
import io
import re
from pathlib import Path

import pytest

from fractalctl.errors import RequestError
from fractalctl.statistics import Options, analyse, read_observations
from fractalctl.statistics.section import brief_tables, notes, section, tables, write
from fractalctl.statistics.section.writing import Table, latex_text
from tests.statistics.material import observations, write_table
from tests.statistics.test_document import CORPORA, EVERYTHING


@pytest.fixture
def document(runs: Path, tmp_path: Path) -> dict:
    curve = write_table(tmp_path / "c.csv", [(1, 0.1, 0.1), (2, 0.3, 0.2), (3, 0.2, 0.3)], "h_l0,v5,mrl")
    return analyse(read_observations([runs]), Options(**{**vars(EVERYTHING), "quadratic": curve}))


def test_markdown_holds_methods_results_tables_and_notes(document: dict):
    page = write(document, "md")
    for heading in ("# Statistics", "## Methods", "## Results", "## Tables", "## Notes"):
        assert f"\n{heading}\n" in f"\n{page}"
    assert (
        "S was measured by leave-one-out k-NN among test rows for 3 training seeds of each strategy on 2"
        in page
    )
    assert "the unit of replication is the training seed" in page
    assert "Holm's step-down procedure (family-wise error rate) within the family v5 vs mrl (m = 2)" in page
    assert "v5 had a higher mean S than mrl on 2 of 2 corpora (exact sign test, p = 0.250 one-sided" in page
    assert "equivalent to zero within ±0.02" in page
    assert "The pooled d was" in page
    assert "parabola of v5" in page
    assert "has no vertex within the data" in page
    assert "nan" not in page.lower()


def test_markdown_tables_have_as_many_cells_in_every_row(document: dict):
    for block in re.findall(r"(?:^\|.*\n)+", write(document, "md"), flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1


def test_latex_is_balanced_and_escaped(document: dict):
    text = write(document, "latex")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(tables(document))
    assert text.count("{") == text.count("}")
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    assert not re.search(r"(?<!\\)[%#_]", re.sub(r"\$[^$]*\$", "", text))
    assert text.isascii() or not set(re.findall(r"[^\x00-\x7f]", text)) & set("±τ²Δ—")


def test_every_latex_row_has_as_many_cells_as_its_table(document: dict):
    for columns, body in re.findall(
        r"\\begin\{tabular\}\{(l+r+)\}(.*?)\\end\{tabular\}", write(document, "latex"), re.S
    ):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("a_b & 5 %", r"a\_b \& 5 \%"),
        ("-0.5 of [-1, v5 - mrl, 2-3", r"$-$0.5 of [$-$1, v5 - mrl, 2-3"),
        ("H(L1|L0) > x|y", r"$H(L_1|L_0)$ $>$ x\textbar{}y"),
        (r"c:\x {y} ~ ^", r"c:\textbackslash{}x \{y\} \textasciitilde{} \textasciicircum{}"),
    ],
)
def test_latex_text(plain: str, expected: str):
    assert latex_text(plain) == expected


def test_csv_holds_the_comparisons_in_full(document: dict):
    rows = list(csv.DictReader(io.StringIO(write(document, "csv"))))
    assert [row["corpus"] for row in rows] == ["clinc", "trec"]
    first = document["comparisons"][0]
    assert float(rows[0]["p"]) == first["p"]
    assert float(rows[0]["cohens_d_ci_high"]) == first["cohens_d_ci"][1]
    assert rows[0]["seeds"] == "42 123 456"
    assert float(rows[0]["wilcoxon.p"]) == first["wilcoxon"]["p"]
    assert rows[0]["reason"] == ""


def test_csv_without_comparisons_and_unknown_formats(tmp_path: Path):
    curve = write_table(tmp_path / "c.csv", [(1, 0.1), (2, 0.3), (3, 0.2)], "h_l0,v5")
    document = analyse([], Options(quadratic=curve))
    assert [table.title for table in tables(document)] == ["Parabola over H(L0), 3 coarse partitions"]
    assert "## Notes" not in write(document, "md")
    with pytest.raises(RequestError, match="no comparison to write as CSV"):
        write(document, "csv")
    with pytest.raises(RequestError, match="--format docx: expected md, latex, csv"):
        write(document, "docx")


def test_missing_figures_are_dashes():
    document = analyse(observations({"clinc": {"v5": [0.1], "mrl": [0.02]}}), Options(correction="holm"))
    (row,) = tables(document)[0].rows
    assert row == ["clinc", "+0.100", "+0.020", "+0.080", "—", "—", "—", "—", "1"]
    assert "After correction v5 differed from mrl at 0.05 on 0 of 1." in write(document, "md")


def test_a_terminal_sees_fewer_columns():
    document = analyse(observations(CORPORA), Options(correction="holm", meta=True))
    first, *others = brief_tables(document)
    assert first.columns == ["corpus", "v5", "mrl", "gap", "p (holm)", "d"]
    assert all(len(row) == 6 for row in first.rows)
    assert "Tests over seeds in full" not in " ".join(table.title for table in others)
    assert Table("t", ["a", "b"], [["1", "2"]], ["b"]).in_brief().rows == [["2"]]


def test_pairs_have_a_table_each():
    values = {"clinc": {"v5": [0.1, 0.2, 0.15], "mrl": [0.0, 0.01, 0.0], "uhmt": [0.0, 0.02, 0.01]}}
    document = analyse(observations(values), Options(pairs=(("v5", "mrl"), ("v5", "uhmt")), correction="bh"))
    titles = [table.title for table in tables(document)][:2]
    assert ["v5 against mrl" in titles[0], "v5 against uhmt" in titles[1]] == [True, True]
    text = write(document, "md")
    assert (
        "the Benjamini-Hochberg procedure (false discovery rate) within the families v5 vs mrl (m = 1) and"
        in text
    )


def test_notes_are_sentences(document: dict):
    assert all(note.endswith(".") and not note[0].islower() for note in notes(document))
    assert any(note.startswith("S_gap is S") for note in notes(document))


def test_the_paper_section_lists_what_disagrees(paper_folder: Path):
    options = Options(correction="holm", meta=True, scaling=True, profiles=paper_folder / "table1.csv")
    page = write(analyse(read_observations([paper_folder / "table11.csv"]), options), "md")
    assert "88 of 105 printed figures follow from them" in page
    assert "| prediction interval, lower limit | -0.70 | -0.8632 | (d) |" in page
    assert "(d) the printed interval is that of the seven corpora without DBpedia Classes" in page
    assert len(section(analyse(read_observations([paper_folder / "table11.csv"]), Options()))) > 4
