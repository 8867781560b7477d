"""Options that several commands share, each declared once, and what their values mean."""

import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli.plumbing import Invocation, expand_stdin
from fractalctl.errors import FractalError, RequestError, did_you_mean
from fractalctl.executors import Executor, ExecutorKind
from fractalctl.experiments.policy import Overwrite
from fractalctl.numbers import MISSING, read_whole

if TYPE_CHECKING:
    from fractalctl.backbones.services.backbone import Agree
    from fractalctl.backbones.services.spec import Estimate
    from fractalctl.cli.console import Console
    from fractalctl.heads.head import Head
    from fractalctl.measures.protocols import Protocol
    from store import FeatureSet


class ProtocolName(StrEnum):
    """Which rows ask, and which answer."""

    LOO = "loo"
    INDEX = "index"


FeaturesArgument = Annotated[
    list[str] | None,
    Argument(
        metavar="SETS",
        autocompletion=completion.SETS,
        help="Feature sets: .h5 files, CORPUS or CORPUS/NAME of the store; - reads paths from standard "
        "input. Default: the one written last.",
        show_default=False,
    ),
]
HeadsArgument = Annotated[
    list[str] | None,
    Argument(
        metavar="HEADS",
        autocompletion=completion.HEADS,
        help="Heads, or folders of heads, as `runs ls` names them or by path; - reads paths from standard "
        "input. Default: all below RUNS.",
        show_default=False,
    ),
]
BackboneOption = Annotated[
    str | None,
    Option(
        "--backbone",
        "-b",
        metavar="NAME",
        autocompletion=completion.BACKBONES,
        help="A registered backbone (bge-small, e5-small, qwen3-0.6b, minilm, bge-base, nomic, mxbai-large, "
        "those of plug-ins), a model folder, `hub:owner/name[@revision]`, or a service: `openai:MODEL`, "
        "`ollama:MODEL`.",
        show_default="minilm where the extra of that name is installed, else bge-small",
    ),
]
SeedsOption = Annotated[list[str], Option(metavar="N,...", help="Seeds, separated by commas.")]
MeasuredUnder = Annotated[
    str | None,
    Option(
        help="Protocol of the evaluations, as in their files' names: loo, index, loo-2000 ...",
        show_default="loo where several are there",
    ),
]
MeasuredWith = Annotated[str | None, Option(metavar="NAME", help="Only this backbone.")]
OverwriteOption = Annotated[Overwrite, Option(help="What happens to results that exist.")]
DeviceOption = Annotated[str, Option(help="auto, cpu, cuda, cuda:1 ...")]


def _go_offline(offline: bool) -> bool:
    """Keep the hub's libraries off the network, before a command imports them."""
    if offline:
        from fractalctl.backbones.locate import go_offline

        go_offline()
    return offline


OfflineOption = Annotated[
    bool,
    Option(
        "--offline",
        callback=_go_offline,
        help="Use what the local Hugging Face cache holds; never the network.",
    ),
]
EncoderOption = Annotated[
    Path | None, Option(exists=True, file_okay=False, help="Where the backbone is, if it was a folder.")
]
YesOption = Annotated[bool, Option("--yes", "-y", help="Do not ask before a service is paid.")]
NOTHING_TRAINED = "{}: nothing trained yet; fractalctl train makes heads of a feature set"
DEFAULT_SEEDS = ["42,123,456,789,1024"]


def numbers(values: Sequence[str], option: str) -> tuple[int, ...]:
    """Whole numbers of 0 and more, by commas, repeating, or both; RequestError if a part is none."""
    text = ",".join(values)
    try:
        found = tuple(read_whole(part.strip()) for part in text.split(","))
    except ValueError:
        raise RequestError(f"{option} '{text}': expected whole numbers separated by commas") from None
    if min(found) < 0:
        raise RequestError(f"{option} '{text}': expected numbers of 0 and more")
    return found


