"""Requests that differ never share a file, and the plain case keeps its plain path."""

from dataclasses import replace as copy
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from fractalctl.documents import write_document
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.addresses import (
    choose_head,
    evaluation_path,
    features_of,
    first_heads,
    matched_heads,
    require_matched,
    set_folder,
)
from fractalctl.experiments.conditions import SampledSet
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.heads.head import find_heads, load_head
from fractalctl.measures.protocols import Protocol
from store import FeatureStore
from tests.experiments.conftest import SETTINGS, label, train
from tests.feature_sets import make_features

LOO = Protocol("loo")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_sets_of_one_corpus_in_one_store_never_meet(features, store, tmp_path) -> None:
    smaller = make_features(store, seed=1)
    assert (features.corpus, smaller.corpus) == ("garden", "garden")
    heads = train(features, tmp_path / "runs", ["v5"]).heads
    evaluate_heads(heads, LOO, store)
    before = contents(tmp_path / "runs")
    others = train(smaller, tmp_path / "runs", ["v5"]).heads
    evaluate_heads(others, LOO, store)
    assert others[0].folder.parts[-3] == f"gaussian-{smaller.identity[:8]}"
    after = contents(tmp_path / "runs")
    assert {path: after[path] for path in before} == before


def test_corpora_of_one_name_in_two_stores_never_destroy_each_other(features, store, tmp_path) -> None:
    elsewhere = FeatureStore(tmp_path / "other store")
    namesake = make_features(elsewhere, seed=7)
    assert (namesake.corpus, namesake.name) == (features.corpus, features.name)
    runs, said = tmp_path / "runs", []
    evaluate_heads(train(features, runs, ["v5"]).heads, LOO, store)
    before = contents(runs)
    for overwrite in Overwrite:
        trained = train(namesake, runs, ["v5"], overwrite=overwrite, note=said.append)
        evaluate_heads(trained.heads, LOO, elsewhere, overwrite=overwrite, note=said.append)
    own = runs / "garden" / f"gaussian-{namesake.identity[:8]}"
    assert trained.heads[0].folder.parents[1] == own == set_folder(runs, namesake)
    after = contents(runs)
    assert {path: after[path] for path in before} == before
    assert all(str(own) in line for line in said), "only its own was replaced, by --overwrite always"
    assert train(features, runs, ["v5"]).n_reused == 1


def test_a_set_that_was_moved_or_copied_finds_its_heads(features, store, tmp_path) -> None:
    train(features, tmp_path / "runs", ["v5"])
    copied = make_features(FeatureStore(tmp_path / "copy"))
    assert train(copied, tmp_path / "runs", ["v5"]).n_reused == 1


def test_a_sample_of_a_set_is_a_set_of_its_own(features, tmp_path) -> None:
    sample = SampledSet(features, {"train": np.arange(0, 400, 2)})
    head = train(features, tmp_path, ["v5"]).heads[0]
    other = train(sample, tmp_path, ["v5"]).heads[0]
    assert other.folder.parts[-3] == f"gaussian-{sample.identity[:8]}"
    assert load_head(head.folder) == head


def test_heads_of_an_older_format_still_own_their_folder(features, tmp_path) -> None:
    old = tmp_path / "garden" / "gaussian" / "v5" / "seed-42" / "head.json"
    old.parent.mkdir(parents=True)
    old.write_text('{"encoding-version": "1.0", "features": {"identity": "of another set"}}')
    assert set_folder(tmp_path, features).name == f"gaussian-{features.identity[:8]}"
    old.write_text("{")
    assert set_folder(tmp_path, features).name == "gaussian"


def test_a_damaged_claim_is_named(features, tmp_path) -> None:
    train(features, tmp_path, ["v5"])
    (tmp_path / "garden" / "gaussian" / "features.json").write_text("{}")
    with pytest.raises(FractalError, match=r"features\.json: not a result file"):
        train(features, tmp_path, ["v5"])


def test_an_arm_of_the_same_label_does_not_take_the_others_folder(features, tmp_path) -> None:
    table = tmp_path / "own.toml"
    text = "full=[0,1]\nprefix=[[1,0],[1,0],[0,1],[0,1]]\nprefix_probabilities=[{}]\nkeep=[1,1,1,1]"
    folders = []
    for probabilities in ("0.25,0.25,0.25,0.25", "0.7,0.1,0.1,0.1"):
        table.write_text(text.format(probabilities))
        arms = build_arms([], 2, None, SETTINGS, [table])
        folders.append(train_heads(features, arms, tmp_path / "runs", [42]).heads[0].folder.parent)
    assert folders[1].name == f"{folders[0].name}-{arms[0].identity[:8]}"
    assert train_heads(features, arms, tmp_path / "runs", [42]).n_reused == 1


