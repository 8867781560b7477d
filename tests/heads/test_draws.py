import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.heads.examples import EpochDraws, draw_epoch, draw_positives, hold_out
from fractalctl.heads.methods.supervision import SupervisionMethod
from tests.heads.conftest import table_of


def drawn(name: str, seed: int, epoch: int, rows: int, **settings) -> EpochDraws:
    table = table_of(name, 2, **settings)
    return draw_epoch(seed, epoch, rows, SupervisionMethod().objective(table, 2), table)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.integers(0, 9))
def test_hold_out_takes_its_share_of_every_class(classes: list[int], seed: int) -> None:
    finest = np.array(classes)
    held = hold_out(finest, 0.15, seed)
    assert sorted([*held.training, *held.validation]) == list(range(len(finest)))
    for label in set(classes):
        total, kept = (finest == label).sum(), (finest[held.validation] == label).sum()
        assert kept == (0 if total == 1 else max(1, int(total * 0.15)))


def test_hold_out_is_shuffled_and_differs_by_seed() -> None:
    finest = np.repeat(np.arange(10), 40)
    first, again, other = (hold_out(finest, 0.15, seed).validation for seed in (1, 1, 2))
    assert (first == again).all()
    assert not np.array_equal(first, other)
    assert not (np.diff(first) > 0).all()


def test_one_prefix_per_batch_or_per_sample() -> None:
    per_batch = drawn("v5", 42, 1, 1000).prefix
    assert all(len(set(per_batch[start : start + 16])) == 1 for start in range(0, 1000, 16))
    per_sample = drawn("v5", 42, 1, 1000, prefix_per="sample").prefix
    assert len(set(per_sample[:16])) > 1


def test_draws_follow_the_tables_probabilities() -> None:
    draws = drawn("v5", 5, 1, 200_000, prefix_per="sample")
    assert np.bincount(draws.prefix) / 200_000 == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.005)
    assert draws.keep.mean(axis=0) == pytest.approx([0.95, 0.9, 0.8, 0.7], abs=0.005)
    assert (np.sort(draws.order) == np.arange(200_000)).all()


def test_strategies_of_one_seed_share_their_draws() -> None:
    v5, mrl = (drawn(name, 42, 2, 500) for name in ("v5", "mrl"))
    assert (v5.order == mrl.order).all()
    assert (v5.prefix == mrl.prefix).all()
    assert (v5.keep == mrl.keep).all()
    assert not (v5.order == drawn("v5", 42, 3, 500).order).all()


def test_draws_of_different_purposes_do_not_coincide() -> None:
    """A hold-out is not the order of an epoch, whatever the seeds."""
    finest = np.zeros(200, dtype=int)
    orders = {drawn("v5", seed, epoch, 200).order.tobytes() for seed in (0, 1, 42) for epoch in (1, 2)}
    for seed in (0, 1, 42):
        held = hold_out(finest, 0.995, seed).validation
        assert held.tobytes() not in {
            np.frombuffer(order, np.int64)[: len(held)].tobytes() for order in orders
        }
    assert len(orders) == 6


def test_positives_are_other_rows_of_the_same_class() -> None:
    random = np.random.default_rng(1)
    fine = np.append(random.integers(0, 9, 200), 9)
    labels = np.stack([fine // 5, fine], axis=1)
    positives = draw_positives(42, 1, labels)
    rows = np.arange(201)
    for level in (0, 1):
        assert (labels[positives[:, level], level] == labels[:, level]).all()
        assert (positives[:200, level] != rows[:200]).all()
    assert positives[200, 1] == 200
    assert (positives == draw_positives(42, 1, labels)).all()
    assert not (positives == draw_positives(42, 2, labels)).all()


def test_every_other_row_of_a_class_is_drawn_equally_often() -> None:
    labels = np.array([[0], [1], [0], [0], [1], [0]])
    found = np.concatenate([draw_positives(seed, 1, labels)[:1] for seed in range(3000)])
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [2, 3, 5]
    assert counts == pytest.approx(1000, abs=100)