def lengths(dims: Sequence[str] | None) -> tuple[int, ...] | None:
    """Numbers of dimensions by ``--dims``; None where nobody names any."""
    return numbers(dims, "--dims") if dims else None


def names(values: Sequence[str] | None) -> tuple[str, ...]:
    """Names given by repeating an option, by commas, or both; each once."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True)
class ProtocolOptions:
    """What was asked for, before it is known which corpora are measured.

    Attributes:
        name: None where nobody named one.
        k, max_test, rows_seed, drop_duplicates: see `fractalctl.measures.protocols.Protocol`.
    """

    name: ProtocolName | None = None
    k: int = 5
    max_test: int | None = None
    rows_seed: int = 42
    drop_duplicates: bool = False

    def otherwise(self, usual: str) -> "Protocol":
        """The rule of a measurement: the protocol that was named, or the usual one."""
        from fractalctl.measures.protocols import Protocol

        name = usual if self.name is None else self.name.value
        return Protocol(name, self.k, self.max_test, self.rows_seed, self.drop_duplicates)


def protocol(
    protocol: Annotated[
        ProtocolName | None,
        Option(
            help="loo: test rows ask each other; index: they ask the training rows.",
            show_default="loo where the paper is reproduced, else index",
        ),
    ] = None,
    k: Annotated[int, Option(min=1, help="Neighbours that vote.")] = 5,
    max_test: Annotated[
        int | None,
        Option(
            min=1,
            help="Test rows that ask at most, drawn at random.",
            show_default="the paper's; all for index; ablations at most 2000, noise 500",
        ),
    ] = None,
    rows_seed: Annotated[int, Option(min=0, help="Draws the test rows that ask.")] = 42,
    drop_duplicates: Annotated[
        bool,
        Option(
            "--drop-duplicates", help="Leave out test rows whose text stands in the training split as well."
        ),
    ] = False,
) -> ProtocolOptions:
    """The rule of a measurement from option values, as far as they say it."""
    return ProtocolOptions(protocol, k, max_test, rows_seed, drop_duplicates)


def executor(
    executor: Annotated[
        ExecutorKind | None,
        Option(help="Processes that work side by side.", show_default="this process alone"),
    ] = None,
    workers: Annotated[
        int | None, Option(min=1, help="Processes of `--executor local`.", show_default="one per core")
    ] = None,
    scheduler: Annotated[
        str | None, Option(help="Of `--executor dask`: tcp://host:8786, or its file. Of ray: address.")
    ] = None,
) -> Executor | None:
    """Who does the work, None this process; RequestError if the options do not go together."""
    if executor is not None:
        return Executor(executor, workers, scheduler)
    if workers is not None:
        raise RequestError("--workers needs --executor local")
    if scheduler is not None:
        raise RequestError("--scheduler needs --executor dask or --executor ray")
    return None


def asking(console: "Console", yes: bool) -> "Agree":
    """See that somebody wants to pay what a service will charge, once for a call of a command."""
    agreed = yes

    def agree(estimate: "Estimate") -> None:
        nonlocal agreed
        if agreed or estimate.free:
            return
        if not sys.stdin.isatty():
            why = "that is not done unasked, and standard input is no terminal to ask at: give --yes"
            raise RequestError(f"{estimate}; {why}")
        typer.confirm(f"{estimate}\nGo on?" if console.quiet else "Go on?", abort=True, err=True)
        agreed = True

    return agree


def choose_features(invocation: Invocation, arguments: Sequence[str] | None) -> "list[FeatureSet]":
    """The feature sets that the arguments name, or the one written last; says which it is, and why.

    Raises RequestError: standard input names none; StoreError: there is no such set.
    """
    store, wanted = invocation.feature_store, expand_stdin(arguments)
    if wanted:
        return [named_set(invocation, name) for name in dict.fromkeys(wanted)]
    features, count = store.resolve(), len(store.sets())
    why = f"the one written last of {count}" if count > 1 else "the only one"
    invocation.console.note(f"Feature set: {features.path} ({why} in {store.folder})")
    return [features]


def named_set(invocation: Invocation, name: str) -> "FeatureSet":
    """The feature set that a name means; where several fit it is the newest, which is said.

    Raises StoreError: there is none of that name.
    """
    store = invocation.feature_store
    features = store.resolve(name)
    fitting = [one for one in store.sets() if name in (one.corpus, f"{one.corpus}/{one.backbone}")]
    if len(fitting) > 1 and store.name_of(features.path) != name:
        why = f"the one written last of {len(fitting)} called {name}"
        invocation.console.note(f"Feature set: {features.path} ({why} in {store.folder})")
    return features


def head_paths(invocation: Invocation, arguments: Sequence[str] | None) -> list[Path]:
    """Where the arguments say that heads are, or the runs, which is said; RequestError if none is there."""
    paths = [_named(invocation, path) for path in expand_stdin(arguments)]
    if not paths:
        _require_trained(invocation)
        invocation.console.note(f"Heads: all below {invocation.runs}")
    return paths or [invocation.runs]


def result_paths(invocation: Invocation, arguments: Sequence[str] | None) -> list[str]:
    """Paths of results as they were given, or names below the runs as ``runs ls`` shows them."""
    runs = invocation.runs
    return [
        name if Path(name).exists() or not (runs / name).exists() else str(runs / name)
        for name in expand_stdin(arguments)
    ]


def labelled(name: str, known: Collection[str]) -> str:
    """The label of an arm that was measured: ``zoom-0.9``, a knob at its default, is labelled ``zoom``."""
    if name in known:
        return name
    from fractalctl.heads.arms import build_arm

    with suppress(FractalError):
        label = build_arm(name, 2).label
        return label if label in known else name
    return name


def _named(invocation: Invocation, name: str, hint: str = "") -> Path:
    """A path, or a name below the runs as ``runs ls`` shows it; RequestError if there is neither."""
    path, runs = Path(name), invocation.runs
    if path.exists() or (runs / name).exists():
        return path if path.exists() else runs / name
    heads = [one.parent.relative_to(runs) for one in runs.rglob("head.json")]
    below = {str(folder) for head in heads for folder in (head, *head.parents[:-1])}
    whole = sorted(folder for folder in below if folder.endswith(f"/{name}"))
    near = did_you_mean(name, [*below, *(str(runs / folder) for folder in below)])
    guess = f" (did you mean '{whole[0]}'?)" if whole else near
    raise RequestError(f"{name}: no such file or folder{guess}{hint}")


def _require_trained(invocation: Invocation) -> None:
    """See that there are heads; RequestError if there are none, with what makes them."""
    if not any(invocation.runs.rglob("head.json")):
        raise RequestError(NOTHING_TRAINED.format(invocation.runs))


def require_evaluated(invocation: Invocation, instead: str = "") -> None:
    """See that there are evaluations; RequestError if there are none, with what makes them."""
    if not any(invocation.runs.rglob("evaluation-*.json")):
        raise RequestError(f"{invocation.runs}: no evaluations here; run 'fractalctl evaluate'{instead}")


def as_command(argv: Sequence[str] | None) -> str:
    """An argument vector as it can be pasted."""
    import shlex

    return shlex.join(argv) if argv else MISSING


def one_head(invocation: Invocation, arguments: Sequence[str], hint: str = "") -> "Head":
    """The one head that is meant by paths, or by the folder of runs; says on standard error which, and why.

    Args:
        hint: for whoever named a path that is not there.

    Raises RequestError: a path does not exist or holds no head.
    """
    from fractalctl.experiments.addresses import RULE, choose_head

    folders = [_named(invocation, path, hint) for path in expand_stdin(arguments)]
    if not folders:
        _require_trained(invocation)
        folders = [invocation.runs]
    head = choose_head(folders)
    is_named = head.folder.resolve() in [folder.resolve() for folder in folders]
    invocation.console.note(f"Head: {head.folder}" if is_named else f"Head: {head.folder} ({RULE})")
    return head
