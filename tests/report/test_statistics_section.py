"""The statistics section as Markdown, LaTeX and CSV, and the forest plot."""

import csv
import io
import re
import sys
from pathlib import Path

import msgspec
import pytest

from fractalctl.documents.statistics import PrintedFigure, Statistics
from fractalctl.errors import MissingExtraError, RequestError
from fractalctl.report import (
    Results,
    brief_tables,
    forest_figure,
    report_sections,
    statistics_sections,
    write_statistics,
)
from fractalctl.report.figures import save_figure
from fractalctl.report.prose import notes
from fractalctl.report.statistics_tables import statistics_tables
from fractalctl.statistics import Options, analyse, summarise
from fractalctl.statistics.reading import observation
from fractalctl.tables import Picture
from tests.report.documents import CLOSE, evaluations
from tests.statistics.material import observations

CORPORA = {
    f"c{i}": {"v5": [0.02 * i + 0.01 * seed**1.5 for seed in range(4)], "mrl": [0.01, 0.0, -0.01, 0.005]}
    for i in range(1, 6)
}
OPTIONS = Options(correction="holm", meta=True, scaling=True, robustness=True, power=True, equivalence=0.02)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Statistics:
    """Three corpora of evaluations, two arms, everything computed."""
    curve = tmp_path_factory.mktemp("curve") / "c.csv"
    curve.write_text("h_l0,v5\n1,0.1\n2,0.2\n3,0.3\n4,0.5\n", "utf-8")
    arms = {"v5": CLOSE["alpha"], "a_b": [0.011, -0.002, 0.004, 0.001]}
    found = [
        one
        for shift, corpus in enumerate(("clinc", "trec", "wos"))
        for one in evaluations(
            {arm: [s + 0.01 * shift * (arm == "v5") for s in column] for arm, column in arms.items()}, corpus
        )
    ]
    measured = [observation(one, f"{place}.json") for place, one in enumerate(found)]
    return analyse(measured, with_changes(OPTIONS, quadratic=curve, pairs=(("v5", "a_b"),)))


def with_changes(options: Options, **changes) -> Options:
    return Options(**(vars(options) | changes))


def test_markdown_holds_methods_results_tables_and_notes(document: Statistics) -> None:
    page = write_statistics(document, "md")
    for heading in ("# Statistics", "## Methods", "## Results", "## Tables", "## Notes"):
        assert f"\n{heading}\n" in f"\n{page}"
    for words in (
        "S was measured by leave-one-out k-NN among test rows for 4 training seeds of each arm on 3 corpora.",
        "the unit of replication is the training seed",
        "Holm's step-down procedure (family-wise error rate) within the family v5 vs a_b (m = 3)",
        "v5 had a higher mean S than a_b on 3 of 3 corpora (exact sign test, p = 0.125 one-sided",
        "equivalent to zero within ±0.02",
        "The pooled d of v5 over a_b was",
        "parabola of v5",
        "has no vertex within the data",
    ):
        assert words in page, words
    assert "nan" not in page.lower()


