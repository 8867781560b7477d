"""Evaluations as documents: what they say, and that the numbers are those of scikit-learn."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from fractalctl.documents import read_document, write_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from store import FeatureSet, FeatureStore
from tests.feature_sets import make_features
from tests.measures.heads import DIMS, make_head, reversing


def knn(train, train_labels, test, test_labels) -> float:
    peer = KNeighborsClassifier(5, metric="cosine", algorithm="brute").fit(train, train_labels)
    return peer.score(test, test_labels)


def test_a_document_says_all_that_made_it_and_comes_back(features: FeatureSet, tmp_path) -> None:
    head = make_head(features, tmp_path)
    document = Evaluator(features, Protocol("index", max_test=100)).evaluate(head)
    write_document(tmp_path / "evaluation.json", document)
    assert read_document(tmp_path / "evaluation.json", Evaluation) == document
    assert (document.corpus, document.backbone, document.features.name) == ("garden", "gaussian", "gaussian")
    assert (document.protocol, document.k, document.rows_seed, document.max_test) == ("index", 5, 42, 100)
    assert (document.n_queries, document.n_reference, document.duplicates) == (100, 400, 0)
    assert (document.strategy, document.arm, document.seed, document.nested) == ("v5", "v5", 42, True)
    assert document.trained_on == document.features
    assert document.settings == head.document.settings
    assert document.head_identity == head.identity
    assert document.hits.unpack().mean(axis=0)[1, 0] == document.accuracy["8"]["L0"]
    assert document.steerability.delta_coarse == pytest.approx(
        document.accuracy["4"]["L0"] - document.accuracy["16"]["L0"]
    )


@pytest.mark.parametrize("nested", [True, False])
def test_accuracies_equal_scikit_learn(features: FeatureSet, tmp_path, nested: bool) -> None:
    head = make_head(features, tmp_path)
    head = head if nested else reversing(head)
    document = Evaluator(features, Protocol("index")).evaluate(head)
    train, test = (head.prefixes(features.features(split)) for split in ("train", "test"))
    for dimension in DIMS:
        for level in (0, 1):
            labels = (features.labels(split)[:, level] for split in ("train", "test"))
            share = knn(train.at(dimension), next(labels), test.at(dimension), next(labels))
            assert document.accuracy[str(dimension)][f"L{level}"] == pytest.approx(share)


def test_the_profile_has_the_backbone_whole_and_cut(features: FeatureSet) -> None:
    profile = Evaluator(features, Protocol("index")).profile((8, 24, 64))
    labels, truth = features.labels("train")[:, 1], features.labels("test")[:, 1]
    for length, cut in (("8", 8), ("24", 24), ("64", 24)):
        share = knn(features.features("train")[:, :cut], labels, features.features("test")[:, :cut], truth)
        assert profile.truncated[length]["L1"] == pytest.approx(share)
    assert profile.baseline == profile.truncated["24"]
    assert list(profile.truncated) == ["8", "24", "64"]
    shares = np.bincount(labels) / len(labels)
    assert profile.h_l0 + profile.h_l1_given_l0 == pytest.approx(-(shares * np.log2(shares)).sum())


def test_a_transfer_names_both_sets(features: FeatureSet, store: FeatureStore, tmp_path) -> None:
    other = make_features(store, "meadow", seed=5)
    document = Evaluator(other, Protocol()).evaluate(make_head(features, tmp_path))
    assert (document.corpus, document.features.corpus) == ("meadow", "meadow")
    assert document.trained_on.corpus == "garden"
    assert document.identity != Evaluator(features, Protocol()).identity(document.head_identity)


def test_identities_tell_every_request_apart(features: FeatureSet) -> None:
    protocols = [
        Protocol(), Protocol("index"), Protocol(k=3), Protocol(max_test=50), Protocol(rows_seed=1),
        Protocol(drop_duplicates=True),
    ]  # fmt: skip
    found = {Evaluator(features, one).identity(head) for one in protocols for head in ("a", "b")}
    assert len(found) == 2 * len(protocols)
