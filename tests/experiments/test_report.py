"""The report on a folder of runs: statistics are written, then everything is drawn."""

import pytest

from fractalctl.documents import read_document
from fractalctl.documents.latency import LatencyRecipe
from fractalctl.documents.statistics import Statistics
from fractalctl.errors import RequestError
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.latency import bench_random
from fractalctl.experiments.report import report_results
from fractalctl.measures.protocols import Protocol
from tests.experiments.conftest import SETTINGS, label, train

pytest.importorskip("matplotlib", reason="the extra plot is not installed")


@pytest.fixture
def runs(features, store, tmp_path):
    heads = train(features, tmp_path / "runs", ["v5", "pca"], [42, 123]).heads
    evaluate_heads(heads, Protocol("loo"), store)
    return tmp_path / "runs"


@pytest.mark.parametrize("paper", [False, True])
def test_any_arms_are_reported(runs, tmp_path, paper: bool) -> None:
    written = report_results(runs, tmp_path / "report", paper)
    assert [path.name for path in written[:2]] == ["results.md", "report.html"]
    assert all(path.is_file() for path in written)
    page = written[0].read_text()
    assert label("v5") in page
    assert "pca-dims=4x8x12x16" in page
    (statistics,) = (tmp_path / "report" / "statistics").iterdir()
    assert statistics in written
    document = read_document(statistics, Statistics)
    assert [{row.a, row.b} for row in document.comparisons] == [{label("v5"), "pca-dims=4x8x12x16"}]


def test_latency_of_random_vectors_does_not_break_it(runs, tmp_path) -> None:
    recipe = LatencyRecipe(sizes=(50,), indexes=("flat",), dims=(4, 8), queries=5, rounds=1)
    bench_random(runs, recipe)
    report_results(runs, tmp_path / "report")
    (page,) = (tmp_path / "report" / "results").glob("*-query-latency.md")
    assert "random" in page.read_text()


def test_a_report_beside_the_runs_can_be_made_again(runs, features) -> None:
    ablate("alignment", features, runs, ["v5", "mrl"], settings=SETTINGS, seeds=(42, 123))
    first = report_results(runs, runs / "report")
    before = {path: path.read_bytes() for path in first if path.suffix in (".md", ".html", ".json", ".csv")}
    assert report_results(runs, runs / "report") == first
    assert {path: path.read_bytes() for path in before} == before


def test_an_empty_folder_is_a_wrong_request(tmp_path) -> None:
    with pytest.raises(RequestError, match="no results here"):
        report_results(tmp_path, tmp_path / "report")
