from itertools import count

import numpy as np
import pytest
import torch

from fractalctl.heads.arms import build_arm
from fractalctl.heads.examples import Examples, read_examples
from fractalctl.heads.methods.supervision import Supervision

DIMS = (4, 8, 12, 20)


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
def examples(small_set) -> Examples:
    return read_examples(*small_set, torch.device("cpu"))


def arm_of(name: str, levels: int = 3, trunk: str | None = None, **settings):
    """An arm of small dimensions and few epochs."""
    usual = {"dims": DIMS}
    if name not in ("lda", "pca", "raw"):
        usual |= {"epochs": 3, "learning_rate": 1e-2}
    return build_arm(name, levels, trunk, usual | settings)


def table_of(name: str, levels: int = 3, **settings) -> Supervision:
    """The settings of a strategy of the paper."""
    return arm_of(name, levels, **settings).settings


def constant(embeddings: np.ndarray, labels: np.ndarray) -> list[float]:
    """A validation that always prefers the first epoch."""
    return [0.5] * labels.shape[1]


def last_epoch_wins():
    """A validation that always prefers the last epoch."""
    scores = count()
    return lambda embeddings, labels: [float(next(scores))]
