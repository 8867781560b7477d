from pathlib import Path

import pytest
import torch

from fractalctl.heads.recipe import TrainingRecipe
from store import FeatureSet, FeatureStore
from tests.feature_sets import make_features


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


@pytest.fixture
def features(store: FeatureStore) -> FeatureSet:
    return make_features(store)


@pytest.fixture
def recipe() -> TrainingRecipe:
    return TrainingRecipe(dims=(4, 8, 12, 16), epochs=2, learning_rate=1e-2)
