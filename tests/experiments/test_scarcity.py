"""Few labelled rows, and classes that training did not see."""

import numpy as np
import pytest

from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.axes import labelled, left_out_classes
from fractalctl.experiments.conditions import RelabelledSet, SampledSet
from fractalctl.measures.neighbours import leave_one_out_accuracy
from fractalctl.measures.protocols import Protocol
from store import FeatureStore
from tests.feature_sets import make_features


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return make_features(FeatureStore(tmp_path_factory.mktemp("store")), depth=3)


def test_every_class_has_as_many_rows_as_it_can(features) -> None:
    finest = features.labels("train")[:, -1]
    few, more = labelled(features, 3, seed=1), labelled(features, 5, seed=1)
    for view, count in ((few, 3), (more, 5)):
        expected = np.minimum(np.bincount(finest), count)
        assert (np.bincount(view.labels("train")[:, -1], minlength=len(expected)) == expected).all()
    assert set(few.ids("train")) < set(more.ids("train"))
    assert set(few.ids("train")) != set(labelled(features, 3, seed=2).ids("train"))
    assert few.ids("test") == features.ids("test")


def test_rows_of_one_seed_train_and_are_the_reference(features, tmp_path) -> None:
    index = Protocol("index")
    document = ablate(
        "rows", features, tmp_path, ["lda", "raw"], seeds=(42, 123), protocol=index, values=(4,)
    )[1]
    assert (document.varied, document.values) == ("rows", [4])
    runs = {(run.arm, run.seed): run for run in document.runs}
    assert len(runs) == 4
    for seed in (42, 123):
        few = labelled(features, 4, seed)
        reference, asked = (
            few.features(split) / np.linalg.norm(few.features(split), axis=1, keepdims=True)
            for split in ("train", "test")
        )
        nearest = np.argsort(-(asked @ reference.T), axis=1, kind="stable")[:, :5]
        votes = few.labels("train")[:, -1][nearest]
        predicted = np.array([np.bincount(row).argmax() for row in votes])
        expected = (predicted == few.labels("test")[:, -1]).mean()
        length = max(runs["raw", seed].accuracy, key=int)
        assert runs["raw", seed].accuracy[length]["L2"] == pytest.approx(expected, abs=1e-12)


def test_unseen_classes_are_in_no_training_row_and_seen_ones_are_not_asked_for(features, tmp_path) -> None:
    left_out = left_out_classes(features)
    assert len(left_out) == len(features.class_names[-1]) // 5
    rule = Protocol("loo")
    document = ablate("unseen", features, tmp_path, ["raw", "lda"], seeds=(42,), protocol=rule)[1]
    assert document.about["left_out"] == ", ".join(features.class_names[-1][one] for one in left_out)
    finest = features.labels("test")[:, -1]
    for kind, wanted in (("unseen", True), ("seen", False)):
        asked = SampledSet(features, {"test": np.flatnonzero(np.isin(finest, left_out) == wanted)})
        (run,) = (run for run in document.runs if run.arm == "raw" and run.point == {"classes": kind})
        length = max(run.accuracy, key=int)
        width = min(int(length), features.dimension)
        expected = leave_one_out_accuracy(asked.features("test")[:, :width], asked.labels("test"))
        assert list(run.accuracy[length].values()) == pytest.approx(expected, abs=1e-12)


def test_what_cannot_be_is_refused(features, tmp_path) -> None:
    with pytest.raises(RequestError, match="at least two labelled rows"):
        ablate("rows", features, tmp_path, ["raw"], values=(1,))
    labels = {split: features.labels(split)[:, :2] for split in features.splits}
    tree = LabelTree(features.class_names[:2], features.parents[:1])
    with pytest.raises(RequestError, match="4 finest classes; --axis unseen needs 10"):
        ablate("unseen", RelabelledSet(features, {"levels": 2}, labels, tree), tmp_path, ["raw"])
