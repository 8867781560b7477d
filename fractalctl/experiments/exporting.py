"""A trained head into other people's formats: everything that an exporter wants to know, put together."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fractalctl.device import choose_device
from fractalctl.documents import read_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.exported import ExportDocument
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.addresses import features_of, matched_heads
from fractalctl.experiments.embedding import backbone_of, checked_lengths, evaluation_of
from fractalctl.experiments.policy import Note, unheard
from fractalctl.experiments.vector_files import levels_of
from fractalctl.export.exporter import Subject, exporter
from fractalctl.export.folders import DESCRIPTION_FILE, export, push
from fractalctl.heads.head import Head
from fractalctl.progress import Progress, silent
from store import FeatureStore

ROWS = ("train",)
"""Splits whose rows databases hold unless told otherwise."""
RIVALS = ("pca",)
"""Strategies that stand beside the head on its card, where they were trained alike and measured alike."""


def export_head(
    head: Head,
    to: str,
    output: Path | None = None,
    *,
    lengths: Sequence[int] | None = None,
    splits: Sequence[str] = ROWS,
    encoder: Path | None = None,
    store: Path | None = None,
    device: str = "auto",
    offline: bool = False,
    progress: Progress = silent,
    note: Note = unheard,
    argv: list[str] | None = None,
) -> list[Path]:
    """Write a head in a format.

    Args:
        head: a trained one.
        to: name of the format, see `fractalctl.export.exporter.exporters`.
        output: the folder; None is one called after the format beside the head.
        lengths: numbers of dimensions that databases hold; None takes the head's shortest and full one.
        splits: of the corpus, whose rows databases hold.
        encoder: where the backbone is, if it was a model folder.
        store: where the head's feature set is looked for.
        note: told what was there already.

    Returns every path that programs want to know.

    Raises:
        RequestError: no such format, lengths or splits for one that holds no rows, or the folder holds
            something else.
        UnreachableError: the backbone is neither here nor to be had.
        FractalError: the head's map cannot be written in this format.
    """
    chosen, feature_store = exporter(to), FeatureStore(store)
    for option, given in (("--dims", lengths is not None), ("--splits", tuple(splits) != ROWS)):
        if given and chosen.is_model:
            raise RequestError(
                f"{option} says what databases hold; {to} holds the head itself, which is cut when it is used"
            )
    evaluation = evaluation_of(head)
    subject = Subject(
        head=head,
        levels=levels_of(head, store),
        lengths=checked_lengths(head, lengths or sorted({head.dims[0], head.dims[-1]})),
        splits=tuple(splits),
        find_features=lambda: features_of(head, feature_store),
        find_backbone=lambda: backbone_of(head, encoder, store, offline=offline),
        evaluation=evaluation,
        rivals=_rivals(head, evaluation),
        offline=offline,
        device=choose_device(device),
        progress=progress,
        note=note,
        argv=argv,
    )
    return export(subject, chosen, output or head.folder / to)


def push_export(folder: Path, repository: str, *, public: bool = False) -> str:
    """Upload an exported folder, see `push`; RequestError if it holds no export, or a database."""
    held = read_document(folder / DESCRIPTION_FILE, ExportDocument)
    if exporter(held.format).extends:
        raise RequestError(f"--push is for models; {folder} holds a database ({held.format})")
    return push(folder, repository, public=public)


def _rivals(head: Head, evaluation: Evaluation | None) -> dict[str, Evaluation]:
    """Evaluations of heads trained alike that can be compared with the head's: same rows, same protocol."""
    found: dict[str, Evaluation] = {}
    if evaluation is None:
        return found
    with suppress(FractalError):
        for strategy, other in matched_heads(head, RIVALS).items():
            measured = evaluation_of(other) if other.identity != head.identity else None
            if measured and _conditions(measured) == _conditions(evaluation):
                found[strategy] = measured
    return found


def _conditions(one: Evaluation) -> tuple[object, ...]:
    return (one.protocol, one.k, one.n_queries, one.n_reference, one.rows_seed, one.dropped_duplicates)
