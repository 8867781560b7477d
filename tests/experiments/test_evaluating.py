import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from fractalctl.errors import RequestError
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import supervisions, train_heads
from fractalctl.measures.hits import unpack_hits
from fractalctl.measures.protocols import Protocol
from store.files import read_json
from tests.feature_sets import make_features


@pytest.fixture
def heads(features, recipe, tmp_path):
    tables = supervisions(features, recipe, ["v5", "mrl"])
    return train_heads(features, tables, tmp_path / "runs", [42, 123], recipe).heads


def test_index_protocol_equals_scikit_learn(heads, features, store) -> None:
    document = evaluate_heads(heads[:1], Protocol("index"), store).documents[0]
    train, test = heads[0].embed(features.features("train")), heads[0].embed(features.features("test"))
    for dimension in (4, 8, 12, 16):
        for level in (0, 1):
            peer = KNeighborsClassifier(5, metric="cosine", algorithm="brute")
            peer.fit(train[:, :dimension], features.labels("train")[:, level])
            share = peer.score(test[:, :dimension], features.labels("test")[:, level])
            assert document["accuracy"][str(dimension)][f"L{level}"] == pytest.approx(share)
    assert (document["n_queries"], document["n_reference"]) == (120, 400)


def test_a_document_has_everything_that_later_steps_read(heads, store, tmp_path) -> None:
    result = evaluate_heads(heads, Protocol("loo"), store)
    assert [path.name for path in result.paths] == ["evaluation-loo.json"] * 4
    document = read_json(result.paths[0])
    assert document == json.loads(json.dumps(result.documents[0]))
    accuracy, s = document["accuracy"], document["steerability"]
    assert list(accuracy) == ["4", "8", "12", "16"]
    expected = accuracy["4"]["L0"] - accuracy["16"]["L0"] + accuracy["16"]["L1"] - accuracy["4"]["L1"]
    assert s["S"] == pytest.approx(expected)
    assert s["intervals"]["S"][0] <= s["S"] <= s["intervals"]["S"][1]
    hits = unpack_hits(document["hits"])
    assert hits.shape == (120, 4, 2)
    assert hits[:, 0, 0].mean() == pytest.approx(accuracy["4"]["L0"])
    assert document["profile"]["classes"] == [2, 12]
    assert (document["corpus"], document["backbone"], document["strategy"], document["seed"]) == (
        "garden", "gaussian", "v5", 42,
    )  # fmt: skip
    assert (document["protocol"], document["k"], document["metric"], document["renormalised"]) == (
        "loo", 5, "cosine", True,
    )  # fmt: skip


def test_profile_holds_entropies_and_the_baseline(heads, features, store) -> None:
    profile = evaluate_heads(heads[:1], Protocol("index", k=3), store).documents[0]["profile"]
    counts = np.bincount(features.labels("train")[:, 1]) / 400
    coarse = np.bincount(features.labels("train")[:, 0]) / 400
    h_fine, h_coarse = (-(shares * np.log2(shares)).sum() for shares in (counts, coarse))
    assert profile["h_l0"] == pytest.approx(h_coarse)
    assert profile["h_l1_given_l0"] == pytest.approx(h_fine - h_coarse)
    peer = KNeighborsClassifier(3, metric="cosine", algorithm="brute")
    peer.fit(features.features("train"), features.labels("train")[:, 1])
    expected = peer.score(features.features("test"), features.labels("test")[:, 1])
    assert profile["baseline"]["L1"] == pytest.approx(expected)


def test_what_is_up_to_date_is_kept(heads, store) -> None:
    first = evaluate_heads(heads, Protocol("loo"), store)
    times = [path.stat().st_mtime_ns for path in first.paths]
    second = evaluate_heads(heads, Protocol("loo"), store)
    assert second.n_reused == 4
    assert second.documents == tuple(json.loads(json.dumps(first.documents)))
    assert [path.stat().st_mtime_ns for path in second.paths] == times
    with pytest.raises(RequestError, match="holds another evaluation"):
        evaluate_heads(heads, Protocol("loo", k=3), store, overwrite=Overwrite.NEVER)
    assert evaluate_heads(heads, Protocol("loo", k=3), store).n_reused == 0


def test_features_are_found_again_in_a_store_that_moved(heads, store, features, tmp_path) -> None:
    moved = tmp_path / "elsewhere"
    store.folder.rename(moved)
    with pytest.raises(RequestError, match="featurize again, or name it with --features"):
        evaluate_heads(heads, Protocol("loo"), store)
    assert len(evaluate_heads(heads, Protocol("loo"), replace_store(store, moved)).paths) == 4


def replace_store(store, folder):
    return type(store)(folder)


def test_other_features_can_be_asked(heads, store) -> None:
    other = make_features(store, "meadow", seed=5)
    document = evaluate_heads(heads[:1], Protocol("index"), store, other).documents[0]
    assert document["features_identity"] == other.identity


def test_protocols_check_their_numbers(features, store, heads) -> None:
    with pytest.raises(RequestError, match="protocol 'loocv' is not known; choose from loo, index"):
        Protocol("loocv")
    with pytest.raises(RequestError, match="k = 5 neighbours were asked for, but protocol loo leaves 2"):
        evaluate_heads(heads, Protocol("loo", max_test=3), store)
    assert replace(Protocol("loo"), max_test=7).test_rows == 7
    assert Protocol("loo").test_rows == 500
    assert Protocol("index").test_rows is None


def test_three_levels_are_measured(store, recipe, tmp_path) -> None:
    deep = make_features(store, "forest", depth=3)
    heads = train_heads(deep, supervisions(deep, recipe, ["v5"]), tmp_path / "runs", [42], recipe).heads
    document = evaluate_heads(heads, Protocol("loo"), store).documents[0]
    assert list(document["accuracy"]["4"]) == ["L0", "L1", "L2"]
    assert document["profile"]["classes"] == [2, 4, 12]
    assert len(document["profile"]["entropies"]) == 3
    accuracy = document["accuracy"]
    expected = accuracy["4"]["L0"] - accuracy["16"]["L0"] + accuracy["16"]["L2"] - accuracy["4"]["L2"]
    assert document["steerability"]["S"] == pytest.approx(expected)
