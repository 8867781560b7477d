"""``fractalctl corpora`` as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fractalctl.cli import build_app
from fractalctl.cli.corpus_options import corpus_request
from fractalctl.cli.plumbing import Invocation, command, register
from fractalctl.corpora import CorpusRequest, OnConflict

Writer = Callable[..., Path]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(["corpora"]), ["corpora", *arguments])


def test_ls_names_every_corpus() -> None:
    result = invoke("ls")
    assert result.exit_code == 0
    assert result.stdout.split() == [
        "clinc", "trec", "goemotions", "newsgroups", "wos", "dbpedia-classes", "yahoo", "arxiv", "pydocs",
    ]  # fmt: skip
    assert "10 > 150" in result.stderr
    assert "clinc/clinc_oos" in result.stderr


def test_ls_as_json() -> None:
    document = {entry["name"]: entry for entry in json.loads(invoke("ls", "--json").stdout)}
    assert document["dbpedia-classes"]["classes"] == {"l1": 9, "l2": 70, "l3": 219}
    assert document["trec"]["hub"]["revision"] == "0a34640b3cac3affef6f0abdfb81e3d0ecffcf92"


def test_info_is_like_a_row_of_the_papers_table(write_lines: Writer, animals: list[dict[str, str]]) -> None:
    path = str(write_lines("animals.jsonl", animals))
    result = invoke("info", path)
    assert result.exit_code == 0
    assert result.stdout == ""
    for part in ("K0", "K1", "branching", "H(L0)", "H(L1|L0)", "0.971", "0.951", "2.0", "duck, gull"):
        assert part in result.stderr
    document = json.loads(invoke("info", path, "--json").stdout)
    assert document["classes"] == [2, 4]
    assert document["rows"] == {"train": 5, "test": 5}
    assert document["tree"] == {"bird": {"duck": 2, "gull": 1}, "fish": {"carp": 1, "pike": 1}}
    assert document["entropies"] == pytest.approx([0.970951, 0.950978], abs=1e-6)


def test_info_takes_every_option(write_lines: Writer) -> None:
    rows = [
        {"body": f"t{n}", "where": f"{'ab'[n % 2]}/other", "split": s}
        for n in range(6)
        for s in ("train", "test", "dev")
    ]
    path = str(write_lines("t.jsonl", rows))
    result = invoke(
        "info", path, "--text", "body", "--path", "where", "--separator", "/", "--on-conflict", "qualify",
        "--max-train", "3", "--max-test", "2", "--max-validation", "1", "--offline", "--json",
    )  # fmt: skip
    document = json.loads(result.stdout)
    assert document["rows"] == {"train": 3, "validation": 1, "test": 2}
    assert set(document["tree"]["a"]) == {"a > other"}


def test_notes_are_told(write_lines: Writer) -> None:
    rows = [{"text": "x", "coarse": "DESC", "fine": "DESC:def"}] * 10
    result = invoke("info", "trec", "--data", str(write_lines("trec.jsonl", rows)))
    assert "Note: the source has no test split: a stratified fifth is held out (seed 42)." in result.stderr
    assert "TREC question classification" in result.stderr


def test_a_wrong_request_ends_in_2_with_one_message() -> None:
    result = invoke("info", "clincc")
    assert result.exit_code == 2
    assert "did you mean 'clinc'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_corpus_out_of_reach_ends_in_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    result = invoke("info", "trec")
    assert result.exit_code == 1
    assert "Three ways on:" in result.stderr


def test_the_options_make_the_request_that_they_name() -> None:
    """Columns, conflicts and samples, as `corpora info` passes them on."""
    found: list[CorpusRequest] = []

    def show(_invocation: Invocation, request: CorpusRequest) -> None:
        found.append(request)

    app = typer.Typer()
    app.callback()(lambda: None)
    register(app, command(request=corpus_request)(show))
    words = "x.csv --text t --levels a,b,c --separator / --on-conflict qualify"
    limits = "--max-train 1 --max-test 2 --max-validation 3"
    for line in ("clinc", f"{words} {limits}"):
        assert CliRunner().invoke(app, ["show", *line.split()]).exit_code == 0
    assert found == [
        CorpusRequest("clinc"),
        CorpusRequest(
            "x.csv", text="t", levels=("a", "b", "c"), separator="/", on_conflict=OnConflict.QUALIFY,
            max_train=1, max_test=2, max_validation=3,
        ),
    ]  # fmt: skip
