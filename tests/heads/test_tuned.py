from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.fine_tuning import LowerStates, TunableEncoder
from fractalctl.errors import RequestError
from fractalctl.experiments.fine_tuning import tuned
from fractalctl.heads.arms import Arm
from fractalctl.heads.examples import Examples, draw_epoch, hold_out, read_examples
from fractalctl.heads.methods.supervision import SupervisionMethod
from tests.backbones.models import WORDS, as_sentence_transformers, build_bert
from tests.heads.conftest import arm_of, last_epoch_wins
from tests.heads.plain import PlainHead, plain_loss

CLASSES = (2, 6)
N_ROWS = 90
STILL = 1e-30
"""A learning rate at which no float32 weight moves."""


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
def examples(folder, texts) -> Examples:
    """What training on the frozen encoder sees."""
    features = load_backbone(str(folder), device="cpu").encode(texts[0])
    return read_examples(features, texts[1], CLASSES, torch.device("cpu"))


def small(name: str = "v5", trunk: str | None = None, **settings) -> Arm:
    return arm_of(name, 2, trunk, **{"dims": (4, 8, 12, 16), "epochs": 2} | settings)


@pytest.mark.parametrize("trunk", ["linear", "fractal"])
def test_an_encoder_that_does_not_move_gives_the_frozen_head(examples, encoder, states, trunk) -> None:
    arm, began = small(trunk=trunk, learning_rate=1e-3), encoder.weights()
    moving = arm.fit(tuned(examples, encoder, states, STILL), [42], last_epoch_wins())[0]
    frozen = arm.fit(examples, [42], last_epoch_wins())[0]
    layers = encoder.weights()
    assert max((layers[name] - began[name]).abs().max() for name in began) < 1e-20
    assert moving.weights.keys() == frozen.weights.keys()
    assert [record.loss for record in moving.history] == pytest.approx(
        [record.loss for record in frozen.history], rel=1e-4
    )
    for name, weights in frozen.weights.items():
        assert torch.allclose(moving.weights[name], weights, atol=5e-4), name


@pytest.mark.parametrize("name", ["v5", "mrl"])
def test_a_run_equals_the_whole_encoder_in_plain_pytorch(
    folder, texts, encoder, states, examples, name: str
) -> None:
    arm = small(name)
    losses, head, model = plainly(folder, texts, examples.standardised(), arm, 7, 1e-3)
    found = arm.fit(tuned(examples, encoder, states, 1e-3), [7], last_epoch_wins())[0]
    assert [record.loss for record in found.history] == pytest.approx(losses, rel=1e-3)
    assert torch.allclose(found.weights["projection"].T, head.projection.weight, atol=5e-3)
    theirs = dict(model.encoder.layer.named_parameters())
    untouched = dict(load(folder).encoder.layer.named_parameters())
    layers = encoder.weights()
    for key, ours in layers.items():
        # Softmax does not see what is added to all keys: the slope of their bias is rounding.
        if not key.endswith("key.bias"):
            assert torch.allclose(ours, theirs[key], atol=5e-4), key
    assert max((layers[key] - untouched[key]).abs().max() for key in layers) > 5e-3


def load(folder: Path):
    from transformers import BertModel

    return BertModel.from_pretrained(folder).eval()


def plainly(folder, texts, examples, arm: Arm, seed: int, rate: float):
    """The whole model at every step, two parameter groups, PyTorch's clipping and schedule."""
    from transformers import AutoTokenizer

    table = arm.settings
    objective = SupervisionMethod().objective(table, 2)
    model, tokenizer = load(folder), AutoTokenizer.from_pretrained(folder)
    layers = [p for layer in model.encoder.layer[-2:] for p in layer.parameters()]
    held = hold_out(texts[1][:, 1], table.holdout, seed)
    head = PlainHead(32, table.dimension, CLASSES, seed)
    groups = [{"params": head.parameters(), "lr": table.learning_rate}, {"params": layers, "lr": rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=table.weight_decay)
    rows = len(held.training)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, table.total_steps(rows))
    losses = []
    for epoch in range(1, table.epochs + 1):
        draws, total = draw_epoch(seed, epoch, rows, objective, table), 0.0
        for start in range(0, rows, table.batch_size):
            step = slice(start, start + table.batch_size)
            batch = held.training[draws.order[step]]
            tokens = tokenizer([texts[0][row] for row in batch], return_tensors="pt", padding=True)
            mask = tokens["attention_mask"][:, :, None]
            features = (model(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1)
            inputs = (features - examples.mean) * examples.scale
            labels = torch.from_numpy(texts[1][batch]).long()
            loss = plain_loss(head, table, inputs, labels, draws.prefix[step], draws.keep[step])
            optimizer.zero_grad()
            loss.backward()
            for group in optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], table.clip_norm)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        losses.append(total / rows)
    return losses, head, model


@pytest.mark.parametrize("name", ["v5", "supcon"])
def test_training_again_gives_the_same_bytes(examples, encoder, states, name) -> None:
    arm, began, outcomes = small(name, dims=(4, 8)), encoder.weights(), []
    for _ in range(2):
        encoder.load(began)
        found = arm.fit(tuned(examples, encoder, states, 1e-3), [42], last_epoch_wins())[0]
        outcomes.append({**found.weights, **encoder.weights()})
    assert all(torch.equal(outcomes[0][name], outcomes[1][name]) for name in outcomes[0])
    assert not torch.equal(outcomes[0][next(iter(began))], began[next(iter(began))])


def test_the_best_epoch_is_kept_and_left_in_the_encoder(encoder, states, examples) -> None:
    layers: list[dict[str, torch.Tensor]] = []

    def falling(*_) -> list[float]:
        layers.append(encoder.weights())
        return [1 / len(layers)] * 2

    found = small("mrl").fit(tuned(examples, encoder, states, 1e-3), [42], falling)[0]
    assert found.best_epoch == 1
    assert [record.validation for record in found.history] == [{"L0": 1, "L1": 1}, {"L0": 0.5, "L1": 0.5}]
    assert all(torch.equal(layers[0][name], now) for name, now in encoder.weights().items())
    assert any(not torch.equal(layers[1][name], now) for name, now in encoder.weights().items())


def test_what_cannot_be_tuned_is_refused(encoder, examples, states) -> None:
    with pytest.raises(RequestError, match="learning rate must be positive, got 0"):
        tuned(examples, encoder, states, 0)
    with pytest.raises(ValueError, match="with 2 heads at once"):
        small().fit(tuned(examples, encoder, states), [1, 2], last_epoch_wins())
    lone = replace(examples, labels=torch.tensor([[0, 0], [0, 1], [1, 2]]))
    with pytest.raises(RequestError, match="single training row"):
        small().fit(tuned(lone, encoder, states), [1], last_epoch_wins())
