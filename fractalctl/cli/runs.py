"""``fractalctl runs``: look after trained heads."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.errors import RequestError
from fractalctl.numbers import MISSING
from fractalctl.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from fractalctl.experiments.keeping import KeptArm

Heads = Annotated[
    list[str] | None,
    Argument(
        metavar="HEADS",
        autocompletion=completion.HEADS,
        help="Names as `ls` shows them, folders, or - for paths on standard input. Default: all below RUNS.",
        show_default=False,
    ),
]
HELP = "Look after trained heads."


@command()
def ls(invocation: Invocation) -> None:
    """List the heads below RUNS, arm by arm, those trained last first.

    Folders of heads go to standard output, so that other commands can read them. Commands that take heads
    take these names, too.

    Examples:
        fractalctl runs ls

        fractalctl runs ls --quiet | fractalctl evaluate - --protocol index
    """
    from fractalctl.experiments.keeping import kept_arms, readable_heads

    heads, damaged = readable_heads(invocation.runs)
    arms, console = kept_arms(invocation.runs, heads), invocation.console
    if arms:
        columns = ("name", "seeds", "measured", "trained", "lengths")
        caption = f"Heads below {invocation.runs}"
        console.tables([Table("heads", caption, columns, [*map(_row, arms)], left=len(columns))])
    else:
        console.note(shared.NOTHING_TRAINED.format(invocation.runs))
    for message in damaged:
        console.warn(message)
    document = {"arms": [_described(arm) for arm in arms], "damaged": damaged}
    console.emit((head.folder for arm in arms for head in arm.heads), document)


@command()
def info(invocation: Invocation, heads: Heads = None) -> None:
    """Show heads: what they are, what they were trained on, what was measured, and what makes them again.

    Examples:
        fractalctl runs info trec/minilm/v5

        fractalctl runs info runs/trec/minilm/v5/seed-42 --json
    """
    arms, console = _chosen(invocation, heads), invocation.console
    for arm in arms:
        head = arm.heads[0]
        said = head.document
        source, names = _source(said.features.path, len(said.classes))
        lines = {
            "strategy": f"{said.strategy}, method {said.method}, trunk {said.trunk or MISSING}",
            "lengths": ", ".join(map(str, head.dims)),
            "seeds": ", ".join(str(one.seed) for one in arm.heads),
            "trained": arm.trained,
            "on": said.features.path,
            "source": source,
            "classes": " > ".join(
                f"{len(own)} {name}" for own, name in zip(said.classes, names, strict=True)
            ),
            "measured": ", ".join(arm.protocols) or MISSING,
            "again": shared.as_command(_argv(arm)),
        }
        console.note(f"\n{arm.name}")
        console.note("\n".join(f"  {name:<10}{text}" for name, text in lines.items()))
    documents = [{**_described(arm), "documents": [head.document for head in arm.heads]} for arm in arms]
    console.emit((head.folder for arm in arms for head in arm.heads), documents)


@command()
def rm(
    invocation: Invocation,
    heads: Annotated[
        list[str],
        Argument(
            metavar="HEADS", autocompletion=completion.HEADS, help="Names as `ls` shows them, or folders."
        ),
    ],
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove heads and what was measured of them, after saying what is lost and asking.

    What else lies in their folders stays: exports, indexes, and whatever is not ours. Folders that were
    removed go to standard output.

    Examples:
        fractalctl runs rm trec/minilm/inverted --yes

        fractalctl runs rm runs/trec/minilm/v5/seed-456 --yes
    """
    from fractalctl.experiments.keeping import remove_head

    arms, console = _chosen(invocation, heads), invocation.console
    lost = [f"{arm.name}: seeds {_seeds(arm)}, {len(arm.results)} file(s) of results" for arm in arms]
    if not yes:
        if not sys.stdin.isatty():
            what = "\n".join(lost)
            raise RequestError(
                f"{what}\nremoving asks for confirmation, and standard input is no terminal: give --yes"
            )
        typer.confirm("\n".join([*lost, "Remove them?"]), abort=True, err=True)
    else:
        console.note("\n".join(f"Removing {line}" for line in lost))
    removed: list[Path] = []
    for head in [head for arm in arms for head in arm.heads]:
        for path in remove_head(head):
            console.note(f"{path} stays: it is no part of the head")
        removed.append(head.folder)
    console.emit(removed, list(map(str, removed)))


def _chosen(invocation: Invocation, names: list[str] | None) -> "list[KeptArm]":
    from fractalctl.experiments.keeping import kept_arms
    from fractalctl.heads.head import find_heads

    return kept_arms(invocation.runs, find_heads(shared.head_paths(invocation, names)))


def _row(arm: "KeptArm") -> list[object]:
    lengths = ", ".join(map(str, arm.heads[0].dims))
    return [arm.name, _seeds(arm), ", ".join(arm.protocols) or MISSING, arm.trained, lengths]


def _argv(arm: "KeptArm") -> list[str] | None:
    """What trains all heads of an arm again where only their seeds differ, else the first of them."""
    argv = arm.heads[0].document.argv
    if argv is None or "--seeds" not in argv:
        return argv
    place = argv.index("--seeds") + 1
    rest = {tuple(own[:place] + own[place + 1 :]) for own in (one.document.argv or [] for one in arm.heads)}
    seeds = ",".join(str(one.seed) for one in arm.heads)
    return [*argv[:place], seeds, *argv[place + 1 :]] if len(rest) == 1 else argv


def _seeds(arm: "KeptArm") -> str:
    return ", ".join(str(head.seed) for head in arm.heads)


def _described(arm: "KeptArm") -> dict[str, Any]:
    head = arm.heads[0]
    return {
        "name": arm.name,
        "corpus": head.corpus,
        "backbone": head.backbone,
        "arm": head.arm,
        "seeds": [one.seed for one in arm.heads],
        "dims": list(head.dims),
        "trained": arm.trained,
        "features": head.document.features.path,
        "protocols": arm.protocols,
        "folders": [str(one.folder) for one in arm.heads],
        "results": [str(path) for path in arm.results],
    }


def _source(path: str, n_levels: int) -> tuple[str, Sequence[str]]:
    """Where the texts of a feature set came from, and what its levels are called, if it is still there."""
    from fractalctl.corpora.recorded import level_names, source_of, unnamed
    from store import FeatureSet
    from store.errors import StoreError

    try:
        features = FeatureSet(path)
        return source_of(features) or MISSING, level_names(features)
    except StoreError:
        return MISSING, unnamed(n_levels)
