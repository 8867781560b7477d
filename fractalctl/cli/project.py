"""``fractalctl.toml``, found upward from the current folder: defaults of commands.

Options beat the environment, and that beats the file.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

NAME = "fractalctl.toml"
EVERYWHERE = ("store", "runs")
OF_COMMANDS: dict[str, tuple[str, ...]] = {
    "featurize": ("corpus", "backbone", "text", "levels"),
    "corpora info": ("corpus", "text", "levels"),
    "train": ("strategy",),
    "embed": ("text",),
    "index": ("text",),
}
"""Options, by their parameters' names, that the file has something to say about."""


def find_project() -> Path | None:
    """The nearest file, in the current folder or above it."""
    with suppress(OSError):
        here = Path.cwd()
        return next((path for folder in (here, *here.parents) if (path := folder / NAME).is_file()), None)
    return None


def read_defaults(context: typer.Context) -> None:
    """Let the commands below a context have the defaults of the project's file, where there is one.

    Raises:
        RequestError: it cannot be read, see `fractalctl.documents.project.read_project`.
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


def from_project(context: typer.Context, name: str) -> bool:
    """Whether a parameter has its value from the file."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "DEFAULT_MAP"
