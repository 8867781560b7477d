"""A file of texts through a head into a file of vectors, with what each length costs and keeps.

Embedded texts are kept a block of them to a file, so that an interrupted call can go on.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from fractalctl.backbones.services.backbone import Agree, announce, unasked
from fractalctl.corpora.columns import NamedText, TextFile
from fractalctl.corpora.recorded import level_names, unnamed
from fractalctl.documents import check_output, read_document, write_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.exported import StoredLength, VectorsDocument
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.addresses import features_of
from fractalctl.experiments.embedding import Embedder, checked_lengths, evaluation_of
from fractalctl.experiments.policy import Note, unheard
from fractalctl.export.precision import FLOAT_BYTES, Precision
from fractalctl.export.vectors import Rows, Vectors, files_of, quantised, ranges_of, unit, write_vectors
from fractalctl.heads.head import Head
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureStore
from store.contents import BLOCK_ROWS, Block, Parts
from store.errors import StoreError
from store.files import unfinished
from store.recipe import identity_of

ByLength = dict[int, Vectors]
SPLIT = "texts"


@dataclass(frozen=True)
class VectorRequest:
    """What is wanted of the vectors.

    Attributes:
        lengths: ascending numbers of dimensions; None takes the head's own.
        precision: of the numbers.
        normalise: bring every vector to length 1 once it is cut.
        ranges: document of earlier vectors whose int8 ranges these shall have; None takes those of the texts.
    """

    lengths: tuple[int, ...] | None = None
    precision: Precision = Precision.FLOAT32
    normalise: bool = True
    ranges: Path | None = None


@dataclass(frozen=True)
class WrittenVectors:
    """What `write_text_vectors` returns."""

    paths: tuple[Path, ...]
    document: VectorsDocument


def write_text_vectors(
    head: Head,
    texts: TextFile,
    output: Path,
    load: Callable[[], Embedder],
    request: VectorRequest | None = None,
    *,
    store: Path | None = None,
    progress: Progress = silent,
    note: Note = unheard,
    agree: Agree = unasked,
    argv: list[str] | None = None,
) -> WrittenVectors:
    """Embed a file of texts; interrupted, the same call goes on at the first block that is missing.

    Args:
        head: maps features to embeddings.
        texts: read as often as need be, a block at a time; every row is checked before the first is embedded.
        output: ``.npy`` or ``.parquet``; what describes it is written beside it, as ``.json``.
        load: gives the head's embedder; called once there is a block to embed.
        request: lengths, precision and scale.
        store: where the head's feature set is looked for; names of levels come from there.
        agree: is told what a service will be asked for before it is; raises whatever shall stop it.

    Raises RequestError: texts, lengths, ranges or the output's name are not what was expected.
    """
    request = request or VectorRequest()
    lengths = checked_lengths(head, request.lengths or head.dims)
    files, ranges = files_of(output, lengths), _given_ranges(head, request, lengths)
    folder = output.with_name(f"{output.name}.parts")
    _check_places(output, files.values(), folder)
    earlier = _earlier(output)
    n_texts, digest = texts.examine()
    blocks = TextBlocks(head, lengths, request.normalise, texts, folder)
    with unfinished(folder):
        blocks.embed(n_texts, load, progress, note, agree)
        if request.precision is Precision.INT8 and not ranges:
            ranges = {length: ranges_of(found[length] for _, found in blocks.read()) for length in lengths}

        def rows() -> Iterator[Rows]:
            for own, found in blocks.read():
                kept = {d: quantised(part, request.precision, ranges.get(d)) for d, part in found.items()}
                yield Rows(own, kept)

        paths = write_vectors(output, lengths, n_texts, rows(), request.precision)
        evaluation = evaluation_of(head)
        document = VectorsDocument(
            **{name: getattr(head, name) for name in ("corpus", "backbone", "strategy", "arm", "seed")},
            head_identity=head.identity,
            backbone_dimension=head.document.input_dimension,
            levels=list(levels_of(head, store)),
            source=texts.called or str(texts.path),
            n_texts=n_texts,
            dtype=str(request.precision),
            normalised=request.normalise,
            lengths=_lengths(head, evaluation, request.precision, files, ranges),
            protocol=evaluation.protocol if evaluation else None,
            baseline=evaluation.profile.baseline if evaluation else None,
            identity=_identity(head, request, lengths, ranges, digest),
            versions=versions(),
            argv=argv,
        )
        described = output.with_suffix(".json")
        write_document(described, document)
        if earlier and earlier.head_identity != head.identity:
            note(f"{output}: vectors of the head {earlier.arm} (seed {earlier.seed}) have given way")
        return WrittenVectors((*paths, described), document)


def _check_places(output: Path, files: Iterable[Path], parts: Path) -> None:
    """See that nothing is replaced but earlier vectors, or what a stopped call left; else RequestError."""
    described = output.with_suffix(".json")
    check_output(described, VectorsDocument)
    if not described.exists() and not parts.exists():
        for path in files:
            check_output(path, VectorsDocument)


def _earlier(output: Path) -> VectorsDocument | None:
    """What describes the vectors that are there; None where nothing does, or it cannot be read."""
    described = output.with_suffix(".json")
    with suppress(FractalError):
        return read_document(described, VectorsDocument) if described.exists() else None
    return None


def levels_of(head: Head, store: Path | None = None) -> tuple[str, ...]:
    """What the corpus of a head calls its levels, coarsest first; L0, L1 ... where its set is not at hand."""
    try:
        return level_names(features_of(head, FeatureStore(store)))
    except RequestError:
        return unnamed(len(head.document.classes))


def _given_ranges(head: Head, request: VectorRequest, lengths: Sequence[int]) -> dict[int, Vectors]:
    """Earlier vectors' int8 ranges; RequestError if not of such vectors, or not of all lengths."""
    if request.ranges is None:
        return {}
    if request.precision is not Precision.INT8:
        raise RequestError(f"--ranges is for --dtype int8, not {request.precision}")
    kept = read_document(request.ranges, VectorsDocument)
    if kept.head_identity != head.identity:
        raise RequestError(f"{request.ranges}: its ranges are of vectors of another head")
    if kept.normalised is not request.normalise:
        scale = "normalised" if kept.normalised else "not normalised"
        raise RequestError(f"{request.ranges}: its ranges are of vectors that were {scale}")
    there = {int(length): one.ranges for length, one in kept.lengths.items() if one.ranges}
    if missing := [length for length in lengths if length not in there]:
        raise RequestError(f"{request.ranges}: has no int8 ranges for {missing[0]} dimensions")
    return {length: np.array(there[length], dtype=np.float32) for length in lengths}


