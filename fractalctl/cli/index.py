"""``fractalctl index``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.numbers import MISSING, listed, number

if TYPE_CHECKING:
    from fractalctl.documents.exported import IndexDocument
    from fractalctl.tables import Table


@command()
def index(
    invocation: Invocation,
    heads: shared.HeadsArgument = None,
    dims: Annotated[
        list[str] | None,
        Option(metavar="N,...", help="Lengths to index, ascending.", show_default="the head's own"),
    ] = None,
    kind: Annotated[str, Option(help="flat (exact) or hnsw.")] = "flat",
    error: Annotated[float, Option(help="Share of sure answers that may be wrong at a level.")] = 0.05,
    outside: Annotated[
        Path | None,
        Option(exists=True, dir_okay=False, help="Texts of no class: how well are they told apart?"),
    ] = None,
    text: Annotated[str, Option(help="Column of the outside texts.")] = "text",
    output: Annotated[
        Path | None, Option("--output", "-o", help="Folder.", show_default="index, beside the head")
    ] = None,
    encoder: shared.EncoderOption = None,
    device: shared.DeviceOption = "auto",
    offline: shared.OfflineOption = False,
    yes: shared.YesOption = False,
) -> None:
    """Index the corpus of a trained head with FAISS, and find out when its answers are sure.

    A level's margin of votes is calibrated so that at most --error of the answers that reach it are wrong;
    a nearness, so that 95 % of the corpus's own rows are inside. `search --index` then answers at a level,
    or at the finest that is sure. --outside reports AUROC and the error at 95 % recall on texts of no
    class.

    Examples:
        fractalctl index runs/clinc/minilm/v5

        fractalctl index clinc/minilm/v5 --dims 64,128,256 --kind hnsw --error 0.02

        fractalctl index runs/trec --outside questions.txt --output trec-index
    """
    from fractalctl.experiments.addresses import features_of
    from fractalctl.experiments.embedding import Embedder
    from fractalctl.experiments.indexing import write_index

    head = shared.one_head(invocation, heads or ())
    texts: list[str] = []
    embedder = None
    if outside is not None:
        from fractalctl.corpora.columns import TextFile

        texts = [one.text for one in TextFile(outside, text)]
        embedder = Embedder.of(head, encoder, invocation.store, device, offline=offline)
    written = write_index(
        head,
        features_of(head, invocation.feature_store),
        output or head.folder / "index",
        shared.lengths(dims),
        kind,
        error=error,
        outside=texts,
        embedder=embedder,
        device=device,
        progress=invocation.console.progress,
        note=invocation.console.note,
        agree=shared.asking(invocation.console, yes),
        argv=invocation.argv(heads=[head.folder], device=None),
    )
    invocation.console.tables(tables(written.document))
    found = zip(written.document.levels, written.document.calibration.levels, strict=True)
    if unsure := [name for name, one in found if one.margin is None]:
        invocation.console.note(
            f"No answer is sure of {listed(unsure)}: no margin keeps that error; --error allows for another"
        )
    invocation.console.emit([written.folder], written.document)


def tables(document: "IndexDocument") -> "Sequence[Table]":
    """When levels are sure, and how outside texts are told apart."""
    from fractalctl.tables import Table

    found = document.calibration
    rows = [
        [
            f"{name} [L{level}]",
            one.length,
            MISSING if one.margin is None else number(one.margin, 2),
            number(100 * one.answered, 1),
            MISSING if one.margin is None else number(100 * one.error, 1),
        ]
        for level, (name, one) in enumerate(zip(document.levels, found.levels, strict=True))
    ]
    sure = Table(
        "sure",
        f"{document.n_rows} rows; sure answers, on {found.n_rows} rows ({found.source}) of which at most "
        f"{number(100 * found.error, 1)} % may be wrong",
        ["level", "dimensions", "least margin", "sure %", "of them wrong %"],
        rows,
    )
    if document.outside is None:
        return [sure]
    apart = [
        [
            length,
            number(one.auroc, 3),
            number(100 * one.recall, 1),
            number(100 * one.accepted, 1),
            number(100 * one.error_at_95, 1),
        ]
        for length, one in document.outside.items()
    ]
    caption = f"{document.n_outside} texts of no class against the test rows"
    columns = [
        "dimensions",
        "AUROC",
        "own rows inside %",
        "outside taken for inside %",
        "error at 95 % recall %",
    ]
    return [sure, Table("outside", caption, columns, apart)]
