"""A report as files: which there are, and that they are the same each time."""

from pathlib import Path

import pytest

from fractalctl.report import Results, report_sections, write_report
from fractalctl.tables import Picture, Section, Table
from tests.report.documents import CLOSE, ablation, evaluations, runs_of, zoom


def test_a_report_is_files_and_the_same_ones_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = Results(
        evaluations=evaluations(), ablations=[ablation("alignment", runs_of(CLOSE))], zooms=[zoom()]
    )
    written = write_report(report_sections(found), tmp_path / "first", "Mine & ours")
    again = write_report(report_sections(found), tmp_path / "second", "Mine & ours")
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    assert [path.name for path in written[:2]] == ["results.md", "report.html"]
    names = {path.relative_to(tmp_path / "first").as_posix() for path in written}
    assert {"tables/steerability-minilm-loo.csv", "tables/ablation-alignment-minilm-loo.tex"} <= names
    assert {"figures/accuracy-clinc-minilm-loo.png", "figures/ablation-alignment-minilm-loo.pdf"} <= names
    assert {path for path in (tmp_path / "first").rglob("*") if path.is_file()} == set(written)
    page = written[0].read_text("utf-8")
    assert page.startswith("# Mine &amp; ours\n")
    details = [path for path in written if path.parent.name == "results"]
    assert all(f"](results/{path.name})" in page for path in details), "each is a click away"
    told = page + "".join(path.read_text("utf-8").replace("](../figures/", "](figures/") for path in details)
    assert all(f"](figures/{path.name})" in told for path in written if path.suffix == ".png")
    assert page.count("\n## ") == len([one for one in report_sections(found) if one.summary]) + 1
    assert 'id="zooms"' in written[1].read_text("utf-8")


def test_parts_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from fractalctl.report.figures import new_figure

    drawn = []

    def draw():
        drawn.append(1)
        return new_figure(1, 1)

    def section(cell: int) -> Section:
        return Section("One", [Table("t", "c", ["a"], [[cell]]), Picture("t", "c", draw)])

    write_report([section(1), section(2)], tmp_path)
    assert (tmp_path / "tables" / "t.csv").read_text() == "a\n1\n"
    assert (tmp_path / "tables" / "t-2.csv").read_text() == "a\n2\n"
    assert (tmp_path / "figures" / "t-2.png").is_file()
    assert len(drawn) == 2, "each picture is drawn once for all formats"
