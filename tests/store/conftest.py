"""What the tests of the feature store share."""

from pathlib import Path

import pytest

from store import FeatureSet, FeatureStore
from tests.store.example import make


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


@pytest.fixture
def features(store: FeatureStore) -> FeatureSet:
    """The example set, published."""
    return make(store.folder)
