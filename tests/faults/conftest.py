"""What tests of faults share: a small feature set, its heads, and commands run in a folder of their own."""

from pathlib import Path
from typing import Any

import pytest
import torch

from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.heads.head import Head
from store import FeatureSet

SETTINGS: dict[str, Any] = {"dims": (4, 8, 12, 16), "epochs": 1, "learning_rate": 1e-2}
"""Of heads that are trained in a moment."""


def train(features: FeatureSet, runs: Path, strategies=("lda",), seeds=(42,), settings=None, **options):
    own = {"dims": (4, 8)} if tuple(strategies) == ("lda",) else SETTINGS
    arms = build_arms(strategies, features.n_levels, None, own | (settings or {}))
    return train_heads(features, arms, runs, seeds, **options)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def head(features: FeatureSet, tmp_path: Path) -> Head:
    """A head that is fitted in a moment."""
    return train(features, tmp_path / "runs").heads[0]
