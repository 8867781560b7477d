import numpy as np
import pytest
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.fleet import Batch
from fractalctl.heads.methods.supervision import TABLES
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.neighbours import nearest, nearest_at_prefixes
from fractalctl.randomness import Purpose, generator
from tests.heads.conftest import DIMS, arm_of, last_epoch_wins, table_of
from tests.heads.plain_fractal import PlainFractal, fleet_of, plain_loss

CLASSES = (2, 4, 12)


def test_the_head_has_the_papers_parameters_but_for_queries_and_keys() -> None:
    h = 384
    table = table_of("v5", 2, trunk="fractal", dims=(64, 128, 192, 256))
    counted = fleet_of(table, h, (10, 150), [42]).weights(0)
    total = sum(tensor.numel() for tensor in counted.values())
    assert total == 1_770_912
    assert total + 2 * (h * h + h) == 2_066_592


def batch_of(examples, runs: int, rows: int) -> Batch:
    random = np.random.default_rng(3)
    taken = torch.from_numpy(random.integers(0, 301, (runs, rows)))
    labels = examples.labels[taken]
    features = examples.take(torch.from_numpy(random.integers(0, 301, (runs, 4 * rows))))
    features[:, :rows] = examples.take(taken)
    prefix = torch.from_numpy(random.integers(0, 4, (runs, rows)))
    keep = torch.from_numpy(random.random((runs, rows, 4)) < 0.6).float()
    keep[:, :, 0] = torch.maximum(keep[:, :, 0], 1 - keep.amax(2))
    return Batch(features, labels, prefix, keep)


def dropout_of(seed: int, rows: int, width: int) -> torch.Tensor:
    uniform = generator(seed, Purpose.DROPOUT).random((4, 4, rows, 4 * width), np.float32)
    return torch.from_numpy(uniform >= 0.1).float() / 0.9


@pytest.mark.parametrize("name", TABLES)
def test_losses_and_gradients_of_a_fleet_equal_modules_and_loops(examples, name: str) -> None:
    table, seeds = table_of(name, trunk="fractal"), (0, 1)
    fleet = fleet_of(table, 24, CLASSES, seeds)
    whole = batch_of(examples, len(seeds), 9)
    if name == "fine":  # has no block dropout
        whole.keep.fill_(1)
    groups = [0, *(1 + level for level in fleet.contrasted)]
    features = whole.features.view(2, 4, 9, 24)[:, groups].flatten(1, 2)
    losses = fleet.loss(Batch(features, whole.labels, whole.prefix, whole.keep))
    slopes = torch.autograd.grad(losses.sum(), list(fleet.parameters.values()))
    for run, seed in enumerate(seeds):
        head = PlainFractal(24, table, CLASSES, seed)
        rows, labels, keep = whole.features[run].view(4, 9, 24), whole.labels[run], whole.keep[run]
        drop = dropout_of(seed, 9, 24)
        loss = plain_loss(head, table, rows, labels, whole.prefix[run].tolist(), keep, drop)
        loss.backward()
        assert losses[run].item() == pytest.approx(loss.item(), rel=1e-5)
        ours = {key: slope[run] for key, slope in zip(fleet.parameters, slopes, strict=True)}
        for key, plain in plain_gradients(head).items():
            assert torch.allclose(ours[key], plain, atol=2e-5), key
        assert head.attention.in_proj_weight.grad[: 2 * 24].abs().max() < 1e-6


