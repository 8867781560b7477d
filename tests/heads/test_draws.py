from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.heads.draws import draw_epoch, hold_out
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.supervision import strategy


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
    table, recipe = strategy("v5", 2), TrainingRecipe(batch_size=16)
    per_batch = draw_epoch(42, 1, 1000, table, recipe).prefix
    assert all(len(set(per_batch[start : start + 16])) == 1 for start in range(0, 1000, 16))
    per_sample = draw_epoch(42, 1, 1000, table, replace(recipe, prefix_per="sample")).prefix
    assert len(set(per_sample[:16])) > 1


def test_draws_follow_the_tables_probabilities() -> None:
    draws = draw_epoch(5, 1, 200_000, strategy("v5", 2), TrainingRecipe(prefix_per="sample"))
    assert np.bincount(draws.prefix) / 200_000 == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.005)
    assert draws.keep.mean(axis=0) == pytest.approx([0.95, 0.9, 0.8, 0.7], abs=0.005)
    assert (np.sort(draws.order) == np.arange(200_000)).all()


def test_strategies_of_one_seed_share_their_draws() -> None:
    recipe = TrainingRecipe()
    v5, mrl = (draw_epoch(42, 2, 500, strategy(name, 2), recipe) for name in ("v5", "mrl"))
    assert (v5.order == mrl.order).all()
    assert (v5.prefix == mrl.prefix).all()
    assert (v5.keep == mrl.keep).all()
    assert not (v5.order == draw_epoch(42, 3, 500, strategy("v5", 2), recipe).order).all()
