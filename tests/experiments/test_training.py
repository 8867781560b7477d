import json
from dataclasses import replace

import numpy as np
import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import supervisions, train_heads
from fractalctl.heads.head import find_heads, load_head


def train(features, recipe, folder, strategies=("v5", "mrl"), seeds=(42, 123), **options):
    return train_heads(features, supervisions(features, recipe, strategies), folder, seeds, recipe, **options)


def test_heads_lie_where_their_names_say(features, recipe, tmp_path) -> None:
    trained = train(features, recipe, tmp_path / "runs")
    folders = [head.folder.relative_to(tmp_path / "runs").as_posix() for head in trained.heads]
    assert folders == [f"garden/gaussian/{name}/seed-{seed}" for name in ("v5", "mrl") for seed in (42, 123)]
    assert trained.summary() == "4 heads trained"
    assert find_heads([tmp_path / "runs"]) == sorted(trained.heads, key=lambda head: head.folder)


def test_a_head_on_disk_is_the_one_that_was_trained(features, recipe, tmp_path) -> None:
    head = train(features, recipe, tmp_path, ["v5"], [42]).heads[0]
    again = load_head(head.folder)
    assert again.description == head.description
    rows = features.features("test")
    weights = {name: tensor.numpy().astype(np.float64) for name, tensor in again.weights.items()}
    by_hand = (rows - weights["input_mean"]) * weights["input_scale"] @ weights["projection"]
    assert again.embed(rows) == pytest.approx(by_hand, abs=1e-5)
    assert again.embed(rows).shape == (120, 16)
    assert [record["epoch"] for record in again.description["history"]] == [1, 2]
    assert set(again.description["history"][0]["validation"]) == {"L0", "L1"}


def test_the_same_request_trains_nothing(features, recipe, tmp_path) -> None:
    first = train(features, recipe, tmp_path)
    times = [head.weights_path.stat().st_mtime_ns for head in first.heads]
    second = train(features, recipe, tmp_path, seeds=(42, 123, 456))
    assert second.n_reused == 4
    assert second.summary() == "2 heads trained; 4 were there already"
    assert [head.weights_path.stat().st_mtime_ns for head in first.heads] == times


def test_another_recipe_replaces_the_head_and_its_evaluations(features, recipe, tmp_path) -> None:
    head = train(features, recipe, tmp_path, ["v5"], [42]).heads[0]
    stale = head.folder / "evaluation-loo.json"
    stale.write_text("{}")
    changed = replace(recipe, epochs=1)
    with pytest.raises(RequestError, match="holds a head of another recipe; --overwrite changed replaces it"):
        train(features, changed, tmp_path, ["v5"], [42], overwrite=Overwrite.NEVER)
    assert load_head(head.folder).identity == head.identity
    replaced = train(features, changed, tmp_path, ["v5"], [42]).heads[0]
    assert replaced.identity != head.identity
    assert not stale.exists()


def test_training_alone_or_in_a_larger_fleet_gives_nearly_the_same(features, recipe, tmp_path) -> None:
    alone = train(features, recipe, tmp_path / "alone", ["v5"], [42]).heads[0]
    crowd = train(features, recipe, tmp_path / "crowd", ["mrl", "v5", "uhmt"], [1, 42]).heads[3]
    assert (crowd.strategy, crowd.seed) == ("v5", 42)
    assert crowd.identity == alone.identity
    assert crowd.weights["projection"].numpy() == pytest.approx(alone.weights["projection"].numpy(), abs=1e-4)


def test_two_tables_of_one_name_are_refused(features, recipe, tmp_path) -> None:
    table = tmp_path / "v5.toml"
    table.write_text(
        "full=[0,1]\nprefix=[[1,0],[1,0],[0,1],[0,1]]\nprefix_probabilities=[0.25,0.25,0.25,0.25]\nkeep=[1,1,1,1]"
    )
    with pytest.raises(RequestError, match="two supervisions are called v5"):
        supervisions(features, recipe, ["v5"], [table])


def test_damaged_heads_are_told_apart(features, recipe, tmp_path) -> None:
    head = train(features, recipe, tmp_path, ["v5"], [42]).heads[0]
    weights = bytearray(head.weights_path.read_bytes())
    weights[-1] ^= 1
    head.weights_path.write_bytes(weights)
    with pytest.raises(FractalError, match=r"not those that head\.json describes"):
        load_head(head.folder).embed(features.features("test"))
    description = json.loads((head.folder / "head.json").read_text())
    (head.folder / "head.json").write_text(json.dumps({**description, "encoding-version": "2.0"}))
    with pytest.raises(FractalError, match=r"format version 2.0 is not readable"):
        load_head(head.folder)
    (head.folder / "head.json").write_text("{}")
    with pytest.raises(FractalError, match="not a head"):
        load_head(head.folder)


def test_missing_heads_are_requests_that_cannot_be_met(tmp_path) -> None:
    with pytest.raises(RequestError, match="no heads in this folder; 'fractalctl train' makes them"):
        find_heads([tmp_path])
    with pytest.raises(RequestError, match="no such file or folder"):
        find_heads([tmp_path / "nowhere"])


def test_features_of_another_length_are_refused(features, recipe, tmp_path) -> None:
    head = train(features, recipe, tmp_path, ["v5"], [42]).heads[0]
    with pytest.raises(RequestError, match=r"takes features of length 24, got shape \(3, 7\)"):
        head.embed(np.zeros((3, 7), np.float32))
