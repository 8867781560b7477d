from pathlib import Path

import pytest

from store import FeatureSet, FeatureStore
from tests.feature_sets import make_features


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


@pytest.fixture
def features(store: FeatureStore) -> FeatureSet:
    return make_features(store)
