from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from fractalctl.errors import RequestError
from fractalctl.heads.draws import Stream, draw_positives, generator
from fractalctl.heads.examples import Examples, prepare
from fractalctl.heads.fractal import FractalFleet, initial_parameters
from fractalctl.heads.head import load_head, save_head
from fractalctl.heads.kinds import KINDS
from fractalctl.heads.losses import contrastive, cross_entropy, margin_ranking
from fractalctl.heads.prefixes import Prefixes
from fractalctl.heads.recipe import HEAD_DEFAULTS, TrainingRecipe
from fractalctl.heads.supervision import STRATEGIES, strategy
from fractalctl.heads.training import Run, TrainedRun, train_fleet
from fractalctl.measures.neighbours import nearest
from fractalctl.measures.prefixes import nearest_at_prefixes
from tests.heads.plain_fractal import PlainFractal, plain_contrastive, plain_loss, plain_margin

DIMS = (4, 8, 12, 20)
CPU = torch.device("cpu")


@pytest.fixture
def recipe() -> TrainingRecipe:
    return TrainingRecipe.for_head("fractal", dims=DIMS, epochs=2, learning_rate=3e-3)


@pytest.fixture
def examples(small_set, recipe) -> Examples:
    return prepare(*small_set, recipe, CPU)


def last_epoch_wins():
    scores = iter(range(10**6))
    return lambda embeddings, labels: [next(scores)]


def test_the_head_has_the_papers_parameters_but_for_queries_and_keys() -> None:
    h = 384
    counted = initial_parameters(h, (64, 128, 192, 256), (10, 150), seed=42)
    total = sum(array.size for array in counted.values())
    assert total == 1_770_912
    assert total + 2 * (h * h + h) == 2_066_592


def batch_of(examples: Examples, runs: int, rows: int) -> list[torch.Tensor]:
    random = np.random.default_rng(3)
    taken = torch.from_numpy(random.integers(0, 301, (runs, rows)))
    labels = examples.labels[taken]
    features = examples.take(torch.from_numpy(random.integers(0, 301, (runs, 4 * rows))))
    features[:, :rows] = examples.take(taken)
    prefix = torch.from_numpy(random.integers(0, 4, (runs, rows)))
    keep = torch.from_numpy(random.random((runs, rows, 4)) < 0.6).float()
    keep[:, :, 0] = torch.maximum(keep[:, :, 0], 1 - keep.amax(2))
    return [features, labels, prefix, keep]


def dropout_of(seed: int, rows: int, width: int) -> torch.Tensor:
    uniform = generator(seed, Stream.DROPOUT).random((4, 4, rows, 4 * width), np.float32)
    return torch.from_numpy(uniform >= 0.1).float() / 0.9


def test_losses_and_gradients_of_a_fleet_equal_modules_and_loops(examples) -> None:
    tables = [strategy(name, 3) for name in STRATEGIES]
    seeds = list(range(len(tables)))
    fleet = FractalFleet(24, DIMS, examples.classes, tables, seeds, CPU)
    batch = batch_of(examples, len(tables), 9)
    losses = fleet.backward(*batch)
    for run, (table, seed) in enumerate(zip(tables, seeds, strict=True)):
        head = PlainFractal(24, DIMS, examples.classes, seed)
        features, labels, prefix, keep = (tensor[run] for tensor in batch)
        loss = plain_loss(
            head, table, features.view(4, 9, 24), labels, prefix.tolist(), keep, dropout_of(seed, 9, 24)
        )
        loss.backward()
        assert losses[run] == pytest.approx(loss.item(), rel=1e-5)
        ours = {name: slope[run] for name, slope in zip(fleet.weights(0), fleet.gradients, strict=True)}
        for name, plain in plain_gradients(head).items():
            assert torch.allclose(ours[name], plain, atol=2e-5), (table.name, name)
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
    features, labels, prefix, keep = batch_of(examples, 1, 9)
    losses = []
    for first in (0.0, 1.0):
        keep[0, 4] = torch.tensor([first, 0, 0, 0])
        fleet = FractalFleet(24, DIMS, examples.classes, [strategy("v5", 3)], [1], CPU)
        losses.append(fleet.backward(features, labels, prefix, keep).item())
    assert losses[0] == losses[1]


