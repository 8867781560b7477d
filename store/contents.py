"""What a feature set is made of: blocks of features, and the texts, labels, ids and classes beside them.

Blocks of encoded rows are files of their own until the set is published, which makes writing resumable and
divisible.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from store.errors import StoreError, StoreRequestError
from store.files import write_aside

BLOCK_ROWS = 1024
_DIGEST_BYTES = 32


class Rows(Protocol):
    """One split of a corpus: ``n`` rows in a fixed order."""

    @property
    def texts(self) -> Sequence[str]:
        """The ``n`` texts."""

    @property
    def labels(self) -> NDArray[Any]:
        """Class ids, shape (n, D), coarsest level first."""

    @property
    def ids(self) -> Sequence[str]:
        """The ``n`` names by which rows are known outside."""


@dataclass(frozen=True)
class Contents:
    """Everything of a feature set except the features, checked when it is made, before anything is encoded.

    Args:
        splits: rows of each split, none of them empty.
        class_names: class names of each level, coarsest level first; D >= 2 levels.
        parents: D - 1 arrays; ``parents[l][c]`` is the class at level ``l`` of class ``c`` at ``l + 1``.

    Raises:
        StoreRequestError: lengths, labels or parents disagree; the message names the split and the row.
    """

    splits: Mapping[str, Rows]
    class_names: Sequence[Sequence[str]]
    parents: Sequence[NDArray[Any]]

    def __post_init__(self) -> None:
        self._check_tree()
        if not self.splits:
            raise StoreRequestError("a feature set needs at least one split")
        for split, rows in self.splits.items():
            self._check_split(split, rows)

    def _check_tree(self) -> None:
        n_classes = [len(names) for names in self.class_names]
        if len(n_classes) < 2 or len(self.parents) != len(n_classes) - 1:
            raise StoreRequestError(
                "a feature set needs two levels or more, and one table of parents for each level but the "
                f"coarsest; got {len(n_classes)} levels and {len(self.parents)} tables"
            )
        for level, parents in enumerate(map(np.asarray, self.parents), start=1):
            known = (parents >= 0) & (parents < n_classes[level - 1])
            if parents.shape != (n_classes[level],) or parents.dtype.kind not in "iu" or not known.all():
                raise StoreRequestError(
                    f"level {level} needs one parent among the {n_classes[level - 1]} classes of level "
                    f"{level - 1} for each of its {n_classes[level]} classes"
                )

    def _check_split(self, split: str, rows: Rows) -> None:
        n_rows, n_levels, labels = len(rows.texts), len(self.class_names), np.asarray(rows.labels)
        if n_rows == 0:
            raise StoreRequestError(f"split {split!r} has no rows; leave it out")
        if labels.shape != (n_rows, n_levels) or labels.dtype.kind not in "iu" or len(rows.ids) != n_rows:
            raise StoreRequestError(
                f"split {split!r} has {n_rows} texts, {labels.dtype} labels of shape {labels.shape} and "
                f"{len(rows.ids)} ids; expected ({n_rows}, {n_levels}) integers and {n_rows} ids"
            )
        for level, names in enumerate(self.class_names):
            for row in np.flatnonzero((labels[:, level] < 0) | (labels[:, level] >= len(names))):
                raise StoreRequestError(
                    f"split {split!r}, row {row}: class {labels[row, level]} at level {level}, "
                    f"whose classes are 0 to {len(names) - 1}"
                )
        for level, parents in enumerate(self.parents, start=1):
            for row in np.flatnonzero(np.asarray(parents)[labels[:, level]] != labels[:, level - 1]):
                raise StoreRequestError(
                    f"split {split!r}, row {row}: its class at level {level} does not belong to its "
                    f"class at level {level - 1}"
                )

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Each dataset but the features as (path in the file, values), in the order they are written.

        Strings are arrays too: ids and class names of fixed length, padded with NUL, and texts as the UTF-8
        bytes of all of them with the end of each. HDF5 has strings of variable length, but one flipped byte
        among them can send its library into an endless loop.
        """
        for split, rows in sorted(self.splits.items()):
            yield f"{split}/labels", np.asarray(rows.labels, dtype="<i4")
            yield f"{split}/ids", _fixed_length(f"ids of {split}", rows.ids)
            texts = _encoded(f"texts of {split}", rows.texts)
            yield f"{split}/texts", np.frombuffer(b"".join(texts), dtype="u1")
            yield f"{split}/text_ends", np.cumsum([len(text) for text in texts], dtype="<i8")
        for level, names in enumerate(self.class_names):
            yield f"levels/{level}/names", _fixed_length(f"class names of level {level}", names)
            if level > 0:
                yield f"levels/{level}/parents", np.asarray(self.parents[level - 1], dtype="<i4")

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the names and checksums of all arrays."""
        lines = (f"{checksum(array)}  {name}\n" for name, array in self.arrays())
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def checksum(array: NDArray[Any]) -> str:
    """SHA-256 (hex) of an array's bytes, row by row."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _encoded(what: str, strings: Sequence[str]) -> list[bytes]:
    try:
        return [text.encode() for text in strings]
    except UnicodeEncodeError as error:
        row = list(strings).index(error.object)
        raise StoreRequestError(
            f"{what}, row {row}: {error.object[:40]!r} holds an unpaired surrogate, which is no character; "
            "remove it from the corpus"
        ) from error


