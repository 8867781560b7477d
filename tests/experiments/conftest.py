from pathlib import Path
from typing import Any

import pytest
import torch

from fractalctl.experiments.training import build_arms, train_heads
from store import FeatureSet

SETTINGS: dict[str, Any] = {"dims": (4, 8, 12, 16), "epochs": 2, "learning_rate": 1e-2}
"""Of heads that are trained in a moment."""


def label(strategy: str) -> str:
    """What an arm with these settings is called."""
    return f"{strategy}-dims=4x8x12x16-epochs=2-learning_rate=0.01"


def train(features: FeatureSet, runs: Path, strategies, seeds=(42,), settings=None, **options):
    arms = build_arms(strategies, features.n_levels, None, SETTINGS | (settings or {}))
    return train_heads(features, arms, runs, seeds, **options)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