@pytest.mark.parametrize("n_classes", [1, 3, 50])
def test_loss_terms_equal_plain_loops(n_classes: int) -> None:
    random = torch.Generator().manual_seed(n_classes)
    anchors, positives = functional.normalize(torch.randn(2, 3, 10, 6, generator=random), dim=3)
    labels = torch.randint(n_classes, (3, 10), generator=random)
    weights = torch.rand(3, 10, generator=random)
    logits = torch.randn(3, 10, 50, generator=random)
    for run in range(3):
        assert contrastive(anchors, positives, weights)[run].item() == pytest.approx(
            plain_contrastive(anchors[run], positives[run], weights[run]).item(), rel=1e-5
        )
        assert margin_ranking(anchors, labels, weights)[run].item() == pytest.approx(
            plain_margin(anchors[run], labels[run], weights[run]).item(), rel=1e-5
        )
        each = functional.cross_entropy(logits[run], labels[run], reduction="none")
        assert cross_entropy(logits, labels, weights)[run].item() == pytest.approx(
            (each * weights[run]).mean().item(), rel=1e-5
        )


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
    drawn = np.concatenate([draw_positives(seed, 1, labels)[:1] for seed in range(3000)])
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [2, 3, 5]
    assert counts == pytest.approx(1000, abs=100)


def test_a_fleet_of_all_strategies_learns_and_equals_its_runs_alone(examples, recipe) -> None:
    runs = [Run(strategy(name, 3), 42 + place) for place, name in enumerate(STRATEGIES)]
    together = train_fleet(examples, runs, recipe, last_epoch_wins())
    for run, trained in zip(runs, together, strict=True):
        alone = train_fleet(examples, [run], recipe, last_epoch_wins())[0]
        losses = [record.loss for record in trained.history]
        assert losses[1] < losses[0]
        assert losses == pytest.approx([record.loss for record in alone.history], rel=1e-4)
        for name, weights in alone.weights.items():
            # Adam divides by the root of a squared gradient, so rounding in near-zero gradients grows.
            assert torch.allclose(trained.weights[name], weights, atol=2e-3), (run, name)


def test_training_again_gives_the_same_bytes(examples, recipe) -> None:
    runs = [Run(strategy("v5", 3), 42), Run(strategy("mrl", 3), 123)]
    first, second = (train_fleet(examples, runs, recipe, last_epoch_wins()) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_a_head_on_disk_embeds_as_modules_do(tmp_path, examples, recipe) -> None:
    features = examples.features.numpy()
    plain = PlainFractal(24, DIMS, examples.classes, 5)
    fleet = FractalFleet(24, DIMS, examples.classes, [strategy("v5", 3)], [5], CPU)
    weights = {**fleet.weights(0), "input_mean": examples.mean, "input_scale": examples.scale}
    trained = TrainedRun(Run(strategy("v5", 3), 5), weights, (), 1)
    save_head(tmp_path, trained, {"recipe": recipe.config(), "identity": "x"})
    head = load_head(tmp_path)
    with torch.no_grad():
        blocks = plain.blocks(examples.features)
        full = plain.full(blocks).numpy()
    assert (head.kind, head.recipe) == ("fractal", recipe)
    assert head.embed(features) == pytest.approx(full, abs=1e-5)
    for j, dimension in enumerate(DIMS[:-1], start=1):
        prefix = torch.cat(blocks[:j], dim=1).numpy()
        assert head.embed(features, dimension=dimension) == pytest.approx(prefix, abs=1e-5)
    assert not head.prefixes(features).is_nested
    assert fleet.embed(0, examples.features).numpy() == pytest.approx(full, abs=1e-5)
    with pytest.raises(RequestError, match="1 to 20 dimensions, not 21"):
        head.embed(features, dimension=21)


def test_each_kind_has_its_own_recipe() -> None:
    assert set(HEAD_DEFAULTS) == set(KINDS)
    assert TrainingRecipe.for_head("linear") == TrainingRecipe()
    recipe = TrainingRecipe.for_head("fractal", batch_size=None, epochs=7)
    assert (recipe.batch_size, recipe.learning_rate, recipe.epochs) == (32, 1e-4, 7)
    assert (recipe.schedule, recipe.standardise, recipe.prefix_per) == ("constant", False, "sample")
    assert TrainingRecipe.for_head("fractal", batch_size=8) == replace(recipe, batch_size=8, epochs=5)
    with pytest.raises(RequestError, match="'mlp' is not known; choose from linear, fractal"):
        TrainingRecipe.for_head("mlp")


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
