"""``fractalctl store``: look after the feature store."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli.plumbing import Invocation, command, expand_stdin
from fractalctl.corpora.recorded import level_names, source_of
from fractalctl.errors import FractalError, RequestError
from fractalctl.numbers import MISSING, minute
from fractalctl.tables import Table
from store.errors import ChangedError, StoreError

if TYPE_CHECKING:
    from store import FeatureSet, FeatureStore

NAMES_HELP = "Names as `ls` shows them, a corpus for all of its sets, paths, or - for standard input."
Names = Annotated[
    list[str] | None,
    Argument(metavar="SETS", autocompletion=completion.SETS, help=NAMES_HELP, show_default="all sets"),
]
Name = Annotated[
    str | None,
    Argument(
        metavar="SET",
        autocompletion=completion.SETS,
        help="A name as `ls` shows it, corpus/backbone, a corpus, or a path.",
        show_default="the set written last",
    ),
]
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
HELP = "Look after the feature store."


@command("ls")
def list_sets(invocation: Invocation) -> None:
    """List the feature sets, the one written last first, and what services answered.

    Paths of sets go to standard output, so that other commands can read them.

    Examples:
        fractalctl store ls

        fractalctl store ls --quiet | fractalctl train - --strategy v5
    """
    store, console = invocation.feature_store, invocation.console
    damaged: list[StoreError] = []
    answers = list(_answers(store, damaged))
    sets, unfinished = store.sets(damaged.append), store.unfinished()
    if sets:
        columns = ("Set", "Rows", "Classes", "Written", "Size", "Dimension", "Source")
        console.tables([Table("sets", f"Feature sets in {store.folder}", columns, [*map(_row, sets)])])
    else:
        console.note(f"no feature set in {store.folder}; make one with fractalctl featurize")
    if answers:
        rows = [(one["name"], one["texts"], _size(one["bytes"])) for one in answers]
        console.tables([Table("answers", "Answers of services", ("Answers", "Texts", "Size"), rows)])
    for error in damaged:
        console.warn(str(error))
    for path in unfinished:
        console.note(f"{store.name_of(path)} is unfinished; featurize goes on where it stopped")
    document = {
        "sets": [_summary(one) for one in sets],
        "unfinished": list(map(str, unfinished)),
        "answers": answers,
        "damaged": list(map(str, damaged)),
    }
    console.emit((one.path for one in sets), document)


@command("info")
def show_set(invocation: Invocation, name: Name = None) -> None:
    """Show one feature set: its recipe, rows, classes and sizes.

    Examples:
        fractalctl store info

        fractalctl store info clinc/minilm --json
    """
    features, console = invocation.feature_store.resolve(name), invocation.console
    levels = _levels(features)
    summary = _summary(features)
    console.note(
        f"{features.path}\n{_size(features.n_bytes)}, written {summary['written']}, from "
        f"{summary['source'] or MISSING}, identity {features.identity}\n"
    )
    sizes = [(split, n, _size(4 * n * features.dimension)) for split, n in summary["rows"].items()]
    titles = (
        f"{name} [L{level}]" if name != f"L{level}" else name
        for level, name in enumerate(level_names(features))
    )
    counted = [(title, *counts.values()) for title, counts in zip(titles, levels, strict=True)]
    title = f"Rows per class in {features.splits[0]}"
    console.tables([
        Table("rows", "Rows", ("Split", "Rows", "Features"), sizes),
        Table("classes", title, ("Level", "Classes", "Fewest", "Median", "Most"), counted),
    ])  # fmt: skip
    recipe = (f"  {field:<30}  {value}" for field, value in _fields(features.recipe))
    console.note("\n".join(["Recipe", *recipe]))
    console.emit([features.path], {**summary, "levels": levels, "recipe": features.recipe})


@command("verify")
def verify_sets(invocation: Invocation, names: Names = None) -> None:
    """Check every byte of feature sets; exit code 1 if any has changed since it was written.

    Paths of the intact ones go to standard output.

    Examples:
        fractalctl store verify

        fractalctl store verify clinc/minilm trec
    """
    paths, outcomes = _selected(invocation, names), []
    with invocation.console.progress("verifying", len(paths)) as advance:
        for path in paths:
            outcomes.append(_verified(path))
            advance(1)
    errors = [outcome["error"] for outcome in outcomes if not outcome["intact"]]
    invocation.console.note(f"{len(paths) - len(errors)} of {len(paths)} feature sets are intact")
    invocation.console.emit((outcome["path"] for outcome in outcomes if outcome["intact"]), outcomes)
    if errors:
        raise FractalError("\n".join(errors))


@command("rm")
def remove_sets(
    invocation: Invocation,
    names: Annotated[list[str], Argument(metavar="SETS", autocompletion=completion.SETS, help=NAMES_HELP)],
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove feature sets, finished or not, and answers of services, after asking.

    Paths of what was removed go to standard output.

    Examples:
        fractalctl store rm clinc/minilm --yes

        fractalctl store rm clinc trec --yes
    """
    store, paths = invocation.feature_store, _selected(invocation, names, unfinished=True)
    if not yes:
        if not sys.stdin.isatty():
            raise RequestError(
                "removing asks for confirmation, and standard input is no terminal: give --yes"
            )
        listed = "\n".join(map(str, paths))
        typer.confirm(f"{listed}\nRemove {len(paths)} file(s)?", abort=True, err=True)
    for path in paths:
        store.remove(path)
    invocation.console.emit(paths, list(map(str, paths)))


