"""What every command shares: the common options, errors as exit codes, and argv that remakes a result."""

import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from fractalctl.cli.console import Console
from fractalctl.cli.project import said_by_project
from fractalctl.errors import FractalError, RequestError
from fractalctl.signals import INTERRUPTED, interrupted
from store.errors import StoreError

if TYPE_CHECKING:
    from store import FeatureStore

PRESENTATION = frozenset({"json", "quiet", "verbose", "wide"})
EXECUTION = frozenset({"executor", "workers", "scheduler"})
"""Options that say where the work is done, which changes no byte of a result."""
BLOCK = re.compile("```\n(.*?)\n```", re.DOTALL)
"""Preformatted lines in Markdown; in plain help they follow a line with a backspace character instead."""
FOREIGN_BARS = ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS")
"""Libraries that draw progress bars of their own unless these are set."""
NO_MEMORY = re.compile("(can't|cannot|unable to) allocate|out of memory", re.IGNORECASE)
"""What PyTorch says instead of a `MemoryError`."""
ASIDE = re.compile(r"(?<![^/\\])\.([^/\\]+)\.\d+-[0-9a-f]{8}\.tmp(?![^/\\])")
"""A file that is written beside its place, as `store.files` calls it; people know the place only."""
KEYWORD = inspect.Parameter.KEYWORD_ONLY
MARK = "_command"
"""Attribute of functions that are subcommands."""

COMMON_OPTIONS: dict[str, tuple[Any, Any]] = {
    "store": (
        Annotated[
            Path | None,
            Option(
                envvar="FRACTALCTL_STORE",
                help="Folder of feature sets.",
                show_default="the project's, else in the user cache",
            ),
        ],
        None,
    ),
    "runs": (
        Annotated[Path, Option(envvar="FRACTALCTL_RUNS", help="Folder of heads and results.")],
        Path("runs"),
    ),
    "json": (Annotated[bool, Option("--json", help="One JSON document on standard output.")], False),
    "quiet": (Annotated[bool, Option("--quiet", "-q", help="Only errors on standard error.")], False),
    "wide": (
        Annotated[bool, Option("--wide", help="Every column of tables, whether it has room or not.")],
        False,
    ),
    "verbose": (Annotated[bool, Option("--verbose", "-v", help="Details and tracebacks.")], False),
}


@dataclass(frozen=True)
class Invocation:
    """One call of a command: where things lie, how to speak, and how to be called again."""

    named_store: Path | None
    runs: Path
    console: Console
    command: typer.Context

    @property
    def store(self) -> Path:
        """Folder of feature sets."""
        from store.default import default_folder

        return self.named_store or default_folder()

    @property
    def feature_store(self) -> "FeatureStore":
        """The store in that folder."""
        from store import FeatureStore

        return FeatureStore(self.store)

    def argv(self, **overrides: Any) -> list[str]:
        """The argument vector that repeats this call, every option that has a value spelled out.

        Args:
            **overrides: parameters whose resolved value differs from what was typed (for example a
                feature set found by default); ``None`` leaves the parameter out.
        """
        words = ["fractalctl", *self._subcommand()]
        arguments: list[str] = []
        values: Mapping[str, Any] = {**self.command.params, "store": self.store, **overrides}
        for parameter in self.command.command.params:
            name, value = parameter.name, values.get(parameter.name or "")
            if name in PRESENTATION | EXECUTION or name == "help" or value is None:
                continue
            if parameter.param_type_name == "argument":
                arguments.extend(_words(value))
            elif isinstance(value, bool):
                words.extend(_flag(parameter, value))
            else:
                words.extend(word for item in _words(value) for word in (parameter.opts[0], item))
        return [*words, *arguments]

    def _subcommand(self) -> list[str]:
        """Names of the command and the groups above it, however the program itself was called."""
        names: list[str] = []
        context: Any = self.command
        while context.parent is not None:
            names.insert(0, context.info_name)
            context = context.parent
        return names


