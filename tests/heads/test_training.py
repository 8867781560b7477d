import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.examples import read_examples
from fractalctl.heads.fitted import DivergedError
from fractalctl.heads.losses import prefix_cross_entropy
from fractalctl.heads.method import divided
from fractalctl.heads.methods.supervision import TABLES
from fractalctl.heads.moments import standardisation
from fractalctl.heads.trunks import initial_weights
from tests.heads.conftest import arm_of, constant, last_epoch_wins
from tests.heads.plain import train_plainly


@pytest.mark.parametrize("prefix_per", ["batch", "sample"])
@pytest.mark.parametrize("name", TABLES)
def test_a_run_equals_algorithm_1_in_plain_pytorch(examples, name: str, prefix_per: str) -> None:
    arm = arm_of(name, prefix_per=prefix_per)
    plain, losses = train_plainly(examples, arm.settings, seed=42)
    trained = arm.fit(examples, [42], last_epoch_wins())[0]
    assert [record.loss for record in trained.history] == pytest.approx(losses, rel=2e-5)
    projection = trained.weights["projection"].T
    # Adam divides by the root of a squared gradient: rounding in near-zero gradients grows to about 1e-4.
    assert torch.allclose(projection, plain.projection.weight, atol=5e-4)
    began = torch.from_numpy(initial_weights({"projection": (24, 20)}, 42)["projection"]).T
    assert (plain.projection.weight - began).abs().max() > 0.05


@pytest.mark.parametrize("upstream", [1.0, -2.5])
def test_hand_written_gradients_equal_autograd(upstream: float) -> None:
    random = torch.Generator().manual_seed(0)
    dims, classes, runs, rows = (4, 8, 12, 20), (2, 4, 12), 3, 9
    inputs = [(runs, rows, 20), (runs, 20, 18), (runs, 18)]
    embedding, classifier, bias = (
        torch.randn(shape, generator=random, dtype=torch.float64, requires_grad=True) for shape in inputs
    )
    labels = torch.stack([torch.randint(count, (runs, rows), generator=random) for count in classes], dim=2)
    weights = torch.rand(runs, 2 * rows, 3, generator=random, dtype=torch.float64)
    prefix = torch.randint(4, (runs, rows), generator=random)
    within = (torch.arange(4) <= prefix[:, :, None]).double()
    factors = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64) * upstream
    leaves = (embedding, classifier, bias)
    loss = prefix_cross_entropy(embedding, classifier, bias, labels, weights, within, dims, classes)
    ours = torch.autograd.grad((loss * factors).sum(), leaves)

    cut = embedding * (torch.arange(20) < torch.tensor(dims)[prefix][..., None])
    expected, start = torch.zeros(runs, dtype=torch.float64), 0
    for level, count in enumerate(classes):
        part = slice(start, start + count)
        for first, vectors in ((0, embedding), (rows, cut)):
            logits = torch.einsum("rbd,rdk->rbk", vectors, classifier[:, :, part]) + bias[:, None, part]
            chosen = torch.log_softmax(logits, 2).gather(2, labels[:, :, level, None])[..., 0]
            expected = expected - (weights[:, first : first + rows, level] * chosen).sum(1)
        start += count
    assert torch.allclose(loss, expected)
    for found, autograd in zip(ours, torch.autograd.grad((expected * factors).sum(), leaves), strict=True):
        assert torch.allclose(found, autograd)


@pytest.mark.parametrize("trunk", ["linear", "mlp"])
@pytest.mark.parametrize("name", ["v5", "no-prefix", "supcon"])
def test_a_fleet_equals_its_runs_trained_one_by_one(examples, name: str, trunk: str) -> None:
    arm = arm_of(name, trunk=trunk, batch_size=32)
    together = arm.fit(examples, [42, 123, 7], last_epoch_wins())
    assert [trained.seed for trained in together] == [42, 123, 7]
    for trained in together:
        alone = arm.fit(examples, [trained.seed], last_epoch_wins())[0]
        assert trained.weights.keys() == alone.weights.keys()
        for key, weights in alone.weights.items():
            assert torch.allclose(trained.weights[key], weights, atol=2e-3), (trained.seed, key)
        assert [record.loss for record in trained.history] == pytest.approx(
            [record.loss for record in alone.history], rel=1e-4
        )
        assert alone.history[-1].loss < alone.history[0].loss


@pytest.mark.parametrize("name", ["v5", "supcon"])
def test_training_again_gives_the_same_bytes(examples, name: str) -> None:
    arm = arm_of(name)
    first, second = (arm.fit(examples, [42, 123], constant) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(one.weights[key], other.weights[key]) for key in one.weights)


def test_strategies_of_one_seed_begin_and_go_alike(examples) -> None:
    begun = [arm_of(name, learning_rate=1e-30).fit(examples, [42], constant)[0] for name in ("v5", "mrl")]
    for key, weights in begun[0].weights.items():
        assert torch.equal(weights, begun[1].weights[key]), key


