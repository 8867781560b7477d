"""Blocks of encoded rows as files of their own: what makes writing resumable and divisible."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.errors import StoreError, StoreRequestError
from store.files import write_aside

BLOCK_ROWS = 1024
_DIGEST_BYTES = 32


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
        """Store the features of one block; may be called by any process, in any order, more than once.

        Args:
            block: one of `blocks`.
            features: shape (len(block), dimension), kept as float32.

        Raises:
            StoreRequestError: the shape is another one.
            StoreError: a value is not finite; the message names split and row.
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
        """The features of a finished block, shape (len(block), dimension), float32.

        Raises:
            StoreError: the part is missing or is not what `write_block` wrote.
        """
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


def part_files(folder: Path) -> Iterator[Path]:
    """The finished parts in a folder, of whatever draft."""
    return folder.glob("*.part")


def _check_finite(block: Block, array: NDArray[np.float32]) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise StoreError(
            f"features of row {block.start + row} of split {block.split!r} are not finite "
            f"({array[row, column]} at dimension {column}): the backbone fails on this text; "
            "try float32, or look at the text"
        )
