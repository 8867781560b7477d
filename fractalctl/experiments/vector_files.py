"""A file of texts through a head into a file of vectors, with what each length costs and keeps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fractalctl.corpora.recorded import level_names, unnamed
from fractalctl.corpora.texts import TextFile
from fractalctl.documents import read_document, write_document
from fractalctl.documents.base import check_output
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.vectors import StoredLength, VectorsDocument
from fractalctl.errors import RequestError
from fractalctl.experiments.addresses import features_of
from fractalctl.experiments.embedding import Embedder, checked_lengths
from fractalctl.experiments.policy import Note, unheard
from fractalctl.experiments.text_blocks import TextBlocks
from fractalctl.export.measured import evaluation_of
from fractalctl.export.precision import FLOAT_BYTES, Precision
from fractalctl.export.quantisation import Vectors, quantised, ranges_of
from fractalctl.export.vectors import Rows, files_of, write_vectors
from fractalctl.heads.head import Head
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureStore
from store.recipe import identity_of


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
    """What `write_text_vectors` came to.

    Attributes:
        paths: the vectors, then what describes them.
        document: the same description.
    """

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
        progress: shows how many texts are embedded.
        note: told what was there already.
        argv: makes the files again.

    Raises:
        RequestError: texts, lengths, ranges or the output's name are not what was expected.
    """
    request = request or VectorRequest()
    lengths = checked_lengths(head, request.lengths or head.dims)
    files, ranges = files_of(output, lengths), _given_ranges(head, request, lengths)
    folder = output.with_name(f"{output.name}.parts")
    _check_places(output, files.values(), folder)
    n_texts, digest = texts.examine()
    blocks = TextBlocks(head, lengths, request.normalise, texts, folder)
    blocks.embed(n_texts, load, progress, note)
    if request.precision is Precision.INT8 and not ranges:
        ranges = {length: ranges_of(found[length] for _, found in blocks.read()) for length in lengths}

    def rows() -> Iterator[Rows]:
        for own, found in blocks.read():
            kept = {d: quantised(part, request.precision, ranges.get(d)) for d, part in found.items()}
            yield Rows(own, kept)

    paths = write_vectors(output, lengths, n_texts, rows(), request.precision)
    evaluation = evaluation_of(head)
    document = VectorsDocument(
        corpus=head.corpus,
        backbone=head.backbone,
        strategy=head.strategy,
        arm=head.arm,
        seed=head.seed,
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
    blocks.remove()
    return WrittenVectors((*paths, described), document)


def _check_places(output: Path, files: Iterable[Path], parts: Path) -> None:
    """See that nothing is replaced but earlier vectors, or what a call left that was stopped.

    Raises:
        RequestError: something else is there.
    """
    described = output.with_suffix(".json")
    check_output(described, VectorsDocument)
    if not described.exists() and not parts.exists():
        for path in files:
            check_output(path, VectorsDocument)


def levels_of(head: Head, store: Path | None = None) -> tuple[str, ...]:
    """What the corpus of a head calls its levels, coarsest first; L0, L1 ... where its set is not at hand."""
    try:
        return level_names(features_of(head, FeatureStore(store)))
    except RequestError:
        return unnamed(len(head.document.classes))


def _given_ranges(head: Head, request: VectorRequest, lengths: Sequence[int]) -> dict[int, Vectors]:
    """Ranges of int8 that earlier vectors had.

    Raises:
        RequestError: they are not for int8, of other vectors, or not of all lengths.
    """
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
    head: Head,
    request: VectorRequest,
    lengths: Sequence[int],
    ranges: Mapping[int, Vectors],
    digest: str,
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
