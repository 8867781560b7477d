from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.fine_tuning import TunableEncoder
from fractalctl.backbones.resolve import recorded_backbone, resolve_backbone
from fractalctl.errors import RequestError
from store import FeatureStore, Recipe
from tests.backbones.models import TEXTS, build_bert
from tests.feature_sets import make_features

SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
ROWS = np.array([3, 0, 5, 5, 7, 2])


def tunable(folder: Path, n_layers: int = 1) -> TunableEncoder:
    return TunableEncoder(load_backbone(str(folder), device="cpu"), n_layers)


@pytest.fixture(params=["bert", "qwen"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_lower_and_upper_layers_are_the_whole_encoder(folder, n_layers: int) -> None:
    whole = load_backbone(str(folder), device="cpu").encode(TEXTS)
    encoder = tunable(folder, n_layers)
    finished: list[int] = []
    states = encoder.lower([*TEXTS, *TEXTS[:3]], finished.append)
    assert sum(finished) == len(TEXTS) + 3
    assert len(states.tokens) == len(TEXTS)
    assert encoder.upper(states, ROWS).detach().numpy() == pytest.approx(whole[ROWS], abs=1e-5)
    assert encoder.features(states, ROWS) == pytest.approx(whole[ROWS], abs=1e-5)
    again = encoder.lower(TEXTS)
    assert np.array_equal(again.values, states.values)


def mpnet() -> torch.nn.Module:
    """A model whose layers give their states in a tuple."""
    return transformers.MPNetModel(transformers.MPNetConfig(**SIZES))


def modernbert() -> torch.nn.Module:
    """A model that asks its layers what kind of attention they have."""
    numbers = dict.fromkeys(("pad_token_id", "cls_token_id", "bos_token_id"), 0)
    special = {**numbers, "eos_token_id": 1, "sep_token_id": 1}
    return transformers.ModernBertModel(transformers.ModernBertConfig(**SIZES, **special))


@pytest.mark.parametrize("build", [mpnet, modernbert])
def test_layers_of_other_architectures_come_apart_too(bert, build) -> None:
    backbone = load_backbone(str(bert), device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build().eval()
    vars(backbone)["_model"] = model
    whole = backbone.encode(TEXTS)
    encoder = TunableEncoder(backbone, 1)
    states = encoder.lower(TEXTS)
    assert encoder.features(states, ROWS) == pytest.approx(whole[ROWS], abs=1e-5)


def test_gradients_flow_into_the_last_layers_only(folder) -> None:
    encoder = tunable(folder)
    states = encoder.lower(TEXTS)
    encoder.upper(states, ROWS).square().sum().backward()
    model = vars(encoder)["_model"]
    moved = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    inside = {name for name, _ in model.named_parameters() if "layer.1." in name or "layers.1." in name}
    assert moved == inside
    assert {f"{name.partition('.1.')[2]}" for name in inside} == {name[2:] for name in encoder.parameters}
    assert all(parameter.grad.abs().sum() > 0 for parameter in encoder.parameters.values())


def test_what_is_loaded_is_what_was_there(folder) -> None:
    encoder = tunable(folder)
    states = encoder.lower(TEXTS)
    before, weights = encoder.features(states, ROWS), encoder.weights()
    with torch.no_grad():
        for parameter in encoder.parameters.values():
            parameter.add_(0.1)
    assert np.abs(encoder.features(states, ROWS) - before).max() > 1e-3
    encoder.load(weights)
    assert np.array_equal(encoder.features(states, ROWS), before)


@pytest.mark.parametrize("n_layers", [0, 3])
def test_layers_that_are_not_there_cannot_be_trained(bert, n_layers: int) -> None:
    with pytest.raises(RequestError, match=rf"bert has 2 layers, of which {n_layers} .* takes 1 to 2"):
        tunable(bert, n_layers)


def test_a_model_whose_layers_lie_elsewhere_is_refused(bert) -> None:
    backbone = load_backbone(str(bert), device="cpu")
    vars(backbone)["_model"].config.num_hidden_layers = 5
    with pytest.raises(RequestError, match="layers are not to be found"):
        TunableEncoder(backbone, 1)


def test_a_model_whose_layers_do_more_is_refused(bert) -> None:
    encoder = tunable(bert)
    layer = vars(encoder)["_layers"][1]
    layer.forward = lambda states, *_, **__: (states, None)
    with pytest.raises(RequestError, match="bert: its layers hand on more than the states of tokens"):
        encoder.lower(TEXTS)


def named(store: FeatureStore, identity: dict, backbone: str = "bert"):
    """A feature set that says it was made by a backbone."""
    features = make_features(store)
    recipe = Recipe("garden", {"made": 0}, backbone, identity, ("train", "test"))
    features.recipe, features.backbone = recipe.document(), backbone
    return features


def test_the_encoder_of_a_set_is_found_again(bert, tmp_path) -> None:
    store = FeatureStore(tmp_path / "store")
    spec = resolve_backbone(str(bert), max_length=20)
    features = named(store, spec.identity())
    assert recorded_backbone(features, bert) == spec
    with pytest.raises(RequestError, match="name that folder with --encoder"):
        recorded_backbone(features)
    other = build_bert(tmp_path / "other", seed=1)
    with pytest.raises(RequestError, match=r"not the model that made .*garden.*: its files have SHA-256"):
        recorded_backbone(features, other)


def test_a_registered_encoder_is_found_by_its_name(tmp_path) -> None:
    spec = replace(resolve_backbone("minilm"), max_length=64)
    features = named(FeatureStore(tmp_path), spec.identity(), "minilm")
    assert recorded_backbone(features, offline=True) == spec
    with pytest.raises(RequestError, match="was made with sentence-transformers/all-MiniLM-L6-v2; --encoder"):
        recorded_backbone(features, tmp_path)


def test_a_set_of_no_encoder_is_refused(tmp_path) -> None:
    with pytest.raises(RequestError, match="does not say which encoder made it"):
        recorded_backbone(make_features(FeatureStore(tmp_path)))
