"""Numbers under stress: corpora that no paper has. What comes out is right, or the request is refused."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fractalctl.errors import FractalError
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.heads.head import Head
from fractalctl.measures.protocols import Protocol
from fractalctl.statistics import paired
from fractalctl.statistics.comparisons import compare
from fractalctl.statistics.observations import Observation
from fractalctl.statistics.paired import sign_flip
from store import Contents, FeatureSet, FeatureStore, Recipe
from store.errors import StoreError
from tests.faults.conftest import SETTINGS
from tests.feature_sets import Rows


@dataclass
class Shape:
    """A corpus: the finest class of every row, and classes per level from the coarsest."""

    train: np.ndarray
    test: np.ndarray
    classes: tuple[int, ...]
    dimension: int = 16
    spread: float = 0.1


def made(shape: Shape, folder: Path) -> FeatureSet:
    """Clusters, one for each finest class; its parents are classes of equal size."""
    random, finest = np.random.default_rng(0), shape.classes[-1]
    centres = random.normal(size=(finest, shape.dimension)) * (shape.spread > 0)
    parents = [
        np.arange(below) * above // below
        for above, below in zip(shape.classes, shape.classes[1:], strict=False)
    ]
    features, splits = {}, {}
    for split, own in (("train", shape.train), ("test", shape.test)):
        noise = shape.spread * random.normal(size=(len(own), shape.dimension))
        features[split] = (centres[own] + noise + 1).astype(np.float32)
        levels = [own]
        for parent in reversed(parents):
            levels.insert(0, parent[levels[0]])
        labels, numbers = np.stack(levels, axis=1).astype(np.int32), range(len(own))
        splits[split] = Rows([f"{split} {n}" for n in numbers], labels, [f"{split}-{n}" for n in numbers])
    names = tuple(tuple(f"{level}-{n}" for n in range(size)) for level, size in enumerate(shape.classes))
    recipe = Recipe("stress", {"made": 0}, "gaussian", {"dimension": shape.dimension}, ("train", "test"))
    with FeatureStore(folder).writer(recipe) as writer:
        draft = writer.draft(Contents(splits, names, parents), dimension=shape.dimension)
        for block in draft.missing_blocks():
            draft.write_block(block, features[block.split][block.rows])
        return draft.publish()


def rows(classes: int, each: int) -> np.ndarray:
    return np.repeat(np.arange(classes), each)


SHAPES = {
    "classes of one row": Shape(rows(40, 1), rows(40, 1), (4, 40)),
    "10,000 classes": Shape(rows(10_000, 1), rows(500, 1), (10, 10_000)),
    "six levels": Shape(rows(64, 4), rows(64, 2), (2, 4, 8, 16, 32, 64)),
    "2,048 dimensions": Shape(rows(8, 10), rows(8, 5), (2, 8), dimension=2048),
    "five rows": Shape(np.arange(5) % 4, np.arange(5) % 4, (2, 4)),
    "one class has almost all rows": Shape(np.r_[np.zeros(500, int), 1, 2, 3], np.arange(40) % 4, (2, 4)),
}
CASES = [(what, strategy) for what in SHAPES for strategy in ("v5", "zoom", "lda", "pca")
         if (what, strategy) != ("2,048 dimensions", "zoom")]  # fmt: skip


def fitted(features: FeatureSet, folder: Path, strategy: str) -> list[Head]:
    closed = {"dims": (4, 8, 12, 16)} if strategy in ("lda", "pca") else {}
    arms = build_arms([strategy], features.n_levels, None, closed or SETTINGS)
    return list(train_heads(features, arms, folder / "runs", [42], device="cpu").heads)


@pytest.mark.parametrize(("what", "strategy"), CASES)
def test_a_corpus_of_an_odd_shape_is_answered_rightly_or_refused(tmp_path, what, strategy):
    """Clusters lie apart, so an answer from the whole vector is right wherever its class was seen."""
    features = made(SHAPES[what], tmp_path / "store")
    try:
        heads = fitted(features, tmp_path, strategy)
        found = evaluate_heads(
            heads, Protocol("index", k=1), FeatureStore(tmp_path / "store"), metrics=["none"]
        )
    except (FractalError, StoreError) as error:
        assert strategy in ("v5", "zoom")
        assert "held out for validation" in str(error)
        return
    document = found.documents[0]
    assert all(np.isfinite(value) for table in document.accuracy.values() for value in table.values())
    if strategy in ("pca", "zoom") and what != "five rows":
        assert document.profile.baseline[f"L{features.n_levels - 1}"] == 1
    assert -2 <= document.steerability.s <= 2


def test_equal_features_are_chance_and_no_error(tmp_path):
    features = made(Shape(rows(4, 10), rows(4, 5), (2, 4), spread=0), tmp_path / "store")
    heads = fitted(features, tmp_path, "v5")
    (document,) = evaluate_heads(heads, Protocol("index"), FeatureStore(tmp_path / "store")).documents
    assert document.accuracy["16"] == {"L0": 0.5, "L1": 0.25}, "ties go to the smallest class"
    assert document.steerability.s == 0


@pytest.mark.parametrize("protocol", [Protocol("index", k=41), Protocol("loo", k=40)])
def test_more_neighbours_than_rows_are_refused(tmp_path, protocol):
    features = made(SHAPES["classes of one row"], tmp_path / "store")
    heads = fitted(features, tmp_path, "pca")
    with pytest.raises(FractalError, match=rf"k.*{protocol.k}|{protocol.k}.*neighbours"):
        evaluate_heads(heads, protocol, FeatureStore(tmp_path / "store"))


def test_patterns_of_many_seeds_are_drawn_a_part_at_a_time(monkeypatch):
    """The same patterns whatever the part, and far less memory than all of them take (400 MB here)."""
    import tracemalloc

    gaps = np.random.default_rng(1).normal(0.02, 1, 5000)
    monkeypatch.setattr(paired, "RESAMPLES", 10_000)
    tracemalloc.start()
    found = sign_flip(gaps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**27
    few = gaps[:40]
    whole = sign_flip(few)
    monkeypatch.setattr(paired, "AT_ONCE", 77)
    assert sign_flip(few) == whole
    assert 0 < found.p <= 1


@pytest.mark.slow
def test_ten_thousand_classes_are_trained(tmp_path):
    features = made(Shape(rows(10_000, 2), rows(500, 1), (10, 10_000)), tmp_path / "store")
    heads = fitted(features, tmp_path, "v5")
    (document,) = evaluate_heads(heads, Protocol("index", k=1), FeatureStore(tmp_path / "store")).documents
    assert document.accuracy["16"]["L1"] > 0.9


@pytest.mark.slow
def test_ten_thousand_corpora_are_compared_one_by_one():
    values = np.random.default_rng(2).normal(size=(10_000, 2, 3))
    table = [
        Observation(f"c{corpus}", arm, seed, {"S": float(values[corpus, place, seed])})
        for corpus in range(len(values))
        for place, arm in enumerate(("v5", "mrl"))
        for seed in range(3)
    ]
    found = compare(table, correction="holm")
    gaps = (values[:, 0] - values[:, 1]).mean(axis=1)
    assert [row.difference for row in found] == pytest.approx(gaps.tolist())
    assert {row.family_size for row in found} == {10_000}
