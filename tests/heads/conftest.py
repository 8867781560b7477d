import numpy as np
import pytest
import torch

from fractalctl.heads.examples import Examples, prepare
from fractalctl.heads.recipe import TrainingRecipe


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_set() -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Gaussian clusters under a tree of 2 > 4 > 12 classes: features (301, 24), labels (301, 3)."""
    random = np.random.default_rng(7)
    finest = random.integers(0, 12, 301)
    centres = random.normal(size=(12, 24)) + np.repeat(random.normal(size=(4, 24)), 3, axis=0)
    features = (3 * centres[finest] + random.normal(size=(301, 24))).astype(np.float32)
    return features, np.stack([finest // 6, finest // 3, finest], axis=1).astype(np.int32), (2, 4, 12)


@pytest.fixture
def recipe() -> TrainingRecipe:
    return TrainingRecipe(dims=(4, 8, 12, 20), epochs=3, batch_size=16, learning_rate=1e-2)


@pytest.fixture
def examples(small_set, recipe) -> Examples:
    return prepare(*small_set, recipe, torch.device("cpu"))
