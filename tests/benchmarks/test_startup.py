"""Starting the command line against importing the libraries that it is made of.

Help goes to a pipe here and is plain; what a terminal shows is drawn with rich, which typer loads for that.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store import FeatureSet
from tests.benchmarks.pairs import compare


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of an installed program: modules are compiled once."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}


def run(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, capture_output=True, env=environment)


def test_help(benchmark, environment: dict[str, str]) -> None:
    compare(
        benchmark,
        "`fractalctl --help`",
        lambda: run(environment, "-m", "fractalctl", "--help"),
        lambda: run(environment, "-c", "import typer, rich"),
        "python -c 'import typer, rich'",
        goal=0.5,
    )


def test_a_cached_feature_set(
    benchmark, environment: dict[str, str], data_folder: Path, clinc: FeatureSet
) -> None:
    call = ["featurize", "clinc", "--backbone", "minilm", "--data", str(data_folder / "clinc.jsonl.gz")]
    call += ["--max-train", "10000", "--max-test", "2000", "--store", str(clinc.path.parents[1])]
    compare(
        benchmark,
        "`fractalctl featurize` of a cached set",
        lambda: run(environment, "-m", "fractalctl", *call),
        lambda: run(environment, "-c", "import typer, rich, h5py"),
        "python -c 'import typer, rich, h5py'",
        goal=0.5,
    )