def _fixed_length(what: str, strings: Sequence[str]) -> NDArray[np.bytes_]:
    array = np.array(_encoded(what, strings), dtype=np.bytes_)
    for row, text in enumerate(strings):
        if "\0" in text:
            raise StoreRequestError(
                f"{what}, row {row}: {text[:40]!r} holds a NUL; remove it from the corpus"
            )
    return array


@dataclass(frozen=True)
class Block:
    """Rows ``start`` to ``stop`` (exclusive) of a split, encoded and stored together."""

    split: str
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """The block's rows within its split."""
        return slice(self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Parts:
    """The blocks of one draft in their folder; small and picklable, so that worker processes can have it.

    A part is 32 bytes and then the features. The 32 bytes are the SHA-256 of the draft's stamp, the block and
    the features, so a part that is cut short, changed, or made for another draft is simply not a part.

    Args:
        folder: where the parts lie.
        stamp: fingerprint of all that decides the features; parts of another stamp are not accepted.
        dimension: numbers per row.
        n_rows: (split, number of rows) in the order of the file.
        block_rows: rows per block; the last block of a split may be shorter.
    """

    folder: Path
    stamp: str
    dimension: int
    n_rows: tuple[tuple[str, int], ...]
    block_rows: int = BLOCK_ROWS

    def blocks(self, split: str | None = None) -> list[Block]:
        """All blocks, or those of one split, in the order of the file."""
        return [
            Block(name, start, min(start + self.block_rows, n_rows))
            for name, n_rows in self.n_rows
            if split in (None, name)
            for start in range(0, n_rows, self.block_rows)
        ]

    def missing_blocks(self) -> list[Block]:
        """The blocks that are still to be made; every part that is there is read and checked."""
        return [block for block in self.blocks() if self._read(block) is None]

    def write_block(self, block: Block, features: NDArray[Any]) -> None:
        """Store the features of one block, (len(block), dimension), as float32.

        May be called by any process, in any order, more than once. StoreRequestError where the shape is
        another one, StoreError where a value is not finite; the message names split and row.
        """
        if np.shape(features) != (len(block), self.dimension):
            raise StoreRequestError(
                f"rows {block.start} to {block.stop} of split {block.split!r} need features of shape "
                f"({len(block)}, {self.dimension}), got {np.shape(features)}"
            )
        with np.errstate(over="ignore"):  # what is too large for float32 is reported below
            array = np.ascontiguousarray(features, dtype="<f4")
        _check_finite(block, array)
        with write_aside(self._path(block)) as temporary, temporary.open("wb") as stream:
            stream.write(self._digest(block, array))
            stream.write(array.data)

    def read_block(self, block: Block) -> NDArray[np.float32]:
        """The features (len(block), dimension) float32 of a finished block; StoreError where it is not."""
        array = self._read(block)
        if array is None:
            raise StoreError(f"{self._path(block)}: missing or damaged; encode its rows again")
        return array

    def _path(self, block: Block) -> Path:
        return self.folder / f"{block.split}-{block.start:09d}-{block.stop:09d}.part"

    def _read(self, block: Block) -> NDArray[np.float32] | None:
        try:
            content = self._path(block).read_bytes()
        except FileNotFoundError:
            return None
        if len(content) != _DIGEST_BYTES + 4 * len(block) * self.dimension:
            return None
        array = np.frombuffer(content, dtype="<f4", offset=_DIGEST_BYTES).reshape(len(block), self.dimension)
        return array if content[:_DIGEST_BYTES] == self._digest(block, array) else None

    def _digest(self, block: Block, array: NDArray[np.float32]) -> bytes:
        digest = hashlib.sha256(f"{self.stamp} {block.split} {block.start} {block.stop}\n".encode())
        digest.update(array.data)
        return digest.digest()


def _check_finite(block: Block, array: NDArray[np.float32]) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise StoreError(
            f"features of row {block.start + row} of split {block.split!r} are not finite "
            f"({array[row, column]} at dimension {column}): the backbone fails on this text; "
            "try float32, or look at the text"
        )
