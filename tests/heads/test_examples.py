"""Training rows that stay in their file."""

import mmap
from pathlib import Path

import numpy as np
import pytest
import torch

from fractalctl.heads import examples as module
from fractalctl.heads.examples import ROWS_PER_PASS, Examples, prepare, standardisation
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.supervision import strategy
from fractalctl.heads.training import Run, train_fleet

CPU = torch.device("cpu")


@pytest.fixture
def mapped(tmp_path: Path, small_set) -> np.memmap:
    small_set[0].tofile(tmp_path / "features")
    return np.memmap(tmp_path / "features", dtype="<f4", mode="r", shape=small_set[0].shape)


def test_standardisation_in_parts_is_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(1).normal(3, 2, size=(1000, 7)).astype(np.float32)
    features[:, 2] = 5
    features[:, 4] = 3 + 1e-7 * features[:, 3]
    features[:, 5] *= 1e-30
    assert len(features) < ROWS_PER_PASS
    monkeypatch.setattr(module, "ROWS_PER_PASS", 64)
    mean, scale = standardisation(features, True)
    deviation = features.std(axis=0, dtype=np.float64)
    deviation[[2, 4, 5]] = 1  # constant, but for rounding
    assert 0 < features[:, 5].std(dtype=np.float64) < 1e-29
    assert mean == pytest.approx(features.mean(axis=0, dtype=np.float64), rel=1e-6)
    assert scale == pytest.approx(1 / deviation, rel=1e-6)


def test_rows_are_taken_standardised_from_a_read_only_map(mapped: np.memmap, small_set, recipe) -> None:
    examples = prepare(mapped, *small_set[1:], recipe, CPU)
    rows = torch.tensor([[3, 300], [0, 3]])
    mean, scale = standardisation(small_set[0], True)
    expected = (small_set[0][rows.numpy()] - mean) * scale
    assert (examples.take(rows).numpy() == expected).all()
    assert (examples.take(rows, out=torch.empty(9, 24)).numpy() == expected).all()
    assert (np.asarray(mapped) == small_set[0]).all()


def test_rows_that_are_not_standardised_come_as_stored(mapped: np.memmap, small_set) -> None:
    examples = prepare(mapped, *small_set[1:], TrainingRecipe(standardise=False), CPU)
    assert (examples.take(torch.arange(301)).numpy() == small_set[0]).all()


def test_a_large_map_is_let_go_of_and_the_head_is_the_same(
    mapped: np.memmap, small_set, recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [Run(strategy("v5", 3), seed) for seed in (1, 2)]
    released = []

    def weights(examples: Examples) -> list[torch.Tensor]:
        return [
            tensor
            for one in train_fleet(examples, runs, recipe, lambda *_: [0.0])
            for tensor in one.weights.values()
        ]

    whole = weights(prepare(small_set[0], *small_set[1:], recipe, CPU))
    monkeypatch.setattr(module, "RESIDENT_BYTES", 2**12)
    monkeypatch.setattr(module, "BYTES_PER_FAULT", 2**5)
    monkeypatch.setattr(module, "release", released.append)
    streamed = weights(prepare(mapped, *small_set[1:], recipe, CPU))
    assert all((one == other).all() for one, other in zip(whole, streamed, strict=True))
    assert len(released) > recipe.epochs * len(small_set[0]) // 2**7


@pytest.mark.skipif(
    not hasattr(mmap, "MADV_DONTNEED"), reason="the system cannot be told to let go of memory"
)
def test_release_keeps_what_is_read_afterwards(mapped: np.memmap, small_set, monkeypatch) -> None:
    from store import features

    monkeypatch.setattr(features, "RESIDENT_BYTES", 0)
    assert (np.asarray(mapped) == small_set[0]).all()
    features.release(mapped)
    features.release(small_set[0])
    assert (np.asarray(mapped) == small_set[0]).all()
