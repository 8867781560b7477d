"""Feature sets of any size: real features repeated, each copy with its own noise."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from store import Contents, FeatureSet, FeatureStore, Recipe

NOISE = 0.02
QUERIES = 2_000


@dataclass
class Rows:
    texts: list[str]
    labels: np.ndarray
    ids: list[str]


def tile(features: FeatureSet, n_rows: int, folder: Path) -> Path:
    """Write a feature set with so many training rows, and 2,000 test rows as they are."""
    source = np.arange(n_rows) % features.n_rows("train")
    splits = {
        "train": Rows([""] * n_rows, features.labels("train")[source], [str(row) for row in range(n_rows)]),
        "test": Rows([""] * QUERIES, features.labels("test"), [str(row) for row in range(QUERIES)]),
    }
    dimension = features.dimension
    recipe = Recipe(f"tiled-{n_rows}", {"rows": n_rows}, "minilm", {"dimension": dimension}, tuple(splits))
    with FeatureStore(folder).writer(recipe) as writer:
        draft = writer.draft(Contents(splits, features.class_names, features.parents), dimension=dimension)
        for number, block in enumerate(draft.missing_blocks()):
            if block.split == "test":
                draft.write_block(block, features.features("test")[block.rows])
                continue
            rows = features.features("train")[source[block.rows]]
            noise = np.random.default_rng([42, number]).standard_normal(rows.shape, dtype=np.float32)
            draft.write_block(block, rows + np.float32(NOISE) * noise)
        return draft.publish().path
