import pytest

from fractalctl.documents import read_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.errors import RequestError
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.policy import Overwrite
from fractalctl.measures.protocols import Protocol
from tests.experiments.conftest import label, train
from tests.feature_sets import make_features

LOO = Protocol("loo")


@pytest.fixture
def heads(features, tmp_path):
    return train(features, tmp_path / "runs", ["v5", "mrl"], [42, 123]).heads


def test_a_document_has_everything_that_later_steps_read(heads, features, store) -> None:
    result = evaluate_heads(heads, LOO, store)
    assert [path.name for path in result.paths] == ["evaluation-loo.json"] * 4
    assert [path.parent for path in result.paths] == [head.folder for head in heads]
    document = read_document(result.paths[0], Evaluation)
    assert document == result.documents[0]
    accuracy = document.accuracy
    expected = accuracy["4"]["L0"] - accuracy["16"]["L0"] + accuracy["16"]["L1"] - accuracy["4"]["L1"]
    assert document.steerability.s == pytest.approx(expected)
    hits = document.hits.unpack()
    assert hits.shape == (120, 4, 2)
    assert hits[:, 0, 0].mean() == pytest.approx(accuracy["4"]["L0"])
    assert document.profile.classes == [2, 12]
    assert (document.corpus, document.backbone, document.features.name) == ("garden", "gaussian", "gaussian")
    assert (document.strategy, document.arm, document.seed) == ("v5", label("v5"), 42)
    assert (document.trained_on, document.head_identity) == (document.features, heads[0].identity)
    assert (document.protocol, document.k, document.rows_seed, document.max_test) == ("loo", 5, 42, None)


def test_what_is_up_to_date_is_kept(heads, store) -> None:
    first = evaluate_heads(heads, LOO, store)
    times = [path.stat().st_mtime_ns for path in first.paths]
    second = evaluate_heads(heads, LOO, store, overwrite=Overwrite.NEVER)
    assert (second.n_reused, second.documents) == (4, first.documents)
    assert [path.stat().st_mtime_ns for path in second.paths] == times
    assert evaluate_heads(heads, Protocol("loo", k=3), store, overwrite=Overwrite.NEVER).n_reused == 0


def test_what_is_out_of_date_is_replaced_and_named_before(heads, store) -> None:
    paths = evaluate_heads(heads, LOO, store).paths
    paths[1].write_text("{")
    with pytest.raises(RequestError, match=r"evaluation-loo\.json: .*--overwrite changed replaces it"):
        evaluate_heads(heads, LOO, store, overwrite=Overwrite.NEVER)
    said: list[str] = []
    again = evaluate_heads(heads, LOO, store, note=said.append)
    assert (again.n_reused, again.replaced) == (3, (paths[1],))
    assert [line.partition(" is replaced: ")[0] for line in said] == [str(paths[1])]
    assert evaluate_heads(heads, LOO, store, overwrite=Overwrite.ALWAYS).replaced == paths


def test_features_are_found_again_in_a_store_that_moved(heads, store, tmp_path) -> None:
    moved = tmp_path / "elsewhere"
    store.folder.rename(moved)
    with pytest.raises(RequestError, match="featurize again, or name it with --features"):
        evaluate_heads(heads, LOO, store)
    assert len(evaluate_heads(heads, LOO, type(store)(moved)).paths) == 4


def test_too_few_rows_for_the_neighbours(heads, store) -> None:
    with pytest.raises(RequestError, match="k = 5 neighbours were asked for, but protocol loo leaves 2"):
        evaluate_heads(heads, Protocol("loo", max_test=3), store)


def test_three_levels_are_measured(store, tmp_path) -> None:
    deep = make_features(store, "forest", depth=3)
    heads = train(deep, tmp_path / "runs", ["v5"]).heads
    document = evaluate_heads(heads, LOO, store).documents[0]
    accuracy = document.accuracy
    assert list(accuracy["4"]) == ["L0", "L1", "L2"]
    assert document.profile.classes == [2, 4, 12]
    assert len(document.profile.entropies) == 3
    expected = accuracy["4"]["L0"] - accuracy["16"]["L0"] + accuracy["16"]["L2"] - accuracy["4"]["L2"]
    assert document.steerability.s == pytest.approx(expected)


def test_a_closed_form_is_evaluated_like_any_other(features, store, tmp_path) -> None:
    heads = train(features, tmp_path / "runs", ["v5", "pca"], [42, 123]).heads
    documents = evaluate_heads(heads, LOO, store).documents[2:]
    assert [(one.strategy, one.trunk, one.nested, one.seed) for one in documents] == [
        ("pca", None, True, 42),
        ("pca", None, True, 123),
    ]
    assert documents[0].accuracy == documents[1].accuracy, "nothing about it is random"