def test_markdown_tables_have_as_many_cells_in_every_row(document: Statistics) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", write_statistics(document, "md"), flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_latex_is_balanced_and_escaped(document: Statistics) -> None:
    text = write_statistics(document, "latex")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(statistics_tables(document))
    assert text.count("{") == text.count("}")
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    plain = re.sub(r"\$[^$]*\$|\\label\{[^}]*\}|\\resizebox.*", "", text)
    assert not re.search(r"(?<!\\)[%#_]", plain)
    assert not set("±τ²Δ—") & set(text)
    for columns, body in re.findall(r"\\begin\{tabular\}\{(l+r+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}


def test_csv_holds_the_comparisons_in_full(document: Statistics) -> None:
    rows = list(csv.DictReader(io.StringIO(write_statistics(document, "csv"))))
    assert [row["corpus"] for row in rows] == ["clinc", "trec", "wos"]
    first = document.comparisons[0]
    assert float(rows[0]["p"]) == first.p
    assert float(rows[0]["cohens_d_ci_high"]) == (first.cohens_d_ci or (0, 0))[1]
    assert rows[0]["seeds"] == "42 123 456 789"
    assert float(rows[0]["wilcoxon.p"]) == first.wilcoxon.p
    assert rows[0]["reason"] == ""


def test_csv_without_anything_and_unknown_formats() -> None:
    with pytest.raises(RequestError, match="no comparison to write as CSV"):
        write_statistics(Statistics(), "csv")
    with pytest.raises(RequestError, match="--format docx: expected md, latex, csv"):
        write_statistics(Statistics(), "docx")
    assert statistics_sections(Statistics()) == []


def test_one_arm_is_described() -> None:
    found = analyse(
        [observation(one, "x") for one in evaluations({"v5": CLOSE["alpha"]})], Options(correction="holm")
    )
    page = write_statistics(found, "md")
    assert "v5 on clinc: mean S +0.115 (95 % CI [0.094, 0.136]; p = " in page
    assert "of the backbone's own truncation" in page
    (table,) = brief_tables(found)
    assert table.columns[:4] == ["corpus", "arm", "S", "95 % CI"]
    rows = list(csv.DictReader(io.StringIO(write_statistics(found, "csv"))))
    assert [row["arm"] for row in rows] == ["v5"]


def test_missing_figures_are_dashes() -> None:
    found = analyse(observations({"clinc": {"v5": [0.1], "mrl": [0.02]}}), Options(correction="holm"))
    table = next(one for one in statistics_tables(found) if one.name.startswith("comparisons"))
    assert table.rows == [["clinc", "+0.100", "+0.020", "+0.080", "—", "—", "—", "—", 1]]
    assert "On clinc the mean S of v5 was +0.100 and that of mrl +0.020." in write_statistics(found, "md")


def test_a_terminal_sees_fewer_columns() -> None:
    found = analyse(observations(CORPORA), Options(correction="holm", meta=True))
    first, *others = brief_tables(found)
    assert first.columns == ["corpus", "v5", "mrl", "gap", "p (holm)", "d"]
    assert all(len(row) == 6 for row in first.rows)
    assert not [table for table in others if table.name.startswith("further-tests")]


def test_pairs_have_a_table_each() -> None:
    values = {"clinc": {"v5": [0.1, 0.2, 0.15], "mrl": [0.0, 0.01, 0.0], "uhmt": [0.0, 0.02, 0.01]}}
    found = analyse(observations(values), Options(pairs=(("v5", "mrl"), ("v5", "uhmt")), correction="bh"))
    names = [table.name for table in statistics_tables(found) if table.name.startswith("comparisons")]
    assert names == ["comparisons-v5-mrl", "comparisons-v5-uhmt"]
    text = write_statistics(found, "md")
    assert (
        "the Benjamini-Hochberg procedure (false discovery rate) within the families v5 vs mrl (m = 1) and"
        in text
    )


def test_settings_in_which_arms_differ_are_named() -> None:
    short = evaluations({"b": CLOSE["gamma"]}, settings={"epochs": 10}, trunk=None)
    long = evaluations({"a": CLOSE["alpha"]}, settings={"epochs": 100})
    table = next(table for table in brief_tables(summarise([*long, *short], [], [], reference="b")[0]))
    assert "they also differ in " in table.caption
    assert "epochs (100 and 10)" in table.caption
    assert "trunk (linear and none)" in table.caption


def test_notes_are_sentences_and_labels_keep_their_case(document: Statistics) -> None:
    assert all(note.endswith(".") for note in notes(document))
    assert any(note.startswith("S_gap is S") for note in notes(document))
    found = msgspec.structs.replace(document, notes=["v5 was odd", "something else was", "Done."])
    assert notes(found)[:3] == ["v5 was odd.", "Something else was.", "Done."]
    label = document.comparisons[0].label
    assert notes(msgspec.structs.replace(document, notes=[f"{label} is left out"]))[0].startswith(label)


def test_a_table_of_supervision_is_named_and_not_spelled_out() -> None:
    tables = {"b": [[1.0, 0.0], [0.0, 1.0]], "a": [[0.0, 1.0], [0.0, 1.0]]}
    found = [one for arm, name in (("b", "gamma"), ("a", "alpha"))
             for one in evaluations({arm: CLOSE[name]}, settings={"prefix": tables[arm]})]  # fmt: skip
    table = next(table for table in brief_tables(summarise(found, [], [], reference="b")[0]))
    assert "; they also differ in prefix" in table.caption
    assert "[" not in table.caption


def test_forests_of_many_pairs_are_folded() -> None:
    arms = {f"arm-{place}": [0.1 * place, 0.1, 0.2] for place in range(7)}
    found = [one for corpus in ("clinc", "trec") for one in evaluations(arms, corpus=corpus)]
    results = Results(statistics=summarise(found, [], [], reference="arm-0"))
    (pooled,) = [one for one in report_sections(results) if one.title == "Pooled over corpora"]
    pictures = [part for part in pooled.parts if isinstance(part, Picture)]
    assert len(pictures) > 4 and all(picture.folded for picture in pictures)


def test_printed_figures_that_disagree_are_listed_with_their_reason(document: Statistics) -> None:
    figures = [
        PrintedFigure(name="pooled d", path="", printed="1.49", computed=1.491, agrees=True),
        PrintedFigure(
            name="lower limit", path="", printed="-0.70", computed=-0.8632, agrees=False, remark="of seven"
        ),
    ]
    page = write_statistics(msgspec.structs.replace(document, published=figures), "md")
    assert "1 of 2 printed figures follow from them" in page
    assert "| lower limit | -0.70 | -0.8632 | (a) |" in page
    assert "(a) of seven." in page


def test_the_forest_draws_every_corpus_the_pooled_effect_and_the_prediction(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    meta = analyse(observations(CORPORA), Options(meta=True)).meta
    assert meta
    (axes,) = forest_figure(meta).axes
    texts = [text.get_text() for text in axes.texts]
    assert set(CORPORA) | {"pooled", "prediction interval"} <= set(texts)
    assert f"{meta.pooled:.2f} [{meta.ci[0]:.2f}, {meta.ci[1]:.2f}]" in texts
    sizes = [float(collection.get_sizes()[0]) for collection in axes.collections]
    assert sizes == pytest.approx([70 * weight / max(meta.weights) for weight in meta.weights])
    files = [save_figure(forest_figure(meta), tmp_path / name) for name in ("a.png", "b.v2")]
    assert [path.name for path in files[1]] == ["b.v2.png", "b.v2.pdf"]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    meta = analyse(observations(CORPORA), Options(meta=True)).meta
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        MissingExtraError, match=r"drawing figures needs the extra 'plot': pip install 'fractalctl\[plot\]'"
    ):
        forest_figure(meta)
