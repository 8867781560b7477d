"""Small feature sets for tests, written through the store's own writer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from store import Contents, FeatureSet, FeatureStore, Recipe

NAMES = (
    ("animal", "plant"),
    ("bird", "fish", "herb", "tree"),
    tuple(f"kind-{number}" for number in range(12)),
)
PARENTS = (np.array([0, 0, 1, 1]), np.arange(12) // 3)


@dataclass
class Rows:
    """One split's rows beside the features."""

    texts: list[str]
    labels: np.ndarray
    ids: list[str]


def make_features(
    store: FeatureStore, corpus: str = "garden", depth: int = 2, seed: int = 0, recipe: Recipe | None = None
) -> FeatureSet:
    """Gaussian clusters (400 train, 120 test rows of 24 numbers) under 2 > 12 or 2 > 4 > 12 classes.

    With a recipe, they pass for what it would make.
    """
    random = np.random.default_rng(seed)
    centres = random.normal(size=(12, 24)) + np.repeat(2 * random.normal(size=(2, 24)), 6, axis=0)
    features, splits = {}, {}
    for split, count in (("train", 400), ("test", 120)):
        finest = random.integers(0, 12, count)
        features[split] = (centres[finest] + 1.2 * random.normal(size=(count, 24))).astype(np.float32)
        levels = [finest // 6, finest // 3, finest] if depth == 3 else [finest // 6, finest]
        texts = [f"{split} text {row} about {NAMES[2][kind]}" for row, kind in enumerate(finest)]
        splits[split] = Rows(
            texts, np.stack(levels, axis=1).astype(np.int32), [f"{split}-{row}" for row in range(count)]
        )
    names = NAMES if depth == 3 else (NAMES[0], NAMES[2])
    parents = PARENTS if depth == 3 else (np.arange(12) // 6,)
    if recipe is None:
        identity = {"made": seed, "depth": depth}
        recipe = Recipe(corpus, identity, "gaussian", {"dimension": 24}, ("train", "test"))
    with store.writer(recipe) as writer:
        draft = writer.draft(Contents(splits, names, parents), dimension=24)
        for block in draft.missing_blocks():
            draft.write_block(block, features[block.split][block.rows])
        return draft.publish()


def make_store(folder: Path) -> FeatureStore:
    """A store with one two-level feature set."""
    store = FeatureStore(folder)
    make_features(store)
    return store
