"""The reader of one feature set."""

import json
import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from store.checked import check, stamp
from store.errors import REMEDY, StoreError, StoreRequestError
from store.layout import check_encoding, opened, require, text_attribute
from store.recipe import Recipe

RESIDENT_BYTES = 2**29  # memory that a mapped file may hold before `release` lets it go


class FeatureSet:
    """All features and labels of one corpus under one backbone recipe: a read-only view of one file.

    Opening it reads the recipe and the shapes; everything else is read when it is asked for, and features are
    never loaded but mapped. Before the first of it the file is checked, see `store.checked`. The file is not
    kept open, so a feature set can be sent to other processes.

    Args:
        path: an ``.h5`` file of a feature store.

    Attributes:
        path: the file.
        corpus: name of the corpus.
        backbone: name of the backbone.
        identity: identity of the recipe (hex SHA-256).
        recipe: the whole recipe as a JSON object, what was observed included.
        splits: names of the splits.
        dimension: numbers per feature, h.
        n_bytes: size of the file.
        written: when it was written, in nanoseconds since 1970.

    Raises:
        StoreRequestError: there is no such file.
        StoreError: it is cut short, damaged, no feature set, or of another encoding-version.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with opened(self.path) as file:
            check_encoding(file, self.path)
            self.identity = text_attribute(file, "identity")
            self.recipe: dict[str, Any] = json.loads(text_attribute(file, "recipe"))
            self.splits: tuple[str, ...] = tuple(split for split in self.recipe["splits"] if split in file)
            self._shapes: dict[str, tuple[int, int]] = {
                split: file[split]["features"].shape for split in self.splits
            }
            recipe = self._recipe()
            status = self.path.stat()
        if recipe.identity() != self.identity or not self.splits:
            raise StoreError(f"{self.path}: its recipe is damaged; {REMEDY}")
        self.corpus, self.backbone = recipe.corpus, recipe.backbone
        self.dimension = int(self._shapes[self.splits[0]][1])
        self.n_bytes, self.written = status.st_size, status.st_mtime_ns
        self._stamp, self._checked = stamp(status), False

    def _recipe(self) -> Recipe:
        try:
            return Recipe.from_document(self.recipe)
        except StoreRequestError as error:
            raise StoreError(f"{self.path}: its recipe is damaged ({error}); {REMEDY}") from error

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to other processes, whose working directory may be another one."""
        return {**self.__dict__, "path": self.path.absolute()}

    def __repr__(self) -> str:
        rows = ", ".join(f"{split} {self.n_rows(split)}" for split in self.splits)
        return f"FeatureSet({str(self.path)!r}: {rows} rows of {self.dimension})"

    @property
    def name(self) -> str:
        """The name of its file in the folder of its corpus: the backbone's, and where that was taken more."""
        return self.path.stem

    @cached_property
    def class_names(self) -> tuple[tuple[str, ...], ...]:
        """Class names of each level, coarsest level first; position is class id."""
        with self._reading() as file:
            levels = file["levels"]
            return tuple(tuple(_decoded(levels[str(level)]["names"])) for level in range(len(levels)))

    @cached_property
    def parents(self) -> tuple[NDArray[np.int32], ...]:
        """D - 1 arrays; ``parents[l][c]`` is the class at level ``l`` of class ``c`` of level ``l + 1``."""
        with self._reading() as file:
            levels = file["levels"]
            return tuple(levels[str(level)]["parents"][:] for level in range(1, len(levels)))

    @property
    def n_levels(self) -> int:
        """Number of levels, D."""
        return len(self.class_names)

    def n_rows(self, split: str) -> int:
        """Number of rows of a split."""
        return int(self._shape(split)[0])

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split as the backbone gave them, not normalised.

        Returns:
            Shape (n, h), float32, a read-only memory map of the file: rows are read as they are used.
        """
        shape = self._shape(split)
        with self._reading() as file:
            offset = file[split]["features"].id.get_offset()
            return np.memmap(self.path, dtype="<f4", mode="r", offset=offset, shape=shape)

    def labels(self, split: str) -> NDArray[np.int32]:
        """Class ids of a split, shape (n, D), int32, coarsest level first."""
        self._shape(split)
        with self._reading() as file:
            labels: NDArray[np.int32] = file[split]["labels"][:]
        return labels

    def ids(self, split: str) -> list[str]:
        """The names by which the rows of a split are known outside."""
        self._shape(split)
        with self._reading() as file:
            return _decoded(file[split]["ids"])

    def texts(self, split: str, rows: Iterable[int] | None = None) -> list[str]:
        """The texts of a split: all of them, or only those of ``rows``, in the order of ``rows``."""
        self._shape(split)
        with self._reading() as file:
            ends = file[split]["text_ends"][:]
            starts = np.concatenate(([0], ends[:-1]))
            texts = file[split]["texts"] if rows is not None else file[split]["texts"][:]
            chosen = range(len(ends)) if rows is None else rows
            return [texts[starts[row] : ends[row]].tobytes().decode() for row in chosen]

    def check(self) -> None:
        """See that the file is whole before it is used for the first time, and still the same one after that.

        To be called again when something was made of what was read: features are mapped, so whoever writes
        into the file changes them. StoreError where it is damaged, was changed meanwhile, or was removed
        before it was used.
        """
        if self._checked and not self.path.exists():
            return  # what is mapped stays, even of a file that was removed
        require(self.path)
        if stamp(self.path.stat()) != self._stamp:
            raise StoreError(
                f"{self.path}: was changed by another program while it was in use; what was made of it is "
                "dropped, so give the command again"
            )
        if not self._checked:
            check(self.path)
            self._checked = True

    @contextmanager
    def _reading(self) -> Iterator[h5py.File]:
        self.check()
        with opened(self.path) as file:
            yield file

    def _shape(self, split: str) -> tuple[int, int]:
        if split not in self._shapes:
            raise StoreRequestError(f"{self.path}: no split {split!r}; it has {', '.join(self.splits)}")
        return self._shapes[split]


def release(features: NDArray[np.float32]) -> None:
    """Let go of the memory that reading a large memory map took, whole as `FeatureSet.features` gave it.

    Reading again brings the rows back. The system would do so itself, but only when memory runs short. Small
    maps and other arrays stay.
    """
    source = getattr(features, "_mmap", None)
    if source is not None and features.nbytes > RESIDENT_BYTES and hasattr(mmap, "MADV_DONTNEED"):
        source.madvise(mmap.MADV_DONTNEED)


def _decoded(strings: h5py.Dataset) -> list[str]:
    return [utf8.decode() for utf8 in strings[:].tolist()]
