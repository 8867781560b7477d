from types import SimpleNamespace

import numpy as np
import pytest

from store import FeatureSet, FeatureStore, Recipe, Seen, find_seen
from store.contents import Contents
from store.errors import StoreError

BACKBONE = {"pooling": "mean"}
OBSERVED = {"weights": {"model": "abc"}, "device": "cpu"}


def publish(
    store: FeatureStore, corpus: str, texts: list[str], number: float, backbone=BACKBONE, observed=OBSERVED
) -> FeatureSet:
    """A set whose features tell which set it is and which row."""
    labels = np.tile([[0, 0], [1, 1]], (len(texts), 1))[: len(texts)]
    rows = SimpleNamespace(texts=texts, labels=labels, ids=[f"r{row}" for row in range(len(texts))])
    contents = Contents({"train": rows}, (("a", "b"), ("c", "d")), [np.array([0, 1])])
    with store.writer(Recipe(corpus, {"n": number}, "sum", backbone, ("train",))) as writer:
        draft = writer.draft(contents, 3, observed)
        for block in draft.missing_blocks():
            draft.write_block(block, number + np.arange(len(texts))[:, None] + np.zeros((1, 3)))
        return draft.publish()


def test_texts_are_found_in_sets_of_the_same_encoder_only(store: FeatureStore):
    first = publish(store, "one", ["a", "b", "a"], 100.0)
    second = publish(store, "two", ["b", "c"], 200.0)
    publish(store, "prompted", ["d"], 300.0, backbone={"pooling": "cls"})
    publish(store, "elsewhere", ["d"], 400.0, observed={**OBSERVED, "device": "cuda"})
    seen = find_seen(store, BACKBONE, OBSERVED, {"a", "b", "c", "d"})
    assert [one.path for one in seen.sets] == [first.path, second.path]
    texts = ["d", "c", "b", "d", "a"]
    assert seen.unseen(texts) == ["d", "d"] and len(seen) == 3
    found = seen.complete(texts, np.array([[1.0] * 3, [2.0] * 3], dtype=np.float32))
    np.testing.assert_array_equal(found[:, 0], [1, 201, 101, 2, 100])
    assert found.dtype == np.float32


def test_nothing_seen_hands_everything_on():
    fresh = np.ones((2, 3), dtype=np.float32)
    assert Seen().unseen(["a", "a"]) == ["a", "a"]
    assert Seen().complete(["a", "a"], fresh) is fresh


def test_a_damaged_set_is_left_out_and_said(store: FeatureStore):
    path = publish(store, "one", ["a", "b"], 100.0).path
    content = bytearray(path.read_bytes())
    content[FeatureSet(path).features("train").offset] ^= 4
    path.write_bytes(content)
    told: list[StoreError] = []
    assert len(find_seen(store, BACKBONE, OBSERVED, {"a"}, told.append)) == 0
    assert str(path) in str(told[0])


def test_a_set_that_is_changed_while_it_is_used_is_found_out(store: FeatureStore):
    path = publish(store, "one", ["a", "b"], 100.0).path
    seen = find_seen(store, BACKBONE, OBSERVED, {"a"})
    seen.check()
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StoreError, match="changed by another program"):
        seen.check()


def test_a_set_that_goes_while_it_is_read_lends_no_texts_to_another(store: FeatureStore, monkeypatch):
    """Its texts were read and its features not: they are new, and not rows of the next set."""
    publish(store, "one", ["a", "b"], 100.0)
    publish(store, "two", ["c", "d"], 200.0)
    read = FeatureSet.features

    def gone(self: FeatureSet, split: str) -> np.ndarray:
        if self.corpus == "one":
            raise StoreError("gone")
        return read(self, split)

    monkeypatch.setattr(FeatureSet, "features", gone)
    told: list[StoreError] = []
    seen = find_seen(store, BACKBONE, OBSERVED, {"a", "c"}, told.append)
    assert (seen.unseen(["a", "c"]), len(told)) == (["a"], 1)
    assert seen.complete(["a", "c"], np.zeros((1, 3), dtype=np.float32))[:, 0].tolist() == [0, 200]
