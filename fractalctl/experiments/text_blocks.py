"""Embedded texts, a block of them to a file, so that an interrupted call can go on."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from fractalctl.corpora.texts import NamedText, TextFile
from fractalctl.experiments.embedding import Embedder
from fractalctl.experiments.policy import Note
from fractalctl.export.quantisation import Vectors, unit
from fractalctl.heads.head import Head
from fractalctl.progress import Progress
from store.errors import StoreError
from store.parts import BLOCK_ROWS, Block, Parts
from store.recipe import identity_of

ByLength = dict[int, Vectors]
SPLIT = "texts"


@dataclass(frozen=True)
class TextBlocks:
    """The texts of a file as vectors of some lengths, in files of a folder that is there until it is removed.

    A block's file is known by the head, the lengths, and the block's own texts: a file of changed texts keeps
    what has not changed.

    Attributes:
        head: maps features to embeddings.
        lengths: ascending numbers of dimensions.
        normalise: whether each vector is brought to length 1 once it is cut.
        texts: of the file.
        folder: of the blocks.
    """

    head: Head
    lengths: Sequence[int]
    normalise: bool
    texts: TextFile
    folder: Path

    def embed(self, n_texts: int, load: Callable[[], Embedder], progress: Progress, note: Note) -> None:
        """Embed what is missing, and keep each block as soon as it is finished.

        Args:
            n_texts: number of texts in the file.
            load: gives the head's embedder; called once a block is missing.
            progress: shows how many texts are embedded.
            note: told how many blocks were there.
        """
        missing = [start for start, own in self._groups() if self._kept(start, own) is None]
        n_blocks = -(-n_texts // BLOCK_ROWS)
        if len(missing) < n_blocks:
            note(f"{n_blocks - len(missing)} of {n_blocks} blocks were embedded before; going on from there")
        if not missing:
            return
        embedder, wanted = load(), set(missing)
        n_rows = sum(min(BLOCK_ROWS, n_texts - start) for start in missing)
        with progress(f"embedding with {self.head.arm}", n_rows) as advance:
            for start, own in self._groups():
                if start in wanted:
                    found = embedder.prefixes([one.text for one in own], advance)
                    cut = [found.at(length) for length in self.lengths]
                    whole = np.hstack([unit(part) if self.normalise else part for part in cut])
                    self._parts(own).write_block(self._block(start, own), whole)

    def read(self) -> Iterator[tuple[Sequence[NamedText], ByLength]]:
        """Yield the texts of every block and their vectors.

        Raises:
            StoreError: the file of a block was removed or changed meanwhile.
        """
        ends = np.cumsum([0, *self.lengths]).tolist()
        for start, own in self._groups():
            whole = self._parts(own).read_block(self._block(start, own))
            parts = [whole[:, slice(*columns)] for columns in pairwise(ends)]
            yield own, dict(zip(self.lengths, parts, strict=True))

    def remove(self) -> None:
        """Remove the files of all blocks."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _groups(self) -> Iterator[tuple[int, list[NamedText]]]:
        """Number of the first text of each block, and the texts."""
        stream, start = iter(self.texts), 0
        while own := list(islice(stream, BLOCK_ROWS)):
            yield start, own
            start += len(own)

    def _kept(self, start: int, own: Sequence[NamedText]) -> Vectors | None:
        try:
            return self._parts(own).read_block(self._block(start, own))
        except StoreError:
            return None

    def _block(self, start: int, own: Sequence[NamedText]) -> Block:
        return Block(SPLIT, start, start + len(own))

    def _parts(self, own: Sequence[NamedText]) -> Parts:
        digest = hashlib.sha256("\0".join(one.text for one in own).encode()).hexdigest()
        fixed = {
            "head": self.head.identity,
            "lengths": list(self.lengths),
            "normalise": self.normalise,
            "texts": digest,
        }
        return Parts(self.folder, identity_of(fixed), sum(self.lengths), ())