def _lengths(
    head: Head,
    evaluation: Evaluation | None,
    precision: Precision,
    files: Mapping[int, Path],
    ranges: Mapping[int, Vectors],
) -> dict[str, StoredLength]:
    accuracy = evaluation.accuracy if evaluation else {}
    whole = FLOAT_BYTES * head.document.input_dimension
    return {
        str(length): StoredLength(
            file=path.name,
            bytes=precision.n_bytes(length),
            ratio=precision.n_bytes(length) / whole,
            accuracy=accuracy.get(str(length)),
            ranges=_listed(ranges[length]) if length in ranges else None,
        )
        for length, path in files.items()
    }


def _listed(ranges: Vectors) -> tuple[list[float], list[float]]:
    low, high = ranges.tolist()
    return low, high


def _identity(
    head: Head, request: VectorRequest, lengths: Sequence[int], ranges: Mapping[int, Vectors], digest: str
) -> str:
    """SHA-256 (hex) of all that determines the vectors."""
    fixed = {
        "head": head.identity,
        "texts": digest,
        "lengths": list(lengths),
        "dtype": str(request.precision),
        "normalised": request.normalise,
        "ranges": {str(length): found.tolist() for length, found in ranges.items()},
    }
    return identity_of(fixed)


@dataclass(frozen=True)
class TextBlocks:
    """The texts of a file as vectors of some lengths, in files of a folder that goes when all is finished.

    A block's file is known by the head, the lengths, and the block's own texts: a file of changed texts keeps
    what has not changed.

    Attributes:
        lengths: ascending numbers of dimensions.
        normalise: whether each vector is brought to length 1 once it is cut.
    """

    head: Head
    lengths: Sequence[int]
    normalise: bool
    texts: TextFile
    folder: Path

    def embed(
        self, n_texts: int, load: Callable[[], Embedder], progress: Progress, note: Note, agree: Agree
    ) -> None:
        """Embed what is missing, and keep each block as soon as it is finished.

        Args:
            n_texts: number of texts in the file.
            load: gives the head's embedder; called once a block is missing.
        """
        missing = [start for start, own in self._groups() if self._kept(start, own) is None]
        n_blocks = -(-n_texts // BLOCK_ROWS)
        if len(missing) < n_blocks:
            note(f"{n_blocks - len(missing)} of {n_blocks} blocks were embedded before; going on from there")
        if not missing:
            return
        embedder, wanted = load(), set(missing)
        fresh = (one.text for start, own in self._groups() if start in wanted for one in own)
        announce(embedder.backbone, fresh, agree, note)
        n_rows = sum(min(BLOCK_ROWS, n_texts - start) for start in missing)
        with progress(f"embedding with {self.head.arm}", n_rows) as advance:
            for start, own in self._groups():
                if start in wanted:
                    found = embedder.prefixes([one.text for one in own], advance)
                    cut = [found.at(length) for length in self.lengths]
                    whole = np.hstack([unit(part) if self.normalise else part for part in cut])
                    self._parts(own).write_block(self._block(start, own), whole)

    def read(self) -> Iterator[tuple[Sequence[NamedText], ByLength]]:
        """Yield every block's texts and vectors; StoreError if its file was removed or changed meanwhile."""
        ends = np.cumsum([0, *self.lengths]).tolist()
        for start, own in self._groups():
            whole = self._parts(own).read_block(self._block(start, own))
            parts = [whole[:, slice(*columns)] for columns in pairwise(ends)]
            yield own, dict(zip(self.lengths, parts, strict=True))

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