def plain_gradients(head: PlainFractal) -> dict[str, torch.Tensor]:
    """Gradients of the modules in the fleet's names and shapes; zeros where a part was not used."""

    def slope(parameter: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad

    found = {}
    linears = {"input": head.input, "output": head.attention.out_proj}
    for name, linear in {**linears, "expand": head.expand, "contract": head.contract}.items():
        found |= {name: slope(linear.weight).T, f"{name}_bias": slope(linear.bias)}
    found["value"] = slope(head.attention.in_proj_weight)[2 * 24 :].T
    found["value_bias"] = slope(head.attention.in_proj_bias)[2 * 24 :]
    norms = {name: getattr(head, name) for name in ("attention_norm", "hidden_norm", "full_norm")}
    for name, norm in norms.items():
        found[name] = torch.stack([slope(norm.weight), slope(norm.bias)])
    for parts, matrix, norm in (
        (head.scales, "projection", "scale_norm"),
        (head.classifiers, "classifier", "classifier_norm"),
    ):
        found[matrix] = torch.cat([slope(part[1].weight).T for part in parts], dim=1)
        found[f"{matrix}_bias"] = torch.cat([slope(part[1].bias) for part in parts])
        pairs = [torch.stack([slope(part[0].weight), slope(part[0].bias)]) for part in parts]
        found[norm] = torch.stack(pairs, dim=1)
    return found


def test_a_row_that_loses_every_block_keeps_its_first(examples) -> None:
    losses = []
    for first in (0.0, 1.0):
        batch = batch_of(examples, 1, 9)
        batch.keep[0, 4] = torch.tensor([first, 0, 0, 0])
        fleet = fleet_of(table_of("inverted", trunk="fractal"), 24, CLASSES, [1])
        losses.append(fleet.loss(batch).item())
    assert losses[0] == losses[1]


def test_a_head_learns_and_equals_itself_in_a_fleet(examples, monkeypatch) -> None:
    from fractalctl.heads.trunks.fractal import Fractal

    arm = arm_of("v5", trunk="fractal", epochs=2, learning_rate=3e-3)
    alone = arm.fit(examples, [42, 43], last_epoch_wins())
    monkeypatch.setattr(Fractal, "at_once", 8)
    for trained, other in zip(arm.fit(examples, [42, 43], last_epoch_wins()), alone, strict=True):
        losses = [record.loss for record in trained.history]
        assert losses[1] < losses[0]
        assert losses == pytest.approx([record.loss for record in other.history], rel=1e-4)
        for name, weights in other.weights.items():
            # Adam divides by the root of a squared gradient, so rounding in near-zero gradients grows.
            assert torch.allclose(trained.weights[name], weights, atol=2e-3), name


def test_training_again_gives_the_same_bytes(examples) -> None:
    arm = arm_of("mrl", trunk="fractal", epochs=1)
    first, second = (arm.fit(examples, [42], last_epoch_wins())[0] for _ in range(2))
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)


def test_embeddings_are_those_of_modules(examples) -> None:
    arm = arm_of("v5", trunk="fractal")
    plain = PlainFractal(24, arm.settings, CLASSES, 5)
    weights = fleet_of(arm.settings, 24, CLASSES, [5]).weights(0)
    weights |= {"input_mean": examples.mean, "input_scale": examples.scale}
    with torch.no_grad():
        blocks = plain.blocks(examples.features)
        full = plain.full(blocks).numpy()
    found = arm.embed(weights, examples.source)
    assert found.full == pytest.approx(full, abs=1e-5)
    for j, dimension in enumerate(DIMS[:-1], start=1):
        assert found.at(dimension) == pytest.approx(torch.cat(blocks[:j], dim=1).numpy(), abs=1e-5)
    assert not arm.nested
    assert not found.is_nested
    few = found.take(np.array([3, 0]))
    assert (few.full == found.full[[3, 0]]).all()
    assert (few.blocks == found.blocks[[3, 0]]).all()
    assert not few.is_nested


def test_each_trunk_has_its_own_defaults() -> None:
    settings = arm_of("v5", trunk="fractal", epochs=7, learning_rate=1e-4).settings
    assert (settings.batch_size, settings.schedule) == (32, "constant")
    assert (settings.standardise, settings.prefix_per) == (False, "sample")
    assert (settings.cross_entropy, settings.info_nce, settings.margin) == (1, 1, 0.5)
    assert arm_of("v5", trunk="fractal", batch_size=8).settings.batch_size == 8
    assert arm_of("v5").settings.margin == 0
    with pytest.raises(RequestError, match="trunk 'tree' is not known; choose from fractal, linear, mlp"):
        arm_of("v5", trunk="tree")


@pytest.mark.parametrize("dims", [(4, 8, 20), (4, 8), (20,)])
@pytest.mark.parametrize("nested", [True, False])
def test_neighbours_at_each_length_are_those_of_the_embeddings_of_that_length(dims, nested: bool) -> None:
    random = np.random.default_rng(2)

    def draw(rows: int) -> Prefixes:
        blocks, full = random.normal(size=(2, rows, 20)).astype(np.float32)
        return Prefixes.nested(blocks) if nested else Prefixes(blocks, full)

    queries, reference = draw(15), draw(60)
    for asked in (queries, None):
        found = nearest_at_prefixes(asked, reference, dims, k=3)
        for place, dimension in enumerate(dims):
            alone = None if asked is None else asked.at(dimension)
            expected = nearest(alone, reference.at(dimension), [dimension], k=3)
            assert (found[:, place] == expected[:, 0]).all()
