"""``evaluate --metrics`` as a user meets it."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fractalctl.cli import build_app
from fractalctl.measures.metrics import METRICS
from tests.feature_sets import make_store

SMALL = "--dims 4,8,12,16 --epochs 1 --seeds 42"


def call(line: str) -> Result:
    return CliRunner().invoke(build_app(), shlex.split(line))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_store(tmp_path / "store")
    assert call(f"train --strategy v5 {SMALL}").exit_code == 0
    return tmp_path / "runs"


def test_missing_siblings_can_be_trained_by_pasting_the_command(runs: Path) -> None:
    refused = call("evaluate --metrics all")
    assert refused.exit_code == 2
    command = refused.stderr.splitlines()[-1]
    assert command.startswith(
        "fractalctl train --strategy coarse,fine --seeds 42 --head linear --dims 4,8,12,16"
    )
    assert call(command.removeprefix("fractalctl ")).exit_code == 0
    result = call(f"evaluate --metrics all {runs / 'garden/gaussian/v5'}")
    assert result.exit_code == 0, result.stderr
    assert "no mrl head trained alike with seed 42" in result.stderr.replace("\n", " ")
    for words in (
        "Recall@1 in %",
        "Mixed accuracy",
        "coarse + fine",
        "Lower bounds in bits",
        "backbone, cut",
    ):
        assert words in result.stderr


def test_metrics_by_commas_and_repetition_are_remade_by_the_argv(runs: Path) -> None:
    result = call("evaluate --metrics retrieval,localisation --metrics routing --json")
    (document,) = json.loads(result.stdout)
    assert [name for name in METRICS if name in document] == ["retrieval", "localisation", "routing"]
    words = document["argv"]
    assert words[words.index("--metrics") + 1] == "retrieval,localisation,routing"
    next(runs.rglob("evaluation-loo.json")).unlink()
    (again,) = json.loads(call(shlex.join([*words[1:], "--json"])).stdout)
    assert again == document
    assert "1 of 1 evaluations were up to date" in call("evaluate --metrics routing").stderr


def test_an_unknown_metric_is_a_wrong_request(runs: Path) -> None:
    result = call("evaluate --metrics recall")
    assert result.exit_code == 2
    assert "metric 'recall' is not known; choose from retrieval" in result.stderr
    assert not list(runs.rglob("evaluation-*.json"))
