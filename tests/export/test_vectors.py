import numpy as np
import pytest

from fractalctl.export.precision import Precision
from fractalctl.export.vectors import quantised, ranges_of, unit

RANDOM = np.random.default_rng(3)
VECTORS = RANDOM.normal(size=(200, 20)).astype(np.float32)
VECTORS[:, 7] = 0.25


@pytest.mark.parametrize(
    ("precision", "theirs"), [("int8", "int8"), ("binary", "ubinary"), ("float32", "float32")]
)
def test_schemes_are_those_of_sentence_transformers(precision: str, theirs: str) -> None:
    quantization = pytest.importorskip("sentence_transformers.quantization")
    ours = quantised(VECTORS, Precision(precision), ranges_of([VECTORS[:60], VECTORS[60:]]))
    expected = quantization.quantize_embeddings(VECTORS, precision=theirs)
    assert ours.dtype == expected.dtype == Precision(precision).dtype
    assert (ours == expected).all()
    assert ours.nbytes == Precision(precision).n_bytes(20) * len(VECTORS)


def test_ranges_of_other_vectors_cut_what_lies_outside() -> None:
    ranges = ranges_of([VECTORS])
    found = quantised(10 * VECTORS, Precision.INT8, ranges).astype(int)
    outside = np.abs(10 * VECTORS) > np.abs(ranges).max(axis=0)
    outside[:, 7] = False  # where nothing varies, a step is 1
    assert set(found[outside & (VECTORS > 0)]) == {127}
    assert set(found[outside & (VECTORS < 0)]) == {-128}


def test_int8_is_near_what_it_stands_for() -> None:
    low, high = ranges_of([VECTORS])
    step = (high - low) / 255
    found = (quantised(VECTORS, Precision.INT8, np.stack([low, high])).astype(np.float32) + 128) * step + low
    assert (np.abs(found - VECTORS) <= step * 1.001).all()


def test_unit_rows_leave_zeros() -> None:
    rows = np.array([[3, 4], [0, 0]], dtype=np.float32)
    assert unit(rows).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
    assert unit(VECTORS).dtype == np.float32
    assert np.linalg.norm(unit(VECTORS), axis=1) == pytest.approx(1, abs=1e-6)


def test_half_precision_and_odd_lengths() -> None:
    assert quantised(VECTORS, Precision.FLOAT16).dtype == np.float16
    assert Precision.FLOAT16.n_bytes(20) == 40
    assert Precision.BINARY.width(20) == quantised(VECTORS, Precision.BINARY).shape[1] == 3
