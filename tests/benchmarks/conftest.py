from pathlib import Path

import pytest

from store import FeatureSet
from tests.benchmarks.material import clinc_features


@pytest.fixture(scope="session")
def clinc(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> FeatureSet:
    return clinc_features(data_folder, tmp_path_factory.mktemp("store"))
