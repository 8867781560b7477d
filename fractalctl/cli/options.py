"""Options that several commands share, each declared once, and what their values mean."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractalctl.cli.plumbing import Invocation, expand_stdin
from fractalctl.errors import RequestError
from fractalctl.executors import Executor, ExecutorKind
from fractalctl.experiments.policy import Overwrite
from fractalctl.numbers import read_whole

if TYPE_CHECKING:
    from fractalctl.heads.head import Head
    from fractalctl.measures.protocols import Protocol
    from store import FeatureSet


class ProtocolName(StrEnum):
    """Which rows ask, and which answer."""

    LOO = "loo"
    INDEX = "index"


FeaturesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Feature sets: .h5 files, CORPUS or CORPUS/NAME of the store; - reads paths from standard "
        "input. Default: the one written last.",
        show_default=False,
    ),
]
HeadsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Heads, or folders of heads; - reads paths from standard input. Default: all below RUNS.",
        show_default=False,
    ),
]
SeedsOption = Annotated[str, typer.Option("--seeds", help="Seeds, separated by commas.")]
MeasuredUnder = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="Protocol of the evaluations, as in their files' names: loo, index, loo-2000 ...",
        show_default="loo where several are there",
    ),
]
MeasuredWith = Annotated[str | None, typer.Option("--backbone", metavar="NAME", help="Only this backbone.")]
OverwriteOption = Annotated[
    Overwrite, typer.Option("--overwrite", help="What happens to results that exist.")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Use what the local Hugging Face cache holds; never the network.")
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        "--encoder", exists=True, file_okay=False, help="Where the backbone is, if it was a folder."
    ),
]
DEFAULT_SEEDS = "42,123,456,789,1024"


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers separated by commas; there is no option for which less than 0 means anything.

    Raises:
        RequestError: a part is no whole number, or less than 0.
    """
    try:
        found = tuple(read_whole(part.strip()) for part in text.split(","))
    except ValueError:
        raise RequestError(f"{option} '{text}': expected whole numbers separated by commas") from None
    if min(found) < 0:
        raise RequestError(f"{option} '{text}': expected numbers of 0 and more")
    return found


def names(values: Sequence[str] | None) -> tuple[str, ...]:
    """Names given by repeating an option, by commas, or both; each once."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def protocol(
    protocol: Annotated[
        ProtocolName,
        typer.Option("--protocol", help="loo: test rows ask each other; index: they ask the training rows."),
    ] = ProtocolName.LOO,
    k: Annotated[int, typer.Option("--k", min=1, help="Neighbours that vote.")] = 5,
    max_test: Annotated[
        int | None,
        typer.Option(
            "--max-test",
            min=1,
            help="Test rows that ask at most, drawn at random.",
            show_default="the paper's; all for index",
        ),
    ] = None,
    rows_seed: Annotated[int, typer.Option("--rows-seed", min=0, help="Draws the test rows that ask.")] = 42,
    drop_duplicates: Annotated[
        bool,
        typer.Option(
            "--drop-duplicates", help="Leave out test rows whose text stands in the training split as well."
        ),
    ] = False,
) -> "Protocol":
    """The rule of a measurement from option values."""
    from fractalctl.measures.protocols import Protocol

    return Protocol(protocol.value, k, max_test, rows_seed=rows_seed, drop_duplicates=drop_duplicates)


def executor(
    executor: Annotated[
        ExecutorKind | None,
        typer.Option(
            "--executor", help="Processes that work side by side.", show_default="this process alone"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes of --executor local.", show_default="one per core"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", help="Of --executor dask: tcp://host:8786, or its file. Of ray: address."
        ),
    ] = None,
) -> Executor | None:
    """Who does the work, from option values; None is this process.

    Raises:
        RequestError: the options do not go together.
    """
    if executor is not None:
        return Executor(executor, workers, scheduler)
    if workers is not None:
        raise RequestError("--workers needs --executor local")
    if scheduler is not None:
        raise RequestError("--scheduler needs --executor dask or --executor ray")
    return None


def choose_features(invocation: Invocation, arguments: Sequence[str] | None) -> "list[FeatureSet]":
    """The feature sets that the arguments name, or the one written last; says which it is, and why.

    Raises:
        RequestError: standard input names none.
        StoreError: there is no such set.
    """
    from store import FeatureStore

    store, wanted = FeatureStore(invocation.store), expand_stdin(arguments)
    if wanted:
        return [store.resolve(name) for name in dict.fromkeys(wanted)]
    features, several = store.resolve(), len(store.sets()) > 1
    why = f"the one written last of {len(store.sets())}" if several else "the only one"
    invocation.console.note(f"Feature set: {features.path} ({why} in {store.folder})")
    return [features]


def head_paths(invocation: Invocation, arguments: Sequence[str] | None) -> list[Path]:
    """Where the arguments say that heads are, or the folder of runs; says so on standard error."""
    paths = [Path(path) for path in expand_stdin(arguments)]
    if not paths:
        invocation.console.note(f"Heads: all below {invocation.runs}")
    return paths or [invocation.runs]


def one_head(invocation: Invocation, arguments: Sequence[str], hint: str = "") -> "Head":
    """The one head that is meant by paths, or by the folder of runs; says on standard error which.

    Args:
        invocation: knows the folder of runs.
        arguments: heads or folders of heads; ``-`` reads paths from standard input.
        hint: for whoever named a path that is not there.

    Raises:
        RequestError: a path does not exist or holds no head.
    """
    from fractalctl.experiments.addresses import RULE, choose_head

    folders = [Path(path) for path in expand_stdin(arguments)] or [invocation.runs]
    if missing := [folder for folder in folders if not folder.exists()]:
        raise RequestError(f"{missing[0]}: no such file or folder{hint}")
    head = choose_head(folders)
    invocation.console.note(f"Head: {head.folder} ({RULE})")
    return head
