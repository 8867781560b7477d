"""``fractalctl embed``."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.errors import RequestError
from fractalctl.export.precision import FLOAT_BYTES, Precision
from fractalctl.numbers import MISSING, number

if TYPE_CHECKING:
    from fractalctl.documents.exported import VectorsDocument
    from fractalctl.tables import Table

STDIN = "-"


@command()
def embed(
    invocation: Invocation,
    words: Annotated[
        list[str],
        Argument(
            metavar="[HEAD] TEXTS",
            autocompletion=completion.HEADS,
            help="The last argument is a file of texts (.csv, .tsv, .jsonl, .parquet, .txt with one a line), "
            "- reads lines from standard input. Before it a head, or a folder of heads. Default: RUNS.",
        ),
    ],
    output: Annotated[
        Path | None,
        Option(
            "--output", "-o", dir_okay=False, help=".npy or .parquet.", show_default="TEXTS-vectors.npy here"
        ),
    ] = None,
    dims: Annotated[
        list[str] | None,
        Option(metavar="N,...", help="Lengths of the vectors, ascending.", show_default="the head's own"),
    ] = None,
    dtype: Annotated[
        Precision, Option(help="What a number is kept as; binary keeps signs.")
    ] = Precision.FLOAT32,
    normalise: Annotated[
        bool, Option("--normalise/--no-normalise", help="Bring each vector to length 1 once it is cut.")
    ] = True,
    text: Annotated[str, Option(help="Column of the texts.")] = "text",
    ranges: Annotated[
        Path | None,
        Option(
            exists=True, dir_okay=False, help="With int8: the .json of earlier vectors, whose ranges to keep."
        ),
    ] = None,
    encoder: shared.EncoderOption = None,
    device: shared.DeviceOption = "auto",
    offline: shared.OfflineOption = False,
    yes: shared.YesOption = False,
) -> None:
    """Turn new texts into vectors of a trained head, at the lengths that you choose.

    Texts are embedded in blocks, each kept once it is finished: interrupted, the same command goes on from
    there. Several lengths are several .npy files, or columns of one .parquet. What was made, with what, and
    what each length costs and keeps stands in a .json beside the vectors.

    Examples:
        fractalctl embed runs/clinc/minilm/v5 questions.txt --dims 64,256

        fractalctl embed runs/clinc tickets.csv --text message -o tickets.parquet

        fractalctl embed runs/trec tickets.csv --text message --dims 64 --dtype int8

        cat questions.txt | fractalctl embed runs/trec - --dims 64 -o questions.npy
    """
    from fractalctl.experiments.embedding import Embedder
    from fractalctl.experiments.vector_files import VectorRequest, write_text_vectors

    if len(words) > 2:
        raise RequestError(f"expected a head and a file of texts, got {len(words)} arguments")
    *paths, source = words
    if not paths and (Path(source).is_dir() or (invocation.runs / source).is_dir()):
        raise RequestError(
            f"{source}: names heads; a file of texts, or - for standard input, stands behind it"
        )
    head = shared.one_head(invocation, paths)

    def load() -> Embedder:
        return Embedder.of(head, encoder, invocation.store, device, offline=offline)

    with _file(source) as path:
        from fractalctl.corpora.columns import TextFile

        written = write_text_vectors(
            head,
            TextFile(path, text, source),
            output or _usual(source),
            load,
            VectorRequest(shared.lengths(dims), dtype, normalise, ranges),
            store=invocation.store,
            progress=invocation.console.progress,
            note=invocation.console.note,
            agree=shared.asking(invocation.console, yes),
            argv=invocation.argv(words=[head.folder, source], device=None),
        )
    invocation.console.tables([lengths_table(written.document)])
    invocation.console.emit(written.paths, written.document)


@contextmanager
def _file(source: str) -> Iterator[Path]:
    """The file of texts; the lines of standard input, which cannot be read twice, are put into one."""
    if source != STDIN:
        yield Path(source)
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        try:
            with path.open("w", encoding="utf-8") as stream:
                stream.writelines(sys.stdin)
        except (UnicodeDecodeError, UnicodeEncodeError) as error:
            raise RequestError(f"standard input: not UTF-8 text ({error.reason})") from error
        if not path.stat().st_size:
            raise RequestError("standard input: expected a text on each line, got none")
        yield path


def _usual(source: str) -> Path:
    """Where vectors go that nobody has named: ``tickets-vectors.npy`` for ``data/tickets.csv.gz``."""
    return Path("vectors.npy" if source == STDIN else f"{Path(source).name.partition('.')[0]}-vectors.npy")


def lengths_table(document: "VectorsDocument") -> "Table":
    """What each length costs and keeps, the backbone's own vector last."""
    from fractalctl.tables import Table

    levels = [f"{name} [L{level}]" for level, name in enumerate(document.levels)]
    whole = FLOAT_BYTES * document.backbone_dimension
    rows = [
        [length, one.bytes, number(one.ratio, 3), *_shares(one.accuracy, len(levels))]
        for length, one in document.lengths.items()
    ]
    rows.append([f"{document.backbone}, whole", whole, "1", *_shares(document.baseline, len(levels))])
    source = f"k-NN accuracy in % of float32 vectors, protocol {document.protocol}"
    caption = source if document.protocol else "accuracies once 'fractalctl evaluate' has measured the head"
    columns = ["dimensions", "bytes a text", "of the backbone's", *levels]
    return Table("lengths", f"{document.n_texts} texts as {document.dtype}; {caption}", columns, rows)


def _shares(accuracy: "dict[str, float] | None", n_levels: int) -> Sequence[str]:
    if accuracy is None:
        return [MISSING] * n_levels
    return [number(100 * accuracy[f"L{level}"], 1) for level in range(n_levels)]
