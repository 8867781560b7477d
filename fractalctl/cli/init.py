"""``fractalctl init``: a project of one's own."""

import json
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.arm_options import StrategyOption
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.errors import RequestError
from store.default import PROJECT_FILE, find_project

STORE, RUNS = "features", "runs"
"""Folders beside the file, unless others are named."""
ARMS = ("zoom", "mrl")
HEADING = "# What fractalctl takes for granted in this folder and below."


@command()
def init(
    invocation: Invocation,
    corpus: Annotated[
        str | None,
        Argument(
            metavar="CORPUS",
            autocompletion=completion.CORPORA,
            help="What the project is about, such as a table of texts.",
        ),
    ] = None,
    text: Annotated[str | None, Option(help="Column of the text.")] = None,
    levels: Annotated[
        list[str] | None, Option(metavar="NAME,...", help="Columns of the labels, coarse to fine, by commas.")
    ] = None,
    backbone: shared.BackboneOption = None,
    strategy: StrategyOption = None,
) -> None:
    """Write fractalctl.toml: what commands in this folder, and below it, take for granted.

    A table is read, so that a wrong column is found now. The project gets a store and a folder of runs of its
    own, and trains zoom and mrl unless --strategy names others. Options beat the environment, and that beats
    the file.

    Examples:
        fractalctl init tickets.csv --text message --levels team,topic

        fractalctl init clinc --backbone minilm --strategy zoom,lda
    """
    from fractalctl.backbones.resolve import resolve_backbone
    from fractalctl.backbones.spec import default_backbone, registered_backbones
    from fractalctl.documents.project import read_project
    from fractalctl.heads.arms import build_arm
    from store.files import write_aside

    path, columns = Path(PROJECT_FILE), shared.names(levels)
    if path.exists():
        raise RequestError(f"{path.resolve()}: is there already; change it, or remove it first")
    if outer := find_project():
        invocation.console.note(f"{outer} says nothing any more to this folder and those below")
    arms = shared.names(strategy) or ARMS
    for arm in arms:
        build_arm(arm, max(len(columns), 2))
    if backbone:
        resolve_backbone(backbone)
        if "/" not in backbone and Path(backbone).is_dir() and backbone not in registered_backbones():
            backbone = f"./{backbone}"  # so that it is found from the folders below, too
    settings = {
        "store": _typed(invocation, "store") or STORE,
        "runs": _typed(invocation, "runs") or RUNS,
        "backbone": backbone or default_backbone(),
        "arms": list(arms),
    }
    said = {"path": corpus, "text": text, "levels": list(columns)}
    if corpus:
        _look_at(invocation, corpus, text, columns)
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()]
    lines += ["", "[corpus]"] if any(said.values()) else []
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in said.items() if value]
    with write_aside(path) as aside:
        aside.write_text("\n".join([HEADING, *lines, ""]), "utf-8")
        read_project(aside)
    invocation.console.note("\n".join(["", *lines, ""]))
    invocation.console.note("Next: fractalctl featurize" + ("" if corpus else " CORPUS"))
    invocation.console.emit([path], {**settings, "corpus": said})


def _typed(invocation: Invocation, name: str) -> str | None:
    """A folder that was named on the command line, which the environment's is not."""
    source: Any = invocation.command.get_parameter_source(name)
    return str(invocation.command.params[name]) if source.name == "COMMANDLINE" else None


def _look_at(invocation: Invocation, corpus: str, text: str | None, levels: tuple[str, ...]) -> None:
    """Read a table, and say what is in it; registered corpora are fetched when they are encoded."""
    from fractalctl.corpora.registry import registered_corpora
    from fractalctl.corpora.request import CorpusRequest

    request = CorpusRequest(corpus, text=text, levels=levels)
    if corpus in registered_corpora() or not Path(corpus).exists():
        request.identity()
        return
    found = request.load(progress=invocation.console.progress)
    classes = " > ".join(
        f"{count} {level}" for level, count in zip(found.levels, found.tree.class_counts, strict=True)
    )
    rows = ", ".join(f"{split} {len(own)}" for split, own in found.splits.items())
    invocation.console.note(f"{corpus}: {classes}; rows: {rows}")