def test_many_seeds_are_cut_into_fleets_and_none_is_lost(examples, monkeypatch) -> None:
    from fractalctl.heads import training

    sizes, train = [], training.train
    monkeypatch.setattr(training, "train", lambda *given: sizes.append(len(given[3])) or train(*given))
    arm = arm_of("mrl", epochs=1)
    found = arm.fit(examples, range(11), constant)
    assert [trained.seed for trained in found] == list(range(11))
    assert sizes == [len(fleet) for fleet in arm.fleets(range(11))] == [5, 6]
    assert divided([], 8) == []
    assert arm.steps(examples) == -(-len(_held_in(examples)) // 16)
    assert arm_of("v5", trunk="fractal").fleets([1, 2]) == [(1,), (2,)]


def _held_in(examples) -> np.ndarray:
    from fractalctl.heads.examples import hold_out

    return hold_out(examples.labels[:, -1].numpy(), 0.15, 3).training


def test_the_first_best_epoch_is_kept(examples) -> None:
    arm, scores = arm_of("v5"), iter([[0.1, 0.2, 0.3], [0.9, 0.9, 0.9], [0.9, 0.9, 0.9]])
    best = arm.fit(examples, [42], lambda embeddings, labels: next(scores))[0]
    assert best.best_epoch == 2
    assert best.history[1].validation == {"L0": 0.9, "L1": 0.9, "L2": 0.9}
    last = arm.fit(examples, [42], last_epoch_wins())[0]
    assert last.best_epoch == 3
    assert not torch.equal(best.weights["projection"], last.weights["projection"])


def test_validation_sees_held_out_rows_only(examples) -> None:
    seen = []

    def watch(embeddings: np.ndarray, labels: np.ndarray) -> list[float]:
        seen.append((embeddings.shape, len(labels)))
        return [0.0]

    arm_of("v5").fit(examples, [42], watch)
    held = sum(max(1, int(count * 0.15)) for count in np.bincount(examples.labels[:, -1].numpy()))
    assert seen == [((held, 20), held)] * 3


def test_one_hold_out_for_all_seeds_where_it_is_wished(examples) -> None:
    seen: dict[int, list[bytes]] = {}
    for chosen in (None, 5):
        arm = arm_of("v5", epochs=1, holdout_seed=chosen)
        found = seen.setdefault(chosen or 0, [])
        arm.fit(examples, [1, 2], lambda _, labels, found=found: found.append(labels.tobytes()) or [0.0])
    assert seen[5][0] == seen[5][1]
    assert seen[0][0] != seen[0][1]


def test_a_run_that_diverges_is_named_and_does_not_end_the_others(examples, monkeypatch) -> None:
    from fractalctl.heads.fleet import Fleet

    steps, loss = [], Fleet.loss

    def sometimes_nan(self, batch):
        steps.append(1)
        found = loss(self, batch)
        return found * torch.tensor([1, torch.nan if len(steps) == 20 else 1, 1])

    arm = arm_of("v5")
    whole = arm.fit(examples, [1, 2, 3], last_epoch_wins())
    monkeypatch.setattr(Fleet, "loss", sometimes_nan)
    with pytest.raises(DivergedError, match=r"no longer a finite number: seed 2 in step 20;") as caught:
        arm.fit(examples, [1, 2, 3], last_epoch_wins())
    sent = pickle.loads(pickle.dumps(caught.value))
    assert str(sent) == str(caught.value)
    for expected, found in zip((whole[0], whole[2]), sent.fitted, strict=True):
        assert expected.seed == found.seed
        assert all(torch.equal(expected.weights[key], found.weights[key]) for key in found.weights)


def test_each_run_is_clipped_by_its_own_gradient() -> None:
    from fractalctl.heads.training import FleetOptimizer

    settings = arm_of("v5", weight_decay=0, schedule="constant").settings
    parameter = torch.zeros(2, 3)
    optimizer = FleetOptimizer([parameter], settings, rate=1e-2, total_steps=9)
    slopes = torch.tensor([[3.0, 0, 4], [0.3, 0, 0.4]])
    optimizer.step([slopes])
    assert slopes[0].tolist() == pytest.approx([0.6, 0, 0.8], rel=1e-5)
    assert slopes[1].tolist() == pytest.approx([0.3, 0, 0.4])
    assert parameter[0].tolist() == pytest.approx([-1e-2, 0, -1e-2], rel=1e-4)


def test_standardisation_centres_and_scales(small_set) -> None:
    features = np.concatenate([small_set[0], np.full((301, 1), 2.5, np.float32)], axis=1)
    mean, scale = standardisation(features)
    standardised = (features - mean) * scale
    assert standardised.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert standardised.std(axis=0)[:-1] == pytest.approx(1, abs=1e-5)
    assert (standardised[:, -1] == 0).all()


def test_a_corpus_of_single_rows_cannot_be_trained() -> None:
    features, labels = np.eye(4, dtype=np.float32), np.array([[0, 0], [0, 1], [1, 2], [1, 3]])
    examples = read_examples(features, labels, (2, 4), torch.device("cpu"))
    with pytest.raises(RequestError, match="single training row"):
        arm_of("v5", 2).fit(examples, [1], constant)


def test_a_table_for_another_depth_is_refused(examples) -> None:
    with pytest.raises(RequestError, match="4 prefixes x 2 levels, but the corpus has 3 levels"):
        arm_of("v5", 2).fit(examples, [1], constant)


def test_labels_of_one_coarse_class_are_trained_too(examples) -> None:
    flat = replace(examples, labels=examples.labels * torch.tensor([0, 1, 1]))
    for name in ("v5", "supcon", "lda"):
        assert arm_of(name).fit(flat, [1], constant)[0].weights["projection"].isfinite().all()
