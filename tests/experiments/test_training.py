import json
from pathlib import Path

import numpy as np
import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments import training
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import build_arms
from fractalctl.heads.head import find_heads, load_head
from tests.experiments.conftest import label, train


def test_heads_lie_where_their_labels_say(features, tmp_path) -> None:
    trained = train(features, tmp_path / "runs", ["v5", "mrl"], [42, 123])
    folders = [head.folder.relative_to(tmp_path / "runs").as_posix() for head in trained.heads]
    arms = [label("v5"), label("mrl")]
    assert folders == [f"garden/gaussian/{name}/seed-{seed}" for name in arms for seed in (42, 123)]
    assert (trained.summary(), trained.replaced) == ("4 heads trained", ())
    assert find_heads([tmp_path / "runs"]) == sorted(trained.heads, key=lambda head: head.folder)


def test_the_plain_case_has_plain_names(features, tmp_path) -> None:
    arms = build_arms(["v5", "lda"], 2, "fractal", {"dims": "64,128,192,256"})
    assert [arm.label for arm in arms] == ["v5-fractal", "lda"]
    assert [arm.label for arm in build_arms(["v5"], 2)] == ["v5"]


def test_a_head_on_disk_is_the_one_that_was_trained(features, tmp_path) -> None:
    head = train(features, tmp_path, ["v5"]).heads[0]
    again = load_head(head.folder)
    assert again.document == head.document
    rows = features.features("test")
    weights = {name: tensor.numpy().astype(np.float64) for name, tensor in again.weights.items()}
    by_hand = (rows - weights["input_mean"]) * weights["input_scale"] @ weights["projection"]
    assert again.embed(rows) == pytest.approx(by_hand, abs=1e-5)
    assert again.embed(rows).shape == (120, 16)
    assert [record.epoch for record in again.document.history] == [1, 2]
    assert set(again.document.history[0].validation) == {"L0", "L1"}


def test_the_same_request_trains_nothing(features, tmp_path) -> None:
    first = train(features, tmp_path, ["v5", "mrl"], [42, 123])
    times = [head.weights_path.stat().st_mtime_ns for head in first.heads]
    said: list[str] = []
    second = train(features, tmp_path, ["v5", "mrl"], [42, 123, 456], note=said.append)
    assert (second.n_reused, second.replaced, said) == (4, (), [])
    assert second.summary() == "2 heads trained; 4 were there already"
    assert [head.weights_path.stat().st_mtime_ns for head in first.heads] == times
    assert train(features, tmp_path, ["v5"], [42], overwrite=Overwrite.NEVER).n_reused == 1


def test_other_settings_have_a_folder_of_their_own(features, tmp_path) -> None:
    head = train(features, tmp_path, ["v5"]).heads[0]
    result = head.folder / "evaluation-loo.json"
    result.write_text("{}")
    other = train(features, tmp_path, ["v5"], settings={"epochs": 1}, overwrite=Overwrite.NEVER).heads[0]
    assert other.folder != head.folder
    assert load_head(head.folder) == head
    assert result.exists()


def damaged(folder: Path, what: str) -> None:
    path = folder / "head.json"
    if what == "weights":
        weights = bytearray((folder / "head.safetensors").read_bytes())
        weights[-1] ^= 1
        (folder / "head.safetensors").write_bytes(weights)
    elif what == "older":
        path.write_text(json.dumps({**json.loads(path.read_text()), "encoding-version": "1.0"}))
    else:
        path.write_text(what)


@pytest.mark.parametrize("what", ["weights", "older", "{", "[]", '{"encoding-type": "fractalctl-head"}'])
@pytest.mark.parametrize("overwrite", [Overwrite.CHANGED, Overwrite.ALWAYS])
def test_a_damaged_head_is_replaced_and_named_before(features, tmp_path, what: str, overwrite) -> None:
    head = train(features, tmp_path, ["v5"]).heads[0]
    results = [head.folder / name for name in ("evaluation-loo.json", "latency.json")]
    for path in results:
        path.write_text("{}")
    damaged(head.folder, what)
    with pytest.raises(RequestError, match="--overwrite changed replaces it"):
        train(features, tmp_path, ["v5"], overwrite=Overwrite.NEVER)
    said: list[str] = []

    def note(line: str) -> None:
        assert all(path.exists() for path in results), "it is said before anything is lost"
        said.append(line)

    again = train(features, tmp_path, ["v5"], overwrite=overwrite, note=note)
    assert again.heads[0].identity == load_head(head.folder).identity == head.identity
    assert again.replaced == (head.folder / "head.json", *results)
    assert said[0].startswith(f"{again.replaced[0]} is replaced: ")
    assert [line.partition(" is removed: ")[0] for line in said[1:]] == [str(path) for path in results]
    assert not any(path.exists() for path in results)


