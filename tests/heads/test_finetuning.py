from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.tuning import LowerStates, TunableEncoder
from fractalctl.errors import RequestError
from fractalctl.heads.draws import draw_epoch, hold_out
from fractalctl.heads.examples import Examples, prepare
from fractalctl.heads.finetuning import Tuning, fine_tune
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.heads.supervision import strategy
from fractalctl.heads.training import Run, train_fleet
from tests.backbones.models import WORDS, as_sentence_transformers, build_bert
from tests.heads.plain import PlainHead, plain_loss

CLASSES = (2, 6)
N_ROWS = 90
STILL = 1e-30
"""A learning rate at which no float32 weight moves."""


def last_epoch_wins():
    scores = iter(range(10**6))
    return lambda embeddings, labels: [next(scores)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = build_bert(tmp_path_factory.mktemp("tuned") / "bert", num_hidden_layers=3)
    return as_sentence_transformers(made, "mean_tokens")


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], np.ndarray]:
    """Texts of 1 to 8 words, each class with a word of its own, and labels (n, 2)."""
    random = np.random.default_rng(3)
    finest = random.integers(0, 6, N_ROWS)
    words = [[WORDS[i] for i in random.integers(6, len(WORDS), random.integers(0, 8))] for _ in finest]
    labels = np.stack([finest // 3, finest], axis=1).astype(np.int32)
    return [" ".join([WORDS[kind], *rest]) for kind, rest in zip(finest, words, strict=True)], labels


@pytest.fixture
def encoder(folder) -> TunableEncoder:
    return TunableEncoder(load_backbone(str(folder), device="cpu"), 2)


@pytest.fixture
def states(encoder, texts) -> LowerStates:
    return encoder.lower(texts[0])


@pytest.fixture
def recipe() -> TrainingRecipe:
    return TrainingRecipe(dims=(4, 8, 12, 16), epochs=2, learning_rate=1e-2)


@pytest.fixture
def examples(folder, texts, recipe) -> Examples:
    return rows_of(folder, texts, recipe)


def rows_of(folder: Path, texts: tuple[list[str], np.ndarray], recipe: TrainingRecipe) -> Examples:
    """What training on the frozen encoder sees."""
    features = load_backbone(str(folder), device="cpu").encode(texts[0])
    return prepare(features, texts[1], CLASSES, recipe, torch.device("cpu"))


@pytest.mark.parametrize("kind", ["linear", "fractal"])
def test_an_encoder_that_does_not_move_gives_the_frozen_head(folder, texts, encoder, states, kind) -> None:
    recipe = TrainingRecipe.for_head(kind, dims=(4, 8, 12, 16), epochs=2)
    examples, run = rows_of(folder, texts, recipe), Run(strategy("v5", 2), 42)
    began = encoder.weights()
    tuned = fine_tune(encoder, states, examples, run, recipe, STILL, last_epoch_wins())
    frozen = train_fleet(examples, [run], recipe, last_epoch_wins())[0]
    assert max((tuned.layers[name] - began[name]).abs().max() for name in began) < 1e-20
    assert tuned.head.weights.keys() == frozen.weights.keys()
    assert [record.loss for record in tuned.head.history] == pytest.approx(
        [record.loss for record in frozen.history], rel=1e-4
    )
    for name, weights in frozen.weights.items():
        assert torch.allclose(tuned.head.weights[name], weights, atol=5e-4), name


@pytest.mark.parametrize("name", ["v5", "mrl"])
def test_a_run_equals_the_whole_encoder_in_plain_pytorch(
    folder, texts, encoder, states, examples, recipe, name: str
) -> None:
    run = Run(strategy(name, 2), 7)
    losses, head, model = plainly(folder, texts, examples, run, recipe, 1e-3)
    tuned = fine_tune(encoder, states, examples, run, recipe, 1e-3, last_epoch_wins())
    assert [record.loss for record in tuned.head.history] == pytest.approx(losses, rel=1e-3)
    assert torch.allclose(tuned.head.weights["projection"].T, head.projection.weight, atol=5e-3)
    theirs = dict(model.encoder.layer.named_parameters())
    untouched = dict(load(folder).encoder.layer.named_parameters())
    for key, ours in tuned.layers.items():
        # Softmax does not see what is added to all keys: the slope of their bias is rounding.
        if not key.endswith("key.bias"):
            assert torch.allclose(ours, theirs[key], atol=5e-4), key
    assert max((tuned.layers[key] - untouched[key]).abs().max() for key in tuned.layers) > 5e-3


def load(folder: Path):
    from transformers import BertModel

    return BertModel.from_pretrained(folder).eval()


def plainly(folder, texts, examples, run: Run, recipe: TrainingRecipe, rate: float):
    """The whole model at every step, two parameter groups, PyTorch's clipping and schedule."""
    from transformers import AutoTokenizer

    model, tokenizer = load(folder), AutoTokenizer.from_pretrained(folder)
    layers = [p for layer in model.encoder.layer[-2:] for p in layer.parameters()]
    held = hold_out(texts[1][:, 1], recipe.holdout, run.seed)
    head = PlainHead(32, recipe, CLASSES, run.seed)
    groups = [{"params": head.parameters(), "lr": recipe.learning_rate}, {"params": layers, "lr": rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    rows = len(held.training)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, recipe.epochs * -(-rows // recipe.batch_size)
    )
    losses = []
    for epoch in range(1, recipe.epochs + 1):
        draws, total = draw_epoch(run.seed, epoch, rows, run.supervision, recipe), 0.0
        for start in range(0, rows, recipe.batch_size):
            step = slice(start, start + recipe.batch_size)
            batch = held.training[draws.order[step]]
            tokens = tokenizer([texts[0][row] for row in batch], return_tensors="pt", padding=True)
            mask = tokens["attention_mask"][:, :, None]
            features = (model(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1)
            inputs = (features - examples.mean) * examples.scale
            labels = torch.from_numpy(texts[1][batch]).long()
            loss = plain_loss(head, run, recipe.dims, inputs, labels, draws.prefix[step], draws.keep[step])
            optimizer.zero_grad()
            loss.backward()
            for group in optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], recipe.clip_norm)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        losses.append(total / rows)
    return losses, head, model


@pytest.mark.parametrize("kind", ["linear", "fractal"])
def test_training_again_gives_the_same_bytes(folder, texts, encoder, states, kind) -> None:
    recipe = TrainingRecipe.for_head(kind, dims=(4, 8), epochs=2)
    examples, run = rows_of(folder, texts, recipe), Run(strategy("v5", 2, blocks=2), 42)
    began, outcomes = encoder.weights(), []
    for _ in range(2):
        encoder.load(began)
        outcomes.append(fine_tune(encoder, states, examples, run, recipe, 1e-3, last_epoch_wins()))
    first, second = outcomes
    assert all(torch.equal(first.layers[name], second.layers[name]) for name in began)
    assert all(torch.equal(first.head.weights[k], second.head.weights[k]) for k in first.head.weights)


def test_the_slope_at_the_features_is_autograds(examples, encoder, states) -> None:
    from fractalctl.heads.finetuning import HEADS

    recipe = TrainingRecipe.for_head("linear", dims=(4, 8, 12, 16))
    run, random = Run(strategy("v5", 2), 42), np.random.default_rng(1)
    head = HEADS["linear"](32, recipe.dims, CLASSES, [run.supervision], [42], torch.device("cpu"))
    rows = torch.from_numpy(random.integers(0, N_ROWS, 9))
    prefix, keep = random.integers(0, 4, 9), random.integers(0, 2, (9, 4)).astype(bool)
    inputs, labels = examples.take(rows), examples.labels[rows]
    plain, leaf = PlainHead(32, recipe, CLASSES, 42), inputs.clone().requires_grad_()
    plain_loss(plain, run, recipe.dims, leaf, labels, prefix, keep).backward()
    _, slope = head.differentiate(
        inputs[None],
        labels[None],
        torch.from_numpy(prefix)[None],
        torch.from_numpy(keep.astype(np.float32))[None],
    )
    assert torch.allclose(slope[0], leaf.grad, atol=1e-6)


def test_the_best_epoch_is_kept_and_left_in_the_encoder(encoder, states, examples, recipe) -> None:
    run = Run(strategy("mrl", 2), 42)
    scores = iter([[0.9, 0.9], [0.1, 0.1]])
    first = fine_tune(encoder, states, examples, run, recipe, 1e-3, lambda *_: next(scores))
    assert first.head.best_epoch == 1
    assert [record.validation for record in first.head.history] == [(0.9, 0.9), (0.1, 0.1)]
    assert all(torch.equal(first.layers[name], now) for name, now in encoder.weights().items())


def test_tuning_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="at least one layer must be trained, got 0"):
        Tuning(layers=0)
    with pytest.raises(RequestError, match="learning rate must be positive, got 0"):
        Tuning(learning_rate=0)


def test_rows_that_are_alone_in_their_class_cannot_be_trained(encoder, examples, recipe) -> None:
    lone = replace(examples, labels=torch.tensor([[0, 0], [0, 1], [1, 2]]))
    states = encoder.lower(["one", "two", "three"])
    with pytest.raises(RequestError, match="single training row"):
        fine_tune(encoder, states, lone, Run(strategy("v5", 2), 1), recipe, 1e-3, last_epoch_wins())
