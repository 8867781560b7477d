"""Writing one feature set: the writer holds its lock, the draft its blocks until they are published."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from store.contents import BLOCK_ROWS, Block, Contents, Parts
from store.errors import StoreRequestError
from store.features import FeatureSet
from store.files import write_aside
from store.layout import seal, write_layout
from store.recipe import Recipe, identity_of


@dataclass(frozen=True)
class Writer:
    """The right to write one feature set, for as long as `FeatureStore.writer` lasts.

    It is ``finished`` when another process has made it while this one waited; nothing is to be done then.
    """

    recipe: Recipe
    path: Path
    finished: FeatureSet | None = None

    def draft(
        self,
        contents: Contents,
        dimension: int,
        observed: Mapping[str, Any] | None = None,
        block_rows: int = BLOCK_ROWS,
        remarks: Mapping[str, Any] | None = None,
    ) -> "Draft":
        """Begin the set, or go on where a killed process stopped.

        Args:
            contents: texts, labels, ids, classes and parents.
            dimension: numbers per feature, h.
            observed: what was seen loading corpus and backbone (weight hash, corpus fingerprint,
                versions), for the record. Blocks made under other observations are made again, since one
                set never mixes two encoders; so nothing that changes from call to call belongs here.
            block_rows: rows per block.
            remarks: more for the record, which may change from call to call and decides nothing.

        Raises:
            StoreRequestError: the contents have a split that the recipe does not name.
        """
        foreign = sorted(set(contents.splits) - set(self.recipe.splits))
        if foreign:
            raise StoreRequestError(
                f"split {foreign[0]!r} is none of those that the recipe of {self.path} names: "
                f"{', '.join(self.recipe.splits)}"
            )
        n_rows = {split: len(contents.splits[split].texts) for split in self.recipe.splits
                  if split in contents.splits}  # fmt: skip
        libraries = {"h5py": h5py.version.version, "hdf5": h5py.version.hdf5_version}
        recipe = replace(self.recipe, observed={**(observed or {}), "rows": n_rows, "store": libraries})
        decisive = [recipe.document(), contents.fingerprint(), dimension, block_rows]
        recipe = replace(recipe, observed={**recipe.observed, **(remarks or {})})
        stamp = identity_of(decisive)
        parts = Parts(parts_folder(self.path), stamp, dimension, tuple(n_rows.items()), block_rows)
        return Draft(self.path, recipe, contents, parts)


@dataclass(frozen=True)
class Draft:
    """A feature set in the making: its path, its recipe with what was observed, all but the features.

    ``parts`` are its blocks; these, not the draft, are what worker processes need.
    """

    path: Path
    recipe: Recipe
    contents: Contents
    parts: Parts

    def missing_blocks(self) -> list[Block]:
        """The blocks that are still to be encoded; `Parts.missing_blocks`."""
        return self.parts.missing_blocks()

    def write_block(self, block: Block, features: NDArray[Any]) -> None:
        """Store the features of one block, shape (len(block), dimension); `Parts.write_block`."""
        self.parts.write_block(block, features)

    def publish(self) -> FeatureSet:
        """Join the blocks into the feature set, check it, seal it, rename it into place and drop the blocks.

        Killed at any moment, this leaves either the blocks or the finished set. StoreError where a block is
        missing, or the disk gives back something else than was written.
        """
        with write_aside(self.path, folder=self.parts.folder) as temporary:
            write_layout(temporary, self.recipe, self.contents, self.parts)
            seal(temporary)
        shutil.rmtree(self.parts.folder, ignore_errors=True)
        return FeatureSet(self.path)


def parts_folder(path: Path) -> Path:
    """Where the blocks of a feature set lie until it is published."""
    return path.with_name(f"{path.name}.parts")
