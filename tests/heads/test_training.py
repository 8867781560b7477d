from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.examples import prepare, standardisation
from fractalctl.heads.linear import LinearFleet, initial_weights
from fractalctl.heads.supervision import STRATEGIES, strategy
from fractalctl.heads.training import Run, train_fleet
from tests.heads.plain import train_plainly


def constant(embeddings: np.ndarray, labels: np.ndarray) -> list[float]:
    """A validation that always prefers the first epoch."""
    return [0.5] * labels.shape[1]


def last_epoch_wins():
    scores = iter(range(10**6))
    return lambda embeddings, labels: [next(scores)]


@pytest.mark.parametrize("prefix_per", ["batch", "sample"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_run_equals_algorithm_1_in_plain_pytorch(examples, recipe, name: str, prefix_per: str) -> None:
    recipe = replace(recipe, prefix_per=prefix_per)
    run = Run(strategy(name, levels=3), seed=42)
    plain, losses = train_plainly(examples, run, recipe)
    trained = train_fleet(examples, [run], recipe, last_epoch_wins())[0]
    assert [record.loss for record in trained.history] == pytest.approx(losses, rel=2e-5)
    projection = trained.weights["projection"].T
    # Adam divides by the root of a squared gradient: rounding in near-zero gradients grows to about 1e-4.
    assert torch.allclose(projection, plain.projection.weight, atol=5e-4)
    moved = (plain.projection.weight - torch.from_numpy(_initial(examples, recipe, 42)).T).abs().max()
    assert moved > 0.05


def _initial(examples, recipe, seed: int) -> np.ndarray:
    return initial_weights({"projection": (examples.input_dimension, recipe.dimension)}, seed)["projection"]


def test_hand_written_gradients_equal_autograd(examples) -> None:
    random = np.random.default_rng(0)
    tables = [strategy(name, 3) for name in STRATEGIES]
    fleet = LinearFleet(24, (4, 8, 12, 20), examples.classes, tables, range(len(tables)), torch.device("cpu"))
    rows = torch.from_numpy(random.integers(0, 301, (len(tables), 9)))
    features, labels = examples.take(rows), examples.labels[rows]
    prefix = torch.from_numpy(random.integers(0, 4, (len(tables), 9)))
    keep = torch.from_numpy(random.integers(0, 2, (len(tables), 9, 4))).float()
    loss = fleet.backward(features, labels, prefix, keep)

    projection, classifier, bias = (tensor.double().requires_grad_() for tensor in fleet.parameters)
    ends = torch.tensor([4, 8, 12, 20])
    position = torch.arange(20)
    embedding = torch.einsum("rbh,rhd->rbd", features.double(), projection)
    embedding = embedding * keep[:, :, torch.bucketize(position, ends, right=True)]
    cut = embedding * (position < ends[prefix][..., None])
    total = torch.zeros(len(tables), dtype=torch.float64)
    for run, table in enumerate(tables):
        start = 0
        for level, count in enumerate(examples.classes):
            part = slice(start, start + count)
            for row in range(9):
                weights = (table.full[level], table.prefix_weight * table.prefix[prefix[run, row]][level])
                for weight, vector in zip(weights, (embedding[run, row], cut[run, row]), strict=True):
                    logits = vector @ classifier[run][:, part] + bias[run, part]
                    total[run] -= weight * torch.log_softmax(logits, 0)[labels[run, row, level]] / 9
            start += count
    total.sum().backward()
    assert torch.allclose(loss.double(), total, rtol=1e-6)
    for ours, autograd in zip(fleet.gradients, (projection, classifier, bias), strict=True):
        assert torch.allclose(ours.double(), autograd.grad, atol=2e-6)


def test_a_fleet_equals_its_runs_trained_one_by_one(examples, recipe) -> None:
    runs = [Run(strategy(name, 3), seed) for name, seed in product(STRATEGIES, (42, 123))]
    together = train_fleet(examples, runs, recipe, last_epoch_wins())
    for run, trained in zip(runs, together, strict=True):
        alone = train_fleet(examples, [run], recipe, last_epoch_wins())[0]
        assert trained.weights.keys() == alone.weights.keys()
        for name, weights in alone.weights.items():
            assert torch.allclose(trained.weights[name], weights, atol=5e-4), (run, name)
        assert [record.loss for record in trained.history] == pytest.approx(
            [record.loss for record in alone.history], rel=2e-5
        )


def test_training_again_gives_the_same_bytes(examples, recipe) -> None:
    runs = [Run(strategy("v5", 3), 42), Run(strategy("mrl", 3), 123)]
    first, second = (train_fleet(examples, runs, recipe, constant) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_the_first_best_epoch_is_kept(examples, recipe) -> None:
    run = Run(strategy("v5", 3), 42)
    scores = iter([[0.1, 0.2, 0.3], [0.9, 0.9, 0.9], [0.9, 0.9, 0.9]])
    best = train_fleet(examples, [run], recipe, lambda embeddings, labels: next(scores))[0]
    assert best.best_epoch == 2
    assert best.history[1].validation == (0.9, 0.9, 0.9)
    last = train_fleet(examples, [run], recipe, last_epoch_wins())[0]
    assert last.best_epoch == 3
    assert not torch.equal(best.weights["projection"], last.weights["projection"])


def test_validation_sees_held_out_rows_only(examples, recipe) -> None:
    seen = []

    def watch(embeddings: np.ndarray, labels: np.ndarray) -> list[float]:
        seen.append((embeddings.shape, len(labels)))
        return [0.0]

    train_fleet(examples, [Run(strategy("v5", 3), 42)], recipe, watch)
    held = sum(max(1, int(count * 0.15)) for count in np.bincount(examples.labels[:, -1].numpy()))
    assert seen == [((held, 20), held)] * 3


def test_standardisation_centres_and_scales(small_set) -> None:
    features = np.concatenate([small_set[0], np.full((301, 1), 2.5, np.float32)], axis=1)
    mean, scale = standardisation(features, wanted=True)
    standardised = (features - mean) * scale
    assert standardised.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert standardised.std(axis=0)[:-1] == pytest.approx(1, abs=1e-5)
    assert (standardised[:, -1] == 0).all()
    mean, scale = standardisation(features, wanted=False)
    assert (mean == 0).all()
    assert (scale == 1).all()


def test_a_corpus_of_single_rows_cannot_be_trained(recipe) -> None:
    features, labels = np.eye(4, dtype=np.float32), np.array([[0, 0], [0, 1], [1, 2], [1, 3]])
    examples = prepare(features, labels, (2, 4), recipe, torch.device("cpu"))
    with pytest.raises(RequestError, match="single training row"):
        train_fleet(examples, [Run(strategy("v5", 2), 1)], recipe, constant)


def test_a_table_for_another_depth_is_refused(examples, recipe) -> None:
    with pytest.raises(
        RequestError, match="v5 is for 4 prefixes and 2 levels, but the head has 4 prefixes and the corpus 3"
    ):
        train_fleet(examples, [Run(strategy("v5", 2), 1)], recipe, constant)