@command("gc")
def clear_up(
    invocation: Invocation,
    yes: Annotated[bool, Option("--yes", "-y", help="Remove it, instead of showing it.")] = False,
) -> None:
    """Show what killed commands left in the store and below RUNS, and remove it with --yes.

    That is what was written aside and never finished, parts of what is finished, and locks and notes of what
    is gone. What a living process uses, or was changed within the last hour, stays, and so does unfinished
    work that the same command goes on with. Paths go to standard output.

    Examples:
        fractalctl store gc

        fractalctl store gc --yes
    """
    from store.leftovers import find_leftovers

    console = invocation.console
    folders = dict.fromkeys(path.resolve() for path in (invocation.feature_store.folder, invocation.runs))
    found = [one for folder in folders for one in find_leftovers(folder)]
    if found:
        rows = [(str(one.path), one.what, _size(one.n_bytes)) for one in found]
        console.tables([Table("leftovers", "Left behind", ("Path", "What it is", "Size"), rows, left=2)])
    for one in found if yes else ():
        one.remove()
    total = _size(sum(one.n_bytes for one in found))
    console.note(
        f"{len(found)} left behind, {total}" + (": removed" if yes else "; --yes removes") * bool(found)
    )
    console.emit(
        [one.path for one in found],
        [{"path": str(one.path), "what": one.what, "bytes": one.n_bytes, "removed": yes} for one in found],
    )


def _answers(store: "FeatureStore", damaged: list[StoreError]) -> Iterator[dict[str, Any]]:
    for one in store.kept_answers():
        try:
            yield {
                "name": f"answers/{one.path.stem}",
                "path": str(one.path),
                "texts": len(one),
                "bytes": one.path.stat().st_size,
            }
        except StoreError as error:
            damaged.append(error)


def _selected(invocation: Invocation, names: list[str] | None, *, unfinished: bool = False) -> list[Path]:
    store, wanted = invocation.feature_store, expand_stdin(names) if names else [None]
    paths = (path for name in wanted for path in store.select(name, unfinished=unfinished))
    return list(dict.fromkeys(paths))


def _verified(path: Path) -> dict[str, Any]:
    from store import verify

    outcome: dict[str, Any] = {"path": str(path), "intact": True, "changed": [], "error": None}
    try:
        verify(path)
    except StoreError as error:
        changed = list(error.changed) if isinstance(error, ChangedError) else []
        outcome.update(intact=False, changed=changed, error=str(error))
    return outcome


def _summary(features: "FeatureSet") -> dict[str, Any]:
    return {
        "path": str(features.path),
        "corpus": features.corpus,
        "backbone": features.backbone,
        "identity": features.identity,
        "rows": {split: features.n_rows(split) for split in features.splits},
        "dimension": features.dimension,
        "classes": list(map(len, features.class_names)),
        "bytes": features.n_bytes,
        "written": minute(features.written / 1e9),
        "source": source_of(features),
    }


def _levels(features: "FeatureSet") -> list[dict[str, int]]:
    """Of each level: how many classes, and rows of the smallest, the median and the largest of them."""
    import numpy as np

    labels, levels = features.labels(features.splits[0]), []
    for level, names in enumerate(features.class_names):
        counts = np.bincount(labels[:, level], minlength=len(names))
        levels.append({"classes": len(names), "fewest": int(counts.min()),
                       "median": int(np.median(counts)), "most": int(counts.max())})  # fmt: skip
    return levels


def _fields(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested objects, with dotted names."""
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _fields(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _shown(value)


def _shown(value: Any) -> str:
    """A JSON value for people; text that begins or ends with a space is quoted."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", {}):
        return MISSING
    return repr(value) if isinstance(value, str) and value != value.strip() else str(value)


def _row(features: "FeatureSet") -> tuple[object, ...]:
    rows = ", ".join(f"{split} {features.n_rows(split)}" for split in features.splits)
    classes = " > ".join(str(len(names)) for names in features.class_names)
    when, source = minute(features.written / 1e9), source_of(features) or MISSING
    size = _size(features.n_bytes)
    return f"{features.corpus}/{features.name}", rows, classes, when, size, features.dimension, source


def _size(n_bytes: int) -> str:
    exponent = min(max(n_bytes.bit_length() - 1, 0) // 10, len(UNITS) - 1)
    return f"{n_bytes / 1024**exponent:.1f} {UNITS[exponent]}"
