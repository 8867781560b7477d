"""Axes on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fractalctl.cli import build_app
from fractalctl.cli.ablate import AXES, Axis
from tests.feature_sets import make_features, make_store

SMALL = "--dims 4,8,12,16 --epochs 1 --seeds 42,123"


@pytest.fixture
def ablate(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("FRACTALCTL_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    make_features(make_store(tmp_path / "store"), "deep", depth=3)

    def call(*words: str):
        return CliRunner().invoke(build_app(["ablate"]), ["ablate", *SMALL.split(), *words])

    return call


def test_every_axis_has_a_row() -> None:
    assert set(AXES) == set(Axis)


@pytest.mark.parametrize(
    ("words", "name", "shown"),
    [
        ("garden --axis capacity --values 3,6", "capacity", "v5 at block 3 vs mrl at block 3"),
        ("garden --axis noise --values 0,30", "noise", "v5 at noise 0 vs v5 at noise 30"),
        ("deep --axis depth --strategy v5,mrl", "depth", "v5 vs mrl, S_02"),
    ],
)
def test_an_axis_writes_its_file_and_shows_its_tests(ablate, words: str, name: str, shown: str) -> None:
    result = ablate(*words.split())
    assert result.exit_code == 0, result.stderr
    path = Path(result.stdout.strip())
    assert path.parts[-4:] == ("runs", words.split()[0], "gaussian", f"ablation-{name}.json")
    assert shown in result.stderr
    document = json.loads(path.read_text())
    assert document["axis"] == name
    assert document["argv"][:2] == ["fractalctl", "ablate"]
    before = path.stat().st_mtime_ns
    again = CliRunner().invoke(build_app(["ablate"]), document["argv"][1:])
    assert again.exit_code == 0, again.stderr
    assert path.stat().st_mtime_ns == before


def test_the_noise_axis_asks_as_many_rows_as_the_paper_seems_to(ablate) -> None:
    path = Path(ablate("garden", "--axis", "noise", "--values", "0").stdout.strip())
    words = json.loads(path.read_text())["argv"]
    assert words[words.index("--max-test") + 1] == "500"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("garden --values 16", "--values does not belong to axis alignment, but to capacity, noise"),
        ("deep --axis depth --values 3", "--values does not belong to axis depth"),
        ("garden --axis capacity --values a", "--values 'a': expected whole numbers"),
        ("garden --axis noise --values 120", "noise is a percentage"),
        ("garden --axis depth", "none is known above them"),
    ],
)
def test_wrong_requests_are_named(ablate, words: str, message: str) -> None:
    result = ablate(*words.split())
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
