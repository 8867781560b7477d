"""A small corpus with an encoder that is arithmetic, also run as a program so that tests can kill it.

``python -m tests.store.example FOLDER SECONDS`` writes the example set into a store, sleeping so long per
block, and tells what happened.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from store import Block, Contents, FeatureSet, FeatureStore, Parts, Recipe

DIMENSION = 6
BLOCK_ROWS = 8
SPLITS = {"train": 27, "test": 10}
PARENTS = np.array([0, 0, 1, 1, 1, 2], dtype=np.int32)
CLASS_NAMES = (("animal", "pflanze ü", "stone"), ("cat", "dog", "fern", "moss", "oak", "marble"))


def recipe(**changes) -> Recipe:
    fields = {
        "corpus": "nature",
        "corpus_identity": {"source": "here", "options": {"max_train": 27, "seed": 42}},
        "backbone": "sum",
        "backbone_identity": {"pooling": "mean", "dtype": "float32"},
    }
    return Recipe(**{**fields, **changes})


def contents(**changes) -> Contents:
    return Contents(**{"splits": splits(), "class_names": CLASS_NAMES, "parents": [PARENTS], **changes})


def splits() -> dict[str, SimpleNamespace]:
    generator = np.random.default_rng(42)
    made = {}
    for split, n_rows in SPLITS.items():
        fine = generator.integers(0, len(PARENTS), n_rows)
        made[split] = SimpleNamespace(
            texts=[f"{split} text {row} ü\0" * (row % 4) for row in range(n_rows)],
            labels=np.stack([PARENTS[fine], fine], axis=1).astype(np.int32),
            ids=[f"{split}-{row}" for row in range(n_rows)],
        )
    return made


def encode(block: Block) -> np.ndarray:
    rows = np.arange(block.start, block.stop)[:, None]
    return np.sin(rows * 7 + np.arange(DIMENSION) + len(block.split)).astype(np.float32)


def encode_into(parts: Parts, block: Block) -> None:
    """What a worker process does."""
    parts.write_block(block, encode(block))


def make(
    folder: Path,
    made: Callable[[Block], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
    **changes,
) -> FeatureSet:
    """Write the example set, telling of each block that is encoded."""
    store, wanted = FeatureStore(folder), recipe(**changes)
    if (found := store.find(wanted)) is not None:
        return found
    with store.writer(wanted, note=note) as writer:
        if writer.finished is not None:
            return writer.finished
        draft = writer.draft(contents(), DIMENSION, {"weights": "abc"}, block_rows=BLOCK_ROWS)
        for block in draft.missing_blocks():
            made(block)
            draft.write_block(block, encode(block))
        return draft.publish()


def main() -> None:
    folder, pause = Path(sys.argv[1]), float(sys.argv[2])

    def say(message: str) -> None:
        sys.stdout.write(f"{message}\n")
        sys.stdout.flush()

    def made(block: Block) -> None:
        say(f"block {block.split} {block.start}")
        time.sleep(pause)

    say(f"done {make(folder, made, lambda message: say(f'note {message}')).path}")


if __name__ == "__main__":
    main()
