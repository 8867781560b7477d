"""Fleets side by side on the cores of a processor."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from fractalctl.device import choose_device
from fractalctl.experiments.fleets import Task, train_together
from fractalctl.heads.supervision import strategy
from fractalctl.heads.training import Run, train_fleet
from fractalctl.measures.neighbours import leave_one_out_accuracy

RUNS = [Run(strategy(name, 2), seed) for name in ("v5", "mrl") for seed in (1, 2, 3)]


@pytest.fixture
def examples(features, recipe):
    return Task(features, recipe, str(choose_device("cpu"))).examples()


@pytest.fixture
def _three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_three_threads")
def test_runs_side_by_side_are_the_same_bytes_in_their_order(examples, recipe) -> None:
    expected = train_fleet(examples, RUNS, recipe, leave_one_out_accuracy)
    steps, opened = [], []

    @contextmanager
    def counting(_title: str, total: int):
        opened.append(total)
        yield steps.append

    found = list(train_together(examples, RUNS, recipe, counting))
    assert torch.get_num_threads() == 3
    assert [one.run for one in found] == RUNS
    for one, other in zip(found, expected, strict=True):
        assert all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())
        assert one.history == other.history
    assert opened == [sum(steps)]


@pytest.mark.usefixtures("_three_threads")
def test_an_error_in_one_fleet_ends_the_others(examples, recipe) -> None:
    def fails(*_) -> list[float]:
        raise ArithmeticError("no accuracy")

    endless = replace(recipe, epochs=10**6)
    with pytest.raises(ArithmeticError, match="no accuracy"):
        list(train_together(examples, RUNS, endless, validate=fails))
