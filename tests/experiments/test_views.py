"""Views of feature sets: what they change, and that nothing else is changed."""

import pickle

import numpy as np
import pytest

from fractalctl.corpora.tree import LabelTree
from fractalctl.experiments.conditions import RelabelledSet, SampledSet
from fractalctl.experiments.synthesis import natural_partition
from fractalctl.experiments.training import Job, build_arms, fit_arms
from store.errors import StoreRequestError
from tests.experiments.conftest import SETTINGS
from tests.feature_sets import make_features


def test_other_labels_lie_over_the_same_features(features) -> None:
    groups = np.array([2, 0, 1] * 4, np.int32)
    tree = LabelTree((("a", "b", "c"), features.class_names[-1]), (groups,))
    view = RelabelledSet.under(features, tree, {"groups": groups.tolist()})
    for split in features.splits:
        finest = features.labels(split)[:, 1]
        np.testing.assert_array_equal(view.labels(split), [[groups[kind], kind] for kind in finest])
        assert view.labels(split).dtype == np.int32
        np.testing.assert_array_equal(view.features(split), features.features(split))
        assert view.ids(split) == features.ids(split)
        assert view.texts(split, [3, 1]) == features.texts(split, [3, 1])
    assert view.class_names == (("a", "b", "c"), features.class_names[-1])
    assert (view.corpus, view.n_levels, view.n_rows("test")) == ("garden", 2, 120)
    assert features.n_levels == 2
    assert features.class_names[0] == ("animal", "plant")


def test_an_identity_follows_what_was_changed(features) -> None:
    labels = {"train": features.labels("train")[::-1]}
    one = RelabelledSet(features, {"turned": True}, labels)
    assert one.identity == RelabelledSet(features, {"turned": True}, labels).identity
    assert one.identity != features.identity
    assert one.identity != RelabelledSet(features, {"turned": False}, labels).identity
    assert RelabelledSet(one, {"turned": True}, labels).identity != one.identity
    np.testing.assert_array_equal(one.labels("train"), labels["train"])
    np.testing.assert_array_equal(one.labels("test"), features.labels("test"))
    with pytest.raises(StoreRequestError, match="no split 'validation'"):
        one.labels("validation")


def test_labels_cannot_be_changed_through_a_view(features) -> None:
    view = natural_partition(features).over(features)
    view.labels("train")[:] = 0
    np.testing.assert_array_equal(view.labels("train"), features.labels("train"))


def test_labels_that_do_not_fit_are_refused(features) -> None:
    with pytest.raises(ValueError, match=r"train: labels of shape \(3, 2\), expected \(400, 2\)"):
        RelabelledSet(features, {}, {"train": np.zeros((3, 2), np.int32)})
    tree = LabelTree((("a", "b"), ("c", "d", "e")), (np.array([0, 0, 1], np.int32),))
    deep = {split: np.zeros((features.n_rows(split), 3), np.int32) for split in features.splits}
    with pytest.raises(ValueError, match=r"expected \(400, 2\)"):
        RelabelledSet(features, {}, deep, tree)


def test_training_on_a_view_equals_training_on_such_a_set(store, features) -> None:
    """The corpus's own coarse level laid over its finest classes changes nothing."""
    (arm,) = build_arms(["v5"], 2, None, SETTINGS)
    (_, plain), (_, viewed) = (
        next(fit_arms(one, [Job(arm, 42)])) for one in (features, natural_partition(features).over(features))
    )
    for name, tensor in plain.weights.items():
        np.testing.assert_array_equal(tensor.numpy(), viewed.weights[name].numpy())
    deep = make_features(store, "wood", depth=3)
    view = natural_partition(deep).over(deep)
    assert view.n_levels == 2
    np.testing.assert_array_equal(view.labels("test"), deep.labels("test")[:, [0, 2]])


def test_a_sample_is_the_same_rows_in_everything(features) -> None:
    rows, asked = np.array([3, 50, 7]), np.array([1, 2])
    sampled = SampledSet(features, {"train": rows, "test": asked})
    for split, chosen in (("train", rows), ("test", asked)):
        assert sampled.n_rows(split) == len(chosen)
        np.testing.assert_array_equal(sampled.features(split), features.features(split)[chosen])
        np.testing.assert_array_equal(sampled.labels(split), features.labels(split)[chosen])
        assert sampled.texts(split) == [features.texts(split)[row] for row in chosen]
        assert sampled.texts(split, [1]) == [features.texts(split)[chosen[1]]]
        assert sampled.ids(split) == [features.ids(split)[row] for row in chosen]
    training = SampledSet(features, {"train": rows})
    assert training.texts("test", [2]) == [features.texts("test")[2]]
    turned = SampledSet(features, {"train": rows[::-1]})
    assert len({one.identity for one in (features, sampled, training, turned)}) == 4


def test_a_view_of_a_view_can_be_sent_elsewhere(features) -> None:
    sampled = SampledSet(features, {"train": np.arange(5)})
    view = pickle.loads(pickle.dumps(natural_partition(sampled).over(sampled)))
    assert view.n_rows("train") == 5
    np.testing.assert_array_equal(view.labels("train"), features.labels("train")[:5])
    np.testing.assert_array_equal(view.features("train"), features.features("train")[:5])
