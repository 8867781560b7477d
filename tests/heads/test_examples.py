"""Training rows that stay in their file."""

import mmap
from pathlib import Path

import numpy as np
import pytest
import torch

from fractalctl.heads import examples as module
from fractalctl.heads import moments
from fractalctl.heads.examples import Examples, read_examples
from fractalctl.heads.moments import ROWS_PER_PASS, class_means, covariance, standardisation
from tests.heads.conftest import arm_of

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
    monkeypatch.setattr(moments, "ROWS_PER_PASS", 64)
    mean, scale = standardisation(features)
    deviation = features.std(axis=0, dtype=np.float64)
    deviation[[2, 4, 5]] = 1  # constant, but for rounding
    assert 0 < features[:, 5].std(dtype=np.float64) < 1e-29
    assert mean == pytest.approx(features.mean(axis=0, dtype=np.float64), rel=1e-6)
    assert scale == pytest.approx(1 / deviation, rel=1e-6)


def test_moments_in_parts_are_numpys(small_set, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "ROWS_PER_PASS", 64)
    features, labels, classes = small_set
    finest = labels[:, -1].astype(np.int64)
    means = class_means(features, finest, classes[-1] + 1)
    expected = np.stack([features[finest == kind].mean(axis=0, dtype=np.float64) for kind in range(12)])
    assert means[:12] == pytest.approx(expected, rel=1e-6)
    assert (means[12] == 0).all()
    centre = features.mean(axis=0, dtype=np.float64)
    assert covariance(features, centre) == pytest.approx(np.cov(features.T, ddof=0), rel=1e-6, abs=1e-6)
    within = np.cov((features - expected[finest]).T, ddof=0)
    assert covariance(features, means, finest) == pytest.approx(within, rel=1e-5, abs=1e-5)


def test_rows_are_taken_standardised_from_a_read_only_map(mapped: np.memmap, small_set) -> None:
    examples = read_examples(mapped, *small_set[1:], CPU).standardised()
    rows = torch.tensor([[3, 300], [0, 3]])
    mean, scale = standardisation(small_set[0])
    expected = (small_set[0][rows.numpy()] - mean) * scale
    assert (examples.take(rows).numpy() == expected).all()
    assert (examples.take(rows, room=torch.empty(9, 24)).numpy() == expected).all()
    assert (np.asarray(mapped) == small_set[0]).all()


def test_rows_that_are_not_standardised_come_as_stored(mapped: np.memmap, small_set) -> None:
    examples = read_examples(mapped, *small_set[1:], CPU)
    assert (examples.take(torch.arange(301)).numpy() == small_set[0]).all()


def test_a_large_map_is_let_go_of_and_the_head_is_the_same(
    mapped: np.memmap, small_set, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm, released = arm_of("v5"), []

    def weights(examples: Examples) -> list[torch.Tensor]:
        found = arm.fit(examples, [1, 2], lambda *_: [0.0])
        return [tensor for one in found for tensor in one.weights.values()]

    whole = weights(read_examples(small_set[0], *small_set[1:], CPU))
    monkeypatch.setattr(module, "RESIDENT_BYTES", 2**12)
    monkeypatch.setattr(module, "BYTES_PER_FAULT", 2**5)
    monkeypatch.setattr(module, "release", released.append)
    streamed = weights(read_examples(mapped, *small_set[1:], CPU))
    assert all((one == other).all() for one, other in zip(whole, streamed, strict=True))
    assert len(released) > arm.settings.epochs * len(small_set[0]) // 2**7


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