def test_always_trains_again(features, tmp_path) -> None:
    head = train(features, tmp_path, ["v5"]).heads[0]
    weights = head.weights_path.read_bytes()
    time = head.weights_path.stat().st_mtime_ns
    again = train(features, tmp_path, ["v5"], overwrite=Overwrite.ALWAYS)
    assert (again.n_reused, again.replaced) == (0, (head.folder / "head.json",))
    assert again.heads[0].weights_path.stat().st_mtime_ns > time
    assert again.heads[0].weights_path.read_bytes() == weights, "the same command gives the same bytes"


def test_what_fails_costs_nothing_that_was_there(features, tmp_path, monkeypatch) -> None:
    head = train(features, tmp_path, ["v5"]).heads[0]
    evaluation = head.folder / "evaluation-loo.json"
    evaluation.write_text("{}")

    def fails(*_) -> None:
        raise FractalError("the loss is no number")
        yield

    monkeypatch.setattr(training, "fit_arms", fails)
    with pytest.raises(FractalError, match="the loss is no number"):
        train(features, tmp_path, ["v5"], overwrite=Overwrite.ALWAYS)
    assert load_head(head.folder) == head
    assert head.embed(features.features("test")).shape == (120, 16)
    assert evaluation.exists()


def test_heads_that_diverge_are_named_and_the_others_are_kept(features, tmp_path) -> None:
    arms = build_arms(["v5"], 2, None, {"dims": (4, 8, 12, 16), "epochs": 2})
    arms += build_arms(["mrl"], 2, "mlp", {"dims": (4, 8, 12, 16), "epochs": 2, "learning_rate": 1e30})
    with pytest.raises(FractalError, match=r"mrl-mlp.*seed 42"):
        training.train_heads(features, [arms[1], arms[0]], tmp_path, [42])
    assert [head.strategy for head in find_heads([tmp_path])] == ["v5"]


def test_training_alone_or_in_a_larger_fleet_gives_nearly_the_same(features, tmp_path) -> None:
    alone = train(features, tmp_path / "alone", ["v5"]).heads[0]
    crowd = train(features, tmp_path / "crowd", ["mrl", "v5", "uhmt"], [1, 42]).heads[3]
    assert (crowd.strategy, crowd.seed) == ("v5", 42)
    assert crowd.identity == alone.identity
    assert crowd.weights["projection"].numpy() == pytest.approx(alone.weights["projection"].numpy(), abs=1e-4)


def test_a_number_behind_a_strategy_keeps_no_setting_from_it() -> None:
    whole, knob, plain = build_arms(["zoom", "zoom-0.5", "mrl"], 2, None, {"epochs": "7", "dropout": "0.2"})
    assert [arm.settings.epochs for arm in (whole, knob, plain)] == [7, 7, 7]
    assert (knob.settings.amount, knob.settings.dropout) == (0.5, 0.2)
    with pytest.raises(RequestError, match=r"zoom-0\.5 says amount already"):
        build_arms(["zoom-0.5"], 2, None, {"amount": 0.7})
    with pytest.raises(RequestError, match="no setting"):
        build_arms(["zoom-0.5"], 2, None, {"epoch": 7})


def test_settings_go_to_the_arms_that_have_them(tmp_path) -> None:
    v5, lda = build_arms(["v5", "lda"], 2, None, {"epochs": "7", "dims": "4x8"})
    assert (v5.settings.epochs, v5.dims, lda.dims) == (7, (4, 8), (4, 8))
    assert not hasattr(lda.settings, "epochs")
    with pytest.raises(RequestError, match="lda has no setting epochs"):
        build_arms(["lda", "pca"], 2, None, {"epochs": 7})
    with pytest.raises(RequestError, match=r"no setting epoch \(did you mean 'epochs'"):
        build_arms(["lda", "v5"], 2, None, {"epoch": 7})
    with pytest.raises(RequestError, match="closed form"):
        build_arms(["lda"], 2, "fractal")
    with pytest.raises(RequestError, match="strategy 'v6' is not known; choose from v5, mrl"):
        build_arms(["v6"], 2)


def test_missing_heads_are_requests_that_cannot_be_met(tmp_path) -> None:
    with pytest.raises(RequestError, match="no heads in this folder; 'fractalctl train' makes them"):
        find_heads([tmp_path])
    with pytest.raises(RequestError, match="no such file or folder"):
        find_heads([tmp_path / "nowhere"])


def test_features_of_another_length_are_refused(features, tmp_path) -> None:
    head = train(features, tmp_path, ["v5"]).heads[0]
    with pytest.raises(RequestError, match=r"takes features of length 24, got shape \(3, 7\)"):
        head.embed(np.zeros((3, 7), np.float32))
