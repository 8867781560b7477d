"""The report as files: formats, figures, and what is the same each time."""

import csv
import io

import pytest

from fractalctl.errors import RequestError
from fractalctl.experiments.reporting import report_results
from fractalctl.report.figures import prefix_accuracy, save_figure, steerability_bars
from fractalctl.report.formats import section_as_markdown, table_as_csv, table_as_latex
from fractalctl.report.markdown import chance, probability, spread, table
from fractalctl.report.sections import Section, Table
from store.files import write_json
from tests.report.test_sections import CLOSE, ablation, evaluations

EXAMPLE = Table("table-9-example", "S & more", ["corpus", "H(L1|L0)", "p"], [["a_b", 1.5, "< 0.001"]])


@pytest.fixture
def runs(tmp_path):
    pytest.importorskip("matplotlib")
    for one in evaluations(CLOSE):
        folder = tmp_path / "runs" / "clinc" / "minilm" / one["strategy"] / f"seed-{one['seed']}"
        folder.mkdir(parents=True)
        write_json(folder / "evaluation-loo.json", one)
    argv = ["fractalctl", "ablate", "/a/store/clinc/minilm.h5", "--store", "/a/store", "--epochs", "5"]
    document = ablation("clinc", CLOSE) | {"argv": argv}
    write_json(tmp_path / "runs" / "clinc" / "minilm" / "ablation-alignment.json", document)
    return tmp_path / "runs"


def test_formats_of_a_table() -> None:
    assert list(csv.reader(io.StringIO(table_as_csv(EXAMPLE)))) == [
        ["corpus", "H(L1|L0)", "p"],
        ["a_b", "1.5", "< 0.001"],
    ]
    latex = table_as_latex(EXAMPLE)
    assert r"\caption{S \& more}" in latex
    assert r"a\_b & 1.5 & $<$ 0.001 \\" in latex
    assert r"\begin{tabular}{lrr}" in latex
    assert latex.count(r"\begin") == latex.count(r"\end")


def test_markdown() -> None:
    assert table(["a|b", "c"], [["x|y", 1]], left=1) == "| a\\|b | c |\n| :--- | ---: |\n| x\\|y | 1 |"
    assert spread([0.1, 0.2]) == "+0.150 ± 0.071"
    assert spread([-0.1]) == "-0.100"
    assert [probability(p) for p in (None, 0.0004, 0.0126)] == ["-", "< 0.001", "0.013"]
    assert [chance(p) for p in (None, 0.0004, 0.0126)] == ["p = -", "p < 0.001", "p = 0.013"]
    page = section_as_markdown(
        Section("Title", ["text", EXAMPLE], [("claim", "where", "**holds**: so")]), "f"
    )
    assert page.startswith("## Title\n\ntext\n\n**S & more**")
    assert page.endswith("| claim | where | **holds**: so |")


def test_a_report_is_files_and_the_same_ones_each_time(runs, tmp_path) -> None:
    written = report_results(runs, tmp_path / "first")
    again = report_results(runs, tmp_path / "second")
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    assert [path.name for path in written[:2]] == ["results.md", "report.html"]
    names = {path.relative_to(tmp_path / "first").as_posix() for path in written}
    assert {"tables/table-3-steerability-minilm-loo.csv", "tables/table-4-alignment-minilm-loo.tex"} <= names
    assert {"figures/figure-1-accuracy-minilm-loo.png", "figures/figure-3-alignment-minilm-loo.pdf"} <= names
    page = written[0].read_text()
    assert all(f"](figures/{path.name})" in page for path in written if path.suffix == ".png")
    assert "fractalctl ablate clinc/minilm --epochs 5" in page
    assert "| v5 is steerable beyond mrl (Table 3) | 1 | - | - |" in page


def test_nothing_to_report(tmp_path) -> None:
    with pytest.raises(RequestError, match="no results here; run 'fractalctl evaluate'"):
        report_results(tmp_path, tmp_path / "report")


def test_evaluations_that_were_not_made_alike_are_refused(runs, tmp_path) -> None:
    odd = evaluations(CLOSE, k=9)[0]
    write_json(runs / "clinc" / "minilm" / "v5" / "seed-42" / "evaluation-loo.json", odd)
    with pytest.raises(
        RequestError, match=r"'k' is 5 in clinc/\S+ but 9 in clinc/minilm/v5/seed-42/evaluation-loo\.json"
    ):
        report_results(runs, tmp_path / "report")


def test_figures_are_the_same_bytes_each_time(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    for name, draw in {
        "lines": lambda: prefix_accuracy([("clinc", evaluations(CLOSE))]),
        "bars": lambda: steerability_bars([("clinc", CLOSE), ("trec", {"v5": [0.1]})]),
    }.items():
        files = [save_figure(draw(), tmp_path / f"{name}-{turn}") for turn in (1, 2)]
        first, second = ([path.read_bytes() for path in paths] for paths in files)
        assert first == second
        assert all(len(content) > 1000 for content in first)