def test_another_set_has_an_evaluation_of_its_own(features, store, tmp_path) -> None:
    head = train(features, tmp_path / "runs", ["v5"]).heads[0]
    own = evaluate_heads([head], LOO, store)
    before = own.paths[0].read_bytes()
    meadow = make_features(store, "meadow", seed=5)
    other = evaluate_heads([head], LOO, store, meadow)
    assert own.paths[0].read_bytes() == before
    assert other.paths[0].name == "evaluation-loo-on-meadow-gaussian.json"
    document = other.documents[0]
    assert (document.corpus, document.features.identity) == ("meadow", meadow.identity)
    assert (document.trained_on.corpus, document.trained_on.identity) == ("garden", features.identity)
    namesake = make_features(FeatureStore(tmp_path / "other"), "meadow", seed=6)
    third = evaluate_heads([head], LOO, store, namesake).paths[0]
    assert third.name == f"evaluation-loo-on-meadow-gaussian-{namesake.identity[:8]}.json"
    assert evaluate_heads([head], LOO, store, meadow).n_reused == 1
    assert evaluate_heads([head], LOO, store, features).paths == own.paths


def test_what_departs_from_a_protocols_defaults_is_in_the_name(features, tmp_path) -> None:
    head = train(features, tmp_path, ["v5"]).heads[0]
    rules = [LOO, copy(LOO, max_test=7), copy(LOO, k=3), copy(LOO, rows_seed=1), Protocol("index")]
    names = [evaluation_path(head, rule).name for rule in rules]
    assert names[0] == "evaluation-loo.json"
    assert len(set(names)) == len(rules)


def test_features_are_found_by_identity_alone(features, store, tmp_path) -> None:
    head = train(features, tmp_path / "runs", ["v5"]).heads[0]
    Path(features.path).unlink()
    with pytest.raises(RequestError, match="featurize again, or name it with --features"):
        features_of(head, store)
    make_features(store, seed=3)
    with pytest.raises(RequestError, match="featurize again"):
        features_of(head, store)


def test_of_several_heads_the_first_arm_and_the_smallest_seed(features, store, tmp_path) -> None:
    heads = train(features, tmp_path / "runs", ["uhmt", "mrl", "v5"], [123, 42]).heads
    chosen = choose_head([tmp_path / "runs"])
    assert (chosen.strategy, chosen.seed) == ("v5", 42), (
        "in the order of the table, whatever was written last"
    )
    named = [head.folder for head in heads if head.strategy == "mrl"] + [tmp_path / "runs"]
    assert (choose_head(named).strategy, choose_head(named).seed) == ("mrl", 42), "as they are given"
    assert choose_head([heads[0].folder]) == heads[0]
    train(features, tmp_path / "runs", ["zoom"], [7])
    assert choose_head([tmp_path / "runs"]).strategy == "zoom", "what train trains where nobody says"
    other = make_features(store, "alley", seed=2)
    train(other, tmp_path / "runs", ["uhmt"], [7])
    assert [(head.corpus, head.strategy) for head in first_heads([find_heads([tmp_path / "runs"])])] == [
        ("alley", "uhmt"),
        ("garden", "zoom"),
    ]
    with pytest.raises(RequestError, match="no heads in this folder"):
        choose_head([tmp_path / "store"])


def test_matched_heads_differ_in_nothing_but_the_strategy(features, tmp_path) -> None:
    runs = tmp_path / "runs"
    v5, mrl = train(features, runs, ["v5", "mrl"]).heads
    assert matched_heads(v5, ["mrl", "coarse"]) == {"mrl": mrl}
    assert matched_heads(v5) == {"v5": v5, "mrl": mrl}
    (longer,) = train(features, runs, ["v5"], settings={"epochs": 1}).heads
    assert matched_heads(longer, ["mrl"]) == {}, "trained for one epoch, not two"
    (other,) = train(features, runs, ["v5"], [123]).heads
    assert matched_heads(other, ["mrl"]) == {}, "of another seed"
    write_document(
        mrl.folder / "head.json",
        replace(mrl.document, features=replace(mrl.document.features, identity="other"), identity="other"),
    )
    assert matched_heads(v5, ["mrl"]) == {}, "of other features"


def test_a_closed_form_is_matched_by_what_it_has(features, tmp_path) -> None:
    v5, pca = train(features, tmp_path, ["v5", "pca"]).heads
    assert matched_heads(v5, ["pca"]) == {"pca": pca}


def test_the_command_that_trains_what_is_missing(features, tmp_path) -> None:
    heads = train(features, tmp_path / "runs", ["v5"], [42, 123]).heads
    with pytest.raises(RequestError) as caught:
        require_matched(heads, ["coarse", "fine"], "dual")
    command = str(caught.value).splitlines()[-1]
    assert command.startswith(
        f"fractalctl train {features.path} --strategy coarse,fine --seeds 42,123 --runs "
    )
    assert "--set dims=4x8x12x16 --set epochs=2 --set learning_rate=0.01" in command
    train(features, tmp_path / "runs", ["coarse", "fine"], [42, 123])
    require_matched(heads, ["coarse", "fine"], "dual")
    assert len(find_heads([tmp_path / "runs"])) == 6
    assert matched_heads(heads[1], ["fine"])["fine"].document.arm == label("fine")
