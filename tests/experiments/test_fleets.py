"""Fleets side by side on the cores of a processor."""

from contextlib import contextmanager

import pytest
import torch

from fractalctl.experiments import training
from fractalctl.experiments.training import Job, build_arms, fit_arms
from tests.experiments.conftest import SETTINGS

SEEDS = (1, 2, 3)


def jobs(**settings) -> list[Job]:
    return [
        Job(arm, seed) for arm in build_arms(["v5", "mrl"], 2, None, SETTINGS | settings) for seed in SEEDS
    ]


@pytest.fixture
def _three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_three_threads")
def test_runs_side_by_side_are_the_same_bytes(features) -> None:
    torch.set_num_threads(1)
    expected = dict(fit_arms(features, jobs(), "cpu"))
    torch.set_num_threads(3)
    steps, opened = [], []

    @contextmanager
    def counting(_title: str, total: int):
        opened.append(total)
        yield steps.append

    found = dict(fit_arms(features, jobs(), "cpu", counting))
    assert torch.get_num_threads() == 3
    assert set(found) == set(jobs())
    for job, one in found.items():
        assert all(torch.equal(tensor, expected[job].weights[name]) for name, tensor in one.weights.items())
        assert one.history == expected[job].history
    assert opened == [sum(steps)]


@pytest.mark.usefixtures("_three_threads")
def test_an_error_in_one_fleet_ends_the_others(features, monkeypatch) -> None:
    def fails(*_) -> list[float]:
        raise ArithmeticError("no accuracy")

    monkeypatch.setattr(training, "leave_one_out_accuracy", fails)
    with pytest.raises(ArithmeticError, match="no accuracy"):
        list(fit_arms(features, jobs(epochs=10**6), "cpu"))
