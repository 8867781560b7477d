"""What the tests of the feature store share."""

import pytest

from store import FeatureSet, FeatureStore
from tests.store.example import make


@pytest.fixture
def features(store: FeatureStore) -> FeatureSet:
    """The example set, published."""
    return make(store.folder)
