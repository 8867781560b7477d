"""A corpus under a head as a folder of FAISS indexes, one for each length, with thresholds of sureness."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.backbones.services.backbone import Agree, announce, unasked
from fractalctl.corpora.recorded import level_names
from fractalctl.device import choose_device
from fractalctl.documents import read_document, write_document
from fractalctl.documents.exported import Calibration, IndexDocument, Outside
from fractalctl.documents.measured import Features
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.addresses import features_of
from fractalctl.experiments.calibration import calibrate, told_apart
from fractalctl.experiments.embedding import Embedder, checked_lengths
from fractalctl.experiments.policy import Note, unheard
from fractalctl.export.folders import folder_aside
from fractalctl.export.vectors import unit
from fractalctl.heads.head import Head, load_head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.search import Reference
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureSet, FeatureStore
from store.files import write_aside

if TYPE_CHECKING:
    import torch

INDEX_FILE = "index.json"
KINDS = ("flat", "hnsw")
LINKS = 32
"""Of a row in an HNSW graph (FAISS's M)."""
BREADTH = 128
"""Candidates that are kept while an HNSW graph is built and searched, at least."""
ROWS_PER_PASS = 8192


class IndexedReference(Reference):
    """The training rows of a feature set in FAISS indexes, asked like any `Reference`.

    Args:
        device: where queries are embedded; None is the CPU.

    Raises FractalError: an index is missing, or cannot be read.
    """

    def __init__(
        self, folder: Path, head: Head, features: FeatureSet, device: "torch.device | None" = None
    ) -> None:
        self.head, self.features, self._device = head, features, device
        self.labels = features.labels("train")
        self.folder = folder
        self._open: dict[int, Any] = {}

    @cached_property
    def document(self) -> IndexDocument:
        """What the folder says of itself."""
        return read_document(self.folder / INDEX_FILE, IndexDocument)

    def nearest(self, queries: Prefixes, lengths: Sequence[int], k: int) -> np.ndarray:
        """The k nearest rows at lengths that the folder holds, (q, len(lengths), k) int64, nearest first.

        Raises RequestError: k exceeds the rows there are, or a length is not there.
        """
        if not 1 <= k <= len(self.labels):
            raise RequestError(f"k = {k} neighbours were asked for, but there are {len(self.labels)} rows")
        found = []
        for length in lengths:
            index = self._index(length)
            if hasattr(index, "hnsw"):
                index.hnsw.efSearch = max(BREADTH, 2 * k)
            found.append(index.search(unit(queries.at(length)), k)[1])
        return np.stack(found, axis=1)

    def vectors(self, rows: np.ndarray, length: int) -> np.ndarray:
        """Embeddings of rows (q, k) at one length, (q, k, length) float32."""
        flat: np.ndarray = self._index(length).reconstruct_batch(np.ascontiguousarray(rows.reshape(-1)))
        return flat.reshape(*rows.shape, length)

    def _index(self, length: int) -> Any:
        import faiss

        if length not in self._open:
            path = self.folder / f"{length}.faiss"
            if not path.is_file():
                there = ", ".join(str(one) for one in self.lengths)
                raise RequestError(f"{self.folder}: no index of {length} dimensions, only of {there}")
            try:
                self._open[length] = faiss.read_index(str(path))
            except RuntimeError as error:
                raise FractalError(f"{path}: FAISS cannot read it; make the index again") from error
        return self._open[length]

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Numbers of dimensions that the folder holds, ascending."""
        return tuple(sorted(int(path.stem) for path in self.folder.glob("*.faiss")))


@dataclass(frozen=True)
class WrittenIndex:
    """What `write_index` returns: its folder, and what ``index.json`` says."""

    folder: Path
    document: IndexDocument


def write_index(
    head: Head,
    features: FeatureSet,
    folder: Path,
    lengths: Sequence[int] | None = None,
    kind: str = "flat",
    *,
    error: float = 0.05,
    outside: Sequence[str] = (),
    embedder: Embedder | None = None,
    device: str = "auto",
    progress: Progress = silent,
    note: Note = unheard,
    agree: Agree = unasked,
    argv: list[str] | None = None,
) -> WrittenIndex:
    """Index the training rows of a feature set, and find out when answers are sure.

    Args:
        features: has training rows, and test rows where outside texts are given.
        folder: made where it does not exist; an index that lies there is replaced.
        lengths: ascending; None takes the head's own.
        kind: ``flat`` is exact; ``hnsw`` a graph.
        error: share of wrong answers that are taken for sure at most, on the calibration rows.
        embedder: of the head; needed for outside texts.
        note: is told what a service will be asked for.
        agree: is told the same before it is; raises whatever shall stop it.

    Raises RequestError: lengths, kind or splits do not fit, or the folder holds something else.
    """
    if kind not in KINDS:
        raise RequestError(f"--kind {kind}: expected {' or '.join(KINDS)}")
    if not 0 <= error < 1:
        raise RequestError(f"--error {error:g}: expected a share from 0 to below 1")
    chosen, place = checked_lengths(head, lengths or head.dims), choose_device(device)
    for split in ("train", *(("test",) if outside else ())):
        if split not in features.splits:
            raise RequestError(f"{features.path}: has no {split} split, which is needed")
    taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    if taken and not (folder / INDEX_FILE).is_file():
        raise RequestError(f"{folder}: is there and no index; remove it, or name another with --output")
    apart = None
    if outside and embedder is not None:
        announce(embedder.backbone, outside, agree, note)
        apart = embedder.prefixes(outside)
    with folder_aside(folder) as new:
        _write_indexes(head, features, new, chosen, kind, place, progress)
        reference = IndexedReference(new, head, features, place)
        calibration = calibrate(reference, chosen, error)
        told = None if apart is None else told_apart(reference, calibration, apart, chosen)
        document = _document(head, features, kind, chosen, calibration, told, len(outside), argv)
        features.check()
        write_document(new / INDEX_FILE, document)
    return WrittenIndex(folder, document)


def _document(
    head: Head,
    features: FeatureSet,
    kind: str,
    lengths: Sequence[int],
    calibration: Calibration,
    told: dict[str, Outside] | None,
    n_outside: int,
    argv: list[str] | None,
) -> IndexDocument:
    """What ``index.json`` says."""
    return IndexDocument(
        **{name: getattr(head, name) for name in ("corpus", "backbone", "strategy", "arm", "seed")},
        head=str(head.folder.resolve()),
        head_identity=head.identity,
        features=Features.of(features),
        levels=list(level_names(features)),
        kind=kind,
        lengths=list(lengths),
        n_rows=features.n_rows("train"),
        calibration=calibration,
        outside=told,
        n_outside=n_outside,
        versions=versions(),
        argv=argv,
    )


def _write_indexes(
    head: Head,
    features: FeatureSet,
    folder: Path,
    lengths: Sequence[int],
    kind: str,
    device: "torch.device",
    progress: Progress,
) -> None:
    """Add rows to the indexes of all lengths, some at a time, and write each aside."""
    import faiss

    indexes: dict[int, Any] = {}
    for length in lengths:
        if kind == "hnsw":
            indexes[length] = faiss.IndexHNSWFlat(length, LINKS, faiss.METRIC_INNER_PRODUCT)
            indexes[length].hnsw.efConstruction = BREADTH
        else:
            indexes[length] = faiss.IndexFlatIP(length)
    rows = features.features("train")
    with progress("indexing", len(rows)) as advance:
        for start in range(0, len(rows), ROWS_PER_PASS):
            part = rows[start : start + ROWS_PER_PASS]
            embedded = head.prefixes(part, device)
            for length, index in indexes.items():
                index.add(unit(embedded.at(length)))
            advance(len(part))
    for length, index in indexes.items():
        with write_aside(folder / f"{length}.faiss") as aside:
            faiss.write_index(index, str(aside))


def open_index(folder: Path, store: FeatureStore, device: str = "auto") -> IndexedReference:
    """Open an index folder with the head and the feature set that it was made from.

    Raises RequestError: there is no index, or its head or its feature set is gone; FractalError: the head is
    another one by now.
    """
    if not (folder / INDEX_FILE).is_file():
        raise RequestError(f"{folder}: no index here; 'fractalctl index' makes one")
    document = read_document(folder / INDEX_FILE, IndexDocument)
    head = load_head(Path(document.head))
    if head.identity != document.head_identity:
        raise FractalError(f"{folder}: {document.head} was trained again since; make the index again")
    return IndexedReference(folder, head, features_of(head, store), choose_device(device))
