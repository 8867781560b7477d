"""``fractalctl.toml``, found upward from the current folder: defaults of commands.

Options beat the environment, and that beats the file. Which store is meant `store.default` knows.
"""

from collections.abc import Mapping
from typing import Any

import typer

from store.default import find_project

EVERYWHERE = ("runs",)
OF_COMMANDS: dict[str, tuple[str, ...]] = {
    "featurize": ("corpus", "backbone", "text", "levels"),
    "corpora info": ("corpus", "text", "levels"),
    "train": ("strategy",),
    "embed": ("text",),
    "index": ("text",),
}
"""Options, by their parameters' names, that the file has something to say about."""


def read_defaults(context: typer.Context) -> None:
    """Let the commands below a context have the defaults of the project's file, where there is one.

    Raises RequestError: it cannot be read, see `fractalctl.documents.project.read_project`.
    """
    if (path := find_project()) is None:
        return
    from fractalctl.documents.project import read_project

    context.default_map = defaults_of(context.command, read_project(path).values(path.parent))


def defaults_of(command: Any, values: Mapping[str, Any], words: str = "") -> dict[str, Any]:
    """A command's defaults as `click` takes them, those of a group by its commands."""
    if hasattr(command, "commands"):
        return {
            name: defaults_of(inner, values, f"{words} {name}".strip())
            for name, inner in command.commands.items()
        }
    own = (*EVERYWHERE, *OF_COMMANDS.get(words, ()))
    return {name: values[name] for name in own if name in values}


def said_by_project(context: typer.Context) -> str | None:
    """What a command takes from the file, for people; None where it takes nothing but folders."""
    found = {name: value for name, value in context.params.items() if from_project(context, name)}
    words = [
        f"{name} = {', '.join(value) if isinstance(value, list | tuple) else value}"
        for name, value in found.items()
        if name not in EVERYWHERE and value is not None
    ]
    return f"{find_project()}: {'; '.join(words)}" if words else None


def from_project(context: typer.Context, name: str) -> bool:
    """Whether a parameter has its value from the file."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "DEFAULT_MAP"
