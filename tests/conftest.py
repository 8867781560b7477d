"""What all tests share: where real data may lie, and a terminal that never draws."""

import os
from pathlib import Path

import pytest

from fractalctl.backbones.locate import OFFLINE_SWITCHES
from store import FeatureSet, FeatureStore
from tests.feature_sets import make_features
from tests.once import once

DATA_FOLDER = Path(os.environ.get("FRACTALCTL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


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
