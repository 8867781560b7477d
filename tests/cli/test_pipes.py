"""Commands joined by real pipes, as the README and the design have them."""

import csv
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fractalctl.backbones.featurize import recipe_for
from fractalctl.backbones.spec import default_backbone, registered_backbones
from fractalctl.corpora.request import CorpusRequest
from store import FeatureStore
from tests.cli.calls import SMALL, done
from tests.feature_sets import make_features, make_store

PIPE = (
    "fractalctl featurize clinc | fractalctl train - --strategy v5 | fractalctl evaluate - | "
    "fractalctl stats - --holm"
)
README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a line in bash, where ``fractalctl`` is this package and a failing part fails the pipe."""
    script = tmp_path / "bin" / "fractalctl"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m fractalctl "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(README.parent))
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> subprocess.CompletedProcess:
        words = ["bash", "-o", "pipefail", "-c", line]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)

    return run


def test_the_pipe_of_the_readme_describes_its_one_arm(shell, tmp_path: Path) -> None:
    assert PIPE in README.read_text()
    recipe = recipe_for(CorpusRequest("clinc"), registered_backbones()[default_backbone()])
    made = make_features(FeatureStore(tmp_path / "store"), recipe=recipe)
    result = shell(PIPE)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [str(tmp_path / "runs" / "stats.json")]
    assert f"{made.path} is in the store" in result.stderr
    assert "5 heads trained" in result.stderr
    assert "v5" in result.stderr


def test_a_pipe_compares_two_arms_quietly(shell, tmp_path: Path) -> None:
    features = make_features(make_store(tmp_path / "store"), "meadow", seed=2)
    line = (
        f"echo {features.path} | fractalctl train - --strategy v5,mrl {SMALL} --quiet | "
        "fractalctl evaluate - --quiet | fractalctl stats - --holm --quiet --format csv"
    )
    result = shell(line)
    assert (result.returncode, result.stderr) == (0, "")
    (row,) = csv.DictReader(result.stdout.splitlines())
    assert (row["corpus"], row["n"]) == ("meadow", "2")


def test_a_pipe_whose_first_command_failed_gives_nothing(shell, tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    done(f"train --strategy v5,mrl {SMALL}")
    done("evaluate")
    result = shell("fractalctl store info nothing | fractalctl evaluate - | fractalctl stats - --holm")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("standard input: expected a path on each line, got none") == 2
    assert not (tmp_path / "runs" / "stats.json").exists()
