"""``search`` and ``zoom`` as a user meets them."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fractalctl.cli import build_app
from tests.feature_sets import make_features, make_store


def call(line: str, given: str | None = None) -> Result:
    return CliRunner().invoke(build_app(("train", "search", "zoom")), shlex.split(line), input=given)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_store(tmp_path / "store")
    assert call("train --strategy v5,mrl --dims 4,8,16 --epochs 1 --seeds 42,123").exit_code == 0
    return tmp_path / "runs"


@pytest.mark.parametrize("name", ["search", "zoom"])
def test_help_has_examples(name: str) -> None:
    text = call(f"{name} --help").stdout
    assert text.count(f"fractalctl {name}") >= 2


def test_a_row_is_answered_for_people_and_for_programs(runs: Path) -> None:
    shown = call("search --row 3 --row 4 --top 2 --shortlist 20")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout == ""
    assert f"Head: {runs}/garden/gaussian/v5/seed-42" in shown.stderr.replace("\n", "")
    for words in ("Query [", "at 4 dimensions, ", "at 16 dimensions, ", "in two stages:", "train text "):
        assert words in shown.stderr
    document = json.loads(call(f"search {runs}/garden/gaussian/mrl --row 3 --top 2 --dims 8 --json").stdout)
    assert (document["corpus"], document["strategy"], document["seed"]) == ("garden", "mrl", 42)
    (query,) = document["queries"]
    assert query["text"].startswith("test text 3 ")
    assert list(query["answers"]) == ["8"]
    first, second = query["answers"]["8"]
    assert first["cosine"] >= second["cosine"]
    assert set(first) == {"row", "name", "text", "labels", "cosine"}
    assert query["two_stage"] is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("search", "nothing to search for: give a query, - for standard input, or --row N"),
        ("search - -", "standard input can give heads or queries, not both"),
        ("search my question", "my: no such file or folder (a query of several words belongs in quotes"),
        ("search --row 1 --dims 4,99", "--dims 4,99: expected ascending lengths from 1 to 16"),
        ("search -", "standard input: expected a query on each line, got none"),
        ("search hello", "its recipe does not say which encoder made it"),
        ("search --row 1 --features meadow/other", "takes features of gaussian, but"),
    ],
)
def test_wrong_requests_end_with_one_message(runs: Path, line: str, message: str) -> None:
    if "--features" in line:
        other = make_features(make_store(runs.parent / "store"), "meadow")
        line = line.replace("meadow/other", str(other.path))
        head = next(runs.rglob("v5/seed-42/head.json"))
        head.write_text(head.read_text().replace('"backbone": "gaussian"', '"backbone": "minilm"'))
        line, message = f"{line} {head.parent}", message.replace("gaussian", "minilm")
    result = call(line, "")
    assert result.exit_code == 2, result.stderr
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_zoom_writes_one_file_that_its_argv_remakes(runs: Path) -> None:
    result = call("zoom --queries 3 --top 4")
    assert result.exit_code == 0, result.stderr
    path = runs / "garden" / "gaussian" / "zoom.json"
    assert result.stdout.splitlines() == [str(path)]
    assert "garden/gaussian, linear head, seed 42: % of 4 answers" in result.stderr.replace("\n", " ")
    document = json.loads(path.read_text())
    path.unlink()
    assert call(shlex.join(document["argv"][1:])).exit_code == 0
    assert json.loads(path.read_text()) == document
    assert "1 of 1 were up to date" in call("zoom --queries 3 --top 4").stderr


def test_heads_come_through_a_pipe(runs: Path) -> None:
    heads = "\n".join(str(path) for path in sorted(runs.rglob("head.safetensors")))
    assert call("zoom - --json", heads).exit_code == 0
    assert call("search - --row 1 --json", heads).exit_code == 0
