"""Held-out fifths and random samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.corpora.assembly import held_out, sample


@given(st.lists(st.integers(0, 30), min_size=1, max_size=300), st.integers(0, 2**31))
def test_a_fifth_of_every_class_is_held_out(classes: list[int], seed: int) -> None:
    labels = np.array(classes, np.int32)
    chosen = held_out(labels, seed)
    for label in set(classes):
        size = classes.count(label)
        taken = chosen[labels == label].sum()
        assert taken == 0 if size == 1 else size // 5 <= taken <= -(-size // 5)
    repeated = [label for label in classes if classes.count(label) > 1]
    assert len(repeated) // 5 <= chosen.sum() <= -(-len(repeated) // 5)


def test_the_held_out_rows_depend_on_the_seed_alone() -> None:
    labels = np.arange(500, dtype=np.int32) % 7
    np.testing.assert_array_equal(held_out(labels, 42), held_out(labels, 42))
    assert (held_out(labels, 42) != held_out(labels, 43)).any()


def test_without_a_size_rows_stay_in_source_order() -> None:
    assert sample(5, None, 0, 42).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [1, 10, 99, 100, 1000])
def test_a_sample_is_a_random_order_of_distinct_rows(size: int) -> None:
    rows = sample(100, size, 2, 42)
    assert len(set(rows.tolist())) == len(rows) == min(size, 100)
    assert size < 10 or rows.tolist() != sorted(rows)


def test_a_smaller_sample_is_the_beginning_of_a_larger_one() -> None:
    np.testing.assert_array_equal(sample(100, 10, 0, 42), sample(100, 60, 0, 42)[:10])


def test_splits_and_seeds_draw_differently() -> None:
    draws = [sample(100, 100, split, seed).tolist() for split in range(3) for seed in (42, 43)]
    assert len({tuple(draw) for draw in draws}) == 6