def _words(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [str(getattr(item, "value", item)) for item in value]
    return [str(getattr(value, "value", value))]


def _flag(parameter: Any, value: bool) -> list[str]:
    if value:
        return [parameter.opts[0]]
    return [parameter.secondary_opts[0]] if parameter.secondary_opts else []


Function = Callable[..., None]


def command(name: str = "", **makers: Callable[..., Any]) -> Callable[[Function], Function]:
    """Mark a function as a subcommand, whose first parameter receives an `Invocation`; see `register`.

    Args:
        **makers: parameters that several options make together: each names the function whose parameters are
            the options and whose result is the parameter's value. One whose first parameter is a
            `typer.Context` is given it.
    """

    def mark(function: Function) -> Function:
        vars(function)[MARK] = name or function.__name__.replace("_", "-"), makers
        return function

    return mark


def register(app: typer.Typer, *functions: Any) -> None:
    """Add the marked ones among functions, with the common options and the exit codes of the project."""
    for function in functions:
        if MARK in getattr(function, "__dict__", {}):
            name, makers = vars(function)[MARK]
            app.command(name)(_expanded(function, makers))


def _expanded(function: Function, makers: Mapping[str, Callable[..., Any]]) -> Function:
    """A function of all options, which reports errors as exit codes."""
    parts = {made: list(inspect.signature(maker).parameters.values()) for made, maker in makers.items()}
    aware = {made for made, own in parts.items() if own[0].annotation is typer.Context}
    parts.update({made: parts[made][1:] for made in aware})
    own = list(inspect.signature(function).parameters.values())[1:]

    def run(context: typer.Context, **options: Any) -> None:
        common = {key: options.pop(key) for key in COMMON_OPTIONS}
        if common["quiet"]:
            os.environ.update(dict.fromkeys(FOREIGN_BARS, "1"))
        console = Console(**{key: common[key] for key in PRESENTATION})
        invocation = Invocation(common["store"], common["runs"], console, context)

        def call() -> None:
            for name, value in context.params.items():
                for word in _words(value):
                    check_text(word, f"--{name.replace('_', '-')}")
            check_text(str(Path.cwd()), "the current folder")
            for made, maker in makers.items():
                given = {part.name: options.pop(part.name) for part in parts[made]}
                options[made] = maker(**given, **({"context": context} if made in aware else {}))
            if taken := said_by_project(context):
                console.note(taken)
            function(invocation, **options)

        ended_by_errors(console, call)

    common = [
        inspect.Parameter(key, KEYWORD, annotation=annotation, default=default)
        for key, (annotation, default) in COMMON_OPTIONS.items()
    ]
    expanded = [option for parameter in own for option in parts.get(parameter.name, [parameter])]
    context = inspect.Parameter("context", KEYWORD, annotation=typer.Context)
    parameters = [context, *(option.replace(kind=KEYWORD) for option in expanded), *common]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect and Typer read
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = _help_text(function)
    return run


def for_people() -> bool:
    """Whether standard output is a terminal: help is drawn with rich there, plain and sooner elsewhere."""
    return sys.stdout.isatty()


def _help_text(function: Callable[..., None]) -> str:
    """The docstring as Markdown or plain text: the lines under ``Examples:`` as one block to be pasted."""
    text, _, examples = (inspect.getdoc(function) or "").partition("Examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    text = "\n".join([text, "```", *lines, "```"]) if lines else text
    return text if for_people() else BLOCK.sub(r"\b\n\1", text)


def ended_by_errors(console: Console, action: Callable[[], None]) -> None:
    """Do something; whatever goes wrong becomes one message and an exit code.

    Raises:
        typer.Exit: something went wrong.
    """
    try:
        action()
    except (typer.Exit, typer.Abort):
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  no traceback reaches a user unasked
        message, exit_code = _told(error)
        if console.verbose and exit_code != INTERRUPTED:
            traceback.print_exc()
        if message:
            console.error(message)
        raise typer.Exit(exit_code) from None


def _told(error: BaseException) -> tuple[str, int]:
    """What a person reads of an error, and the exit code."""
    if isinstance(error, KeyboardInterrupt) or interrupted():
        return "interrupted; what was finished is kept, and the same command goes on from there", INTERRUPTED
    if isinstance(error, FractalError | StoreError):
        return str(error), error.exit_code
    if isinstance(error, BrokenPipeError):
        # The reader of our standard output has gone; pointing it elsewhere keeps the exit silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return "", 1
    if isinstance(error, OSError):
        name = ASIDE.sub(r"\1", str(error.filename or "input/output"))
        return f"{name}: {error.strerror or error}", 1
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        return f"not enough memory for what was asked: {str(error) or 'no more can be had'}", 1
    return f"unexpected {type(error).__name__}: {error} (--verbose shows where)", 1


def check_text(word: str, what: str) -> None:
    """See that a word can stand in a result file; RequestError if it holds bytes that are no UTF-8."""
    if any("\ud800" <= letter <= "\udfff" for letter in word):
        raise RequestError(
            f"{what}: {word!a} holds bytes that are no UTF-8, so no result could name it; rename the file or "
            "folder, or convert the text"
        )


def expand_stdin(arguments: Iterable[str] | None, expected: str = "a path on each line") -> list[str]:
    """Replace each ``-`` among the arguments by the non-empty lines of standard input.

    Raises RequestError: there are none. Whatever command was to give them may have failed, so that taking
    anything else would give a pipe a result that nobody asked for.
    """
    expanded: list[str] = []
    for argument in arguments or ():
        lines = _standard_input().splitlines() if argument == "-" else [argument]
        found = [line for line in lines if line.strip()]
        if argument == "-" and not found:
            raise RequestError(
                f"standard input: expected {expected}, got none; did the command before the pipe fail?"
            )
        expanded.extend(found)
    return expanded


def _standard_input() -> str:
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise RequestError(f"standard input: not UTF-8 text ({error.reason})") from error
    check_text(text, "standard input")
    return text
