"""``fractalctl export``."""

from pathlib import Path
from typing import Annotated

from typer import Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.errors import RequestError

SPLITS = ["train"]


@command()
def export(
    invocation: Invocation,
    heads: shared.HeadsArgument = None,
    to: Annotated[
        str,
        Option(
            metavar="FORMAT",
            autocompletion=completion.FORMATS,
            help="sentence-transformers, onnx, qdrant, chroma, lancedb, pgvector, or a plug-in's format.",
        ),
    ] = "sentence-transformers",
    output: Annotated[
        Path | None,
        Option("--output", "-o", help="Folder.", show_default="called as the format, beside the head"),
    ] = None,
    dims: Annotated[
        list[str] | None,
        Option(
            metavar="N,...",
            help="Lengths that databases hold, ascending.",
            show_default="the shortest and the full",
        ),
    ] = None,
    splits: Annotated[
        list[str], Option(metavar="NAME,...", help="Splits of the corpus whose rows databases hold.")
    ] = SPLITS,
    push: Annotated[
        str | None, Option(metavar="OWNER/NAME", help="Upload the folder to the hub (HF_TOKEN).")
    ] = None,
    public: Annotated[
        bool, Option("--public", help="With --push: everybody may read a repository that is made.")
    ] = False,
    encoder: shared.EncoderOption = None,
    device: shared.DeviceOption = "auto",
    offline: shared.OfflineOption = False,
) -> None:
    """Write a trained head as other tools read it. Of several heads one is taken, and named.

    sentence-transformers: a folder that SentenceTransformer(folder) loads, with a model card from the run.
    onnx: from tokens to embeddings as one graph, the head alone as another.
    qdrant, chroma, lancedb: the corpus as a database in a folder, with texts and classes. pgvector: the same
    as a table of the PostgreSQL server that PGHOST, PGDATABASE and PGUSER name. A second call adds what is
    not there yet.

    Examples:
        fractalctl export runs/clinc/minilm/v5 --to sentence-transformers

        fractalctl export runs/trec --to onnx --output trec-onnx

        fractalctl export clinc/minilm/v5 --to qdrant --dims 64,256 -o clinc-qdrant

        fractalctl export clinc/minilm/v5 --to chroma --splits train,test -o clinc-db
    """
    from fractalctl.documents import read_document
    from fractalctl.documents.exported import ExportDocument
    from fractalctl.experiments.exporting import export_head, push_export
    from fractalctl.export.folders import DESCRIPTION_FILE

    if public and not push:
        raise RequestError("--public is of a repository; --push OWNER/NAME says which")
    head = shared.one_head(invocation, heads or ())
    folder = output or head.folder / to
    paths: list[Path | str] = [
        *export_head(
            head,
            to,
            folder,
            lengths=shared.lengths(dims),
            splits=shared.names(splits),
            encoder=encoder,
            store=invocation.store,
            device=device,
            offline=offline,
            progress=invocation.console.progress,
            note=invocation.console.note,
            argv=invocation.argv(heads=[head.folder], device=None, push=None, public=None),
        )
    ]
    if push:
        paths.append(push_export(folder, push, public=public))
    invocation.console.emit(paths, read_document(folder / DESCRIPTION_FILE, ExportDocument))
