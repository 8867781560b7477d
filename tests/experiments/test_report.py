"""The report on a folder of runs: statistics are written, then everything is drawn."""

import json
import re

import pytest

from fractalctl.documents import read_document
from fractalctl.documents.latency import LatencyRecipe
from fractalctl.documents.statistics import Statistics
from fractalctl.errors import RequestError
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.addresses import choose_head
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.latency import bench_random
from fractalctl.experiments.report import report_results
from fractalctl.experiments.zoom import show_zoom
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
    written = report_results(runs, tmp_path / "report", paper, queries=0 if paper else 2)
    assert ('id="zooms"' in written[1].read_text("utf-8")) is not paper
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


def test_the_page_answers_examples_with_what_is_there(runs, features, store, tmp_path) -> None:
    said: list[str] = []

    def shown(queries: int) -> list[dict[str, object]]:
        page = report_results(runs, tmp_path / "report", queries=queries, store=store, note=said.append)[1]
        found = re.search('<script[^>]*id="zooms">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
        return json.loads(found[1]) if found else []

    show_zoom(choose_head([runs]), store, 3)
    assert [one["arm"] for one in shown(2)] == [label("v5")], "one slider, whatever was asked before"
    assert f"Examples: {runs}/garden/gaussian/{label('v5')}/seed-42 answers" in said[0]
    features.path.unlink()
    assert len(shown(4)) == 1, "what was answered before is shown where its texts are gone"
    assert f"{runs / 'garden/gaussian'}: no example queries for the slider: " in said[-1]


def test_an_empty_folder_is_a_wrong_request(tmp_path) -> None:
    with pytest.raises(RequestError, match="no results here"):
        report_results(tmp_path, tmp_path / "report")
