"""What all tests share: where real data may lie, examples that never change, a terminal that never draws."""

import gc
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from fractalctl.backbones.locate import OFFLINE_SWITCHES
from store import FeatureSet, FeatureStore
from tests.feature_sets import make_features
from tests.once import once

DATA_FOLDER = Path(os.environ.get("FRACTALCTL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

settings.register_profile(
    "same everywhere",
    max_examples=50, derandomize=True, database=None, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("same everywhere")
settings.register_profile("no shrinking", phases=[Phase.explicit, Phase.generate])
FOREIGN = r"(?i)(force|py)_colors?|github_actions|tty_\w+|terminal_width|columns|lines|\w+_proxy"
"""What some machines set: looks of a terminal that is not there, and proxies before a test's own servers."""
for name in list(os.environ):  # before anything reads it, and for every process that a test starts
    if re.fullmatch(FOREIGN, name):
        del os.environ[name]
# The garbage collector has less to find than to pass over: a million objects of what is imported.
gc.set_threshold(700, 10, 100)
LONG = (
    "tests/docs/test_every_first", "tests/cli/test_examples", "tests/docs/", "tests/executors/",
    "tests/faults/", "tests/export/", "tests/experiments/", "tests/backbones/", "tests/corpora/",
    "tests/plugins/", "tests/cli/",
)  # fmt: skip
"""Where tests take long, the longest first, so that no process is left alone with one in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with tests that take long; the order of the others stays."""
    places = [*LONG, ""]
    items.sort(key=lambda item: next(n for n, place in enumerate(places) if item.nodeid.startswith(place)))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of real corpora as JSON lines and in their publishers' formats; skips where there is none."""
    if not DATA_FOLDER.is_dir():
        pytest.skip(f"no real corpora in {DATA_FOLDER} (set FRACTALCTL_TEST_DATA to their folder)")
    return DATA_FOLDER


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny corpora, encoders, heads and evaluations (`tests.cli.world`); not to be changed."""
    from tests.cli.world import built

    def build(folder: Path) -> None:
        with built(folder):
            pass

    return once(tmp_path_factory, "world", build)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's store or runs, or what another left in the environment."""
    monkeypatch.setenv("FRACTALCTL_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("FRACTALCTL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NO_COLOR", "1")
    for switch in OFFLINE_SWITCHES:  # a command with --offline sets them for good
        monkeypatch.setenv(switch, "")
        monkeypatch.delenv(switch)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """An empty store."""
    return FeatureStore(tmp_path / "store")


@pytest.fixture
def features(store: FeatureStore) -> FeatureSet:
    """Gaussian clusters under a tree of classes, in the store."""
    return make_features(store)
