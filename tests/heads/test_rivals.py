"""Rival methods as arms: what they are made of, and that each trains, embeds, saves and loads."""

import numpy as np
import pytest
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.arms import build_arm
from fractalctl.heads.fitted import DivergedError
from fractalctl.heads.fleet import Batch, Fleet
from fractalctl.heads.terms import Objective, Part, Where
from fractalctl.heads.trunks import trunk
from fractalctl.measures.neighbours import leave_one_out_accuracy
from tests.heads.conftest import DIMS, arm_of

CPU = torch.device("cpu")
CLASSES = (2, 4, 12)


def objective_of(name: str, levels: int = 3, **settings) -> Objective:
    arm = arm_of(name, levels, **settings)
    return arm._method.objective(arm.settings, levels)


def loss_of(objective: Objective, seed: int = 1, kind: str = "linear") -> tuple[Fleet, Batch, float]:
    """A fleet of one head on a batch of 10 rows, and its loss."""
    random = np.random.default_rng(seed)
    fleet = Fleet(trunk(kind), objective, 6, DIMS, CLASSES, [seed], CPU)
    finest = random.integers(0, 12, 10)
    labels = np.stack([finest // 6, finest // 3, finest], axis=1)[None]
    batch = Batch(
        torch.from_numpy(random.normal(size=(1, 10, 6)).astype(np.float32)),
        torch.from_numpy(labels),
        torch.zeros(1, 10, dtype=torch.long),
        torch.ones(1, 10, 4),
    )
    return fleet, batch, fleet.loss(batch).item()


def test_mrl_e_sums_cross_entropies_of_one_classifier_cut_to_each_prefix() -> None:
    fleet, batch, loss = loss_of(objective_of("mrl-e"))
    embedding = batch.features[0] @ fleet.parameters["projection"][0]
    classifier, bias = (fleet.parameters[name][0] for name in ("classifier", "classifier_bias"))
    finest = slice(CLASSES[0] + CLASSES[1], None)
    expected = sum(
        torch.nn.functional.cross_entropy(
            embedding[:, :stop] @ classifier[:stop, finest] + bias[finest], batch.labels[0, :, 2]
        ).item()
        for stop in DIMS
    )
    assert loss == pytest.approx(expected, rel=1e-5)


def test_matryoshka_is_the_sum_of_supcon_over_heads_of_every_length() -> None:
    fleet, batch, loss = loss_of(objective_of("matryoshka"), kind="mlp")
    supcon = objective_of("supcon").terms[0]
    expected = 0.0
    for stop in DIMS:
        cut = Fleet(trunk("mlp"), Objective([supcon]), 6, (stop,), CLASSES, [1], CPU)
        for name, tensor in fleet.parameters.items():
            cut.parameters[name] = tensor[..., :stop] if name.startswith("projection") else tensor
        expected += cut.loss(Batch(batch.features, batch.labels, batch.prefix, batch.keep[..., :1])).item()
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("levels", "dims", "expected"),
    [(2, 4, [0, 0, 0, 1]), (3, 4, [0, 0, 1, 2]), (3, 2, [0, 2]), (2, 1, [-1]), (5, 4, [0, 1, 2, 4])],
)
def test_hanleys_threshold_rises_with_the_prefix(levels: int, dims: int, expected: list[int]) -> None:
    terms = objective_of("hanley", levels, dims=tuple(range(2, 2 * dims + 2, 2))).terms
    assert [(term.where, term.level) for term in terms] == [
        (Where(Part.PREFIX, block), level) for block, level in enumerate(expected)
    ]


def test_the_adversary_sees_the_first_prefix_alone() -> None:
    objective = objective_of("adversarial")
    assert [term.where for term in objective.terms][-1] == Where(Part.PREFIX, 0)
    assert list(objective.terms)[:-1] == list(objective_of("v5").terms)
    fleet, batch, loss = loss_of(objective)
    own = {name: tensor for name, tensor in fleet.parameters.items() if "adversary" in name}
    assert [tuple(tensor.shape) for tensor in own.values()] == [(1, 4, 12), (1, 12)]
    slopes = torch.autograd.grad(fleet.loss(batch).sum(), list(own.values()))
    assert all(slope.abs().max() > 0 for slope in slopes)
    without = loss_of(objective_of("v5"))[2]
    scores = batch.features[0] @ fleet.parameters["projection"][0][:, :4]
    matrix, bias = (tensor[0] for tensor in own.values())
    logits = scores @ matrix + bias
    hidden = torch.nn.functional.cross_entropy(logits, batch.labels[0, :, 2]).item()
    assert loss == pytest.approx(without + hidden, rel=1e-5)


def test_smec_trains_pairs_of_lengths_and_freezes_what_does_not_stay(examples, small_set) -> None:
    arm = arm_of("smec", epochs=6, batch_size=64, memory=100)
    objective = arm._method.objective(arm.settings, 3)
    assert [(term.where.number, term.options["kept"]) for term in objective.terms] == [
        (3, 12),
        (2, 8),
        (1, 4),
    ]
    lengths: list[tuple[int, ...]] = []

    def watch(embeddings: np.ndarray, labels: np.ndarray) -> list[float]:
        lengths.append(embeddings.shape[1:])
        return leave_one_out_accuracy(embeddings, labels)

    whole = arm.fit(examples, [1], watch)[0]
    assert lengths == [(20,)] * 2 + [(12,)] * 2 + [(8,)] * 2
    assert [record.epoch for record in whole.history] == [1, 2, 3, 4, 5, 6]
    assert whole.best_epoch in (5, 6)
    assert set(whole.weights) == {"input_mean", "input_scale", "projection"}
    assert arm.steps(examples) == 6 * -(-len(_held_in(examples)) // 64)
    first = arm_of("smec", epochs=2, batch_size=64, memory=100, dims=(12, 20)).fit(examples, [1], watch)[0]
    assert torch.equal(whole.weights["projection"][:, 12:], first.weights["projection"][:, 12:])
    assert not torch.equal(whole.weights["projection"][:, :12], first.weights["projection"][:, :12])


def _held_in(examples) -> np.ndarray:
    from fractalctl.heads.examples import hold_out

    return hold_out(examples.labels[:, -1].numpy(), 0.15, 1).training


@pytest.mark.parametrize(
    "settings", [{"memory": 0}, {"selection": False}, {"sequential": False, "selection": False, "memory": 0}]
)
def test_parts_of_smec_can_be_left_out(examples, small_set, settings: dict) -> None:
    arm = arm_of("smec", epochs=9, batch_size=64, **settings)
    found = arm.fit(examples, [1], leave_one_out_accuracy)[0]
    assert len(found.history) == 9
    full = arm.embed(found.weights, small_set[0]).full
    assert leave_one_out_accuracy(full, small_set[1])[2] > 0.95


def test_smec_says_what_it_cannot_do() -> None:
    with pytest.raises(RequestError, match="smec freezes columns, which the linear trunk alone has, not mlp"):
        build_arm("smec", 2, "mlp")
    with pytest.raises(RequestError, match="without sequential, set selection=no"):
        build_arm("smec", 2, settings={"sequential": "no"})


def test_a_stage_that_diverges_is_named_and_leaves_the_other_seeds(examples, monkeypatch) -> None:
    from fractalctl.heads import training

    train, calls = training.train, []

    def failing(*given):
        calls.append(list(given[3]))
        found = train(*given)
        if len(calls) == 2:
            raise DivergedError("seed 1 in step 7", [one for one in found if one.seed != 1])
        return found

    monkeypatch.setattr(training, "train", failing)
    arm = arm_of("smec", epochs=3, batch_size=64, memory=50)
    with pytest.raises(DivergedError, match="seed 1 in step 7") as caught:
        arm.fit(examples, [1, 2], leave_one_out_accuracy)
    assert calls == [[1, 2], [1, 2], [2]]
    assert [(one.seed, len(one.history)) for one in caught.value.fitted] == [(2, 3)]


RIVALS = {
    "mrl-e": {"batch_size": 64, "epochs": 12},
    "matryoshka": {"batch_size": 128, "epochs": 10, "learning_rate": 2e-3},
    "hanley": {"batch_size": 64, "epochs": 10, "learning_rate": 2e-3},
    "adversarial": {"epochs": 10},
    "adaptor": {"batch_size": 64, "epochs": 10},
    "dive": {"batch_size": 64, "epochs": 10},
    "smec": {"batch_size": 64, "epochs": 15},
}
"""Settings with which each learns the small set."""


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_learns_alone_as_in_a_fleet(examples, small_set, name: str) -> None:
    arm = arm_of(name, **RIVALS[name])
    trained = arm.fit(examples, [1, 2], leave_one_out_accuracy)
    for found in trained:
        assert name == "smec" or found.history[-1].loss < found.history[0].loss
        embedded = arm.embed(found.weights, small_set[0])
        assert embedded.full.shape == (301, 20)
        assert leave_one_out_accuracy(embedded.full, small_set[1])[2] > 0.95
    alone = arm.fit(examples, [2], leave_one_out_accuracy)[0]
    assert [one.loss for one in alone.history] == pytest.approx(
        [one.loss for one in trained[1].history], rel=1e-3
    )
    again = arm.fit(examples, [1, 2], leave_one_out_accuracy)
    for one, other in zip(trained, again, strict=True):
        assert all(torch.equal(one.weights[key], other.weights[key]) for key in one.weights)


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("levels", [2, 4])
def test_a_rival_fits_trees_of_any_depth(name: str, levels: int) -> None:
    for dims in ((8,), (4, 8), (3, 7, 9)):
        arm = build_arm(name, levels, settings={"dims": dims})
        assert arm.label == f"{name}-dims={'x'.join(map(str, dims))}"
        assert build_arm(name, levels, settings=arm.typed()) == arm
