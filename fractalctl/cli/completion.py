"""What the shell offers at a Tab: names of what is registered, and of what lies in the store and the runs.

Whatever goes wrong while somebody types is nothing to tell them about: nothing is offered then.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from fractalctl import measures
from store.default import default_folder, find_project

NO_METRICS = ("all", "none")
"""Words that stand for every metric and for none."""
Complete = Callable[[typer.Context, str], list[str]]


def _offered(names: Callable[[typer.Context], Iterable[str]]) -> Complete:
    """A callback of Typer's: the names that begin with what is typed, after the last comma of a list."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        before, comma, typed = incomplete.rpartition(",")
        try:
            return [f"{before}{comma}{name}" for name in names(ctx) if name.startswith(typed)]
        except Exception:  # noqa: BLE001  see above
            return []

    return complete


def _folder(context: typer.Context, name: str) -> Path:
    """The store or the runs of a command that is still being typed."""
    source = context.get_parameter_source(name)
    if source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT"):
        return Path(context.params[name])
    if name == "store":
        return default_folder()
    if named := os.environ.get("FRACTALCTL_RUNS"):
        return Path(named)
    if (path := find_project()) is not None:
        from fractalctl.documents.project import read_project

        if said := read_project(path).values(path.parent).get(name):
            return Path(said)
    return Path("runs")


def _strategies(_context: typer.Context) -> Iterable[str]:
    from fractalctl.heads.arms import strategies

    return strategies()


def _backbones(_context: typer.Context) -> Iterable[str]:
    from fractalctl.backbones.spec import registered_backbones

    return [*registered_backbones(), "hub:", "openai:", "ollama:"]


def _corpora(_context: typer.Context) -> Iterable[str]:
    from fractalctl.corpora.registry import registered_corpora

    return [*registered_corpora(), "hub:"]


def _sets(context: typer.Context) -> Iterable[str]:
    found = sorted(_folder(context, "store").glob("*/*.h5"))
    return [f"{path.parent.name}/{path.stem}" for path in found]


def _heads(context: typer.Context) -> Iterable[str]:
    runs = _folder(context, "runs")
    seeds = (path.parent.relative_to(runs) for path in sorted(runs.rglob("head.json")))
    return dict.fromkeys(folder.as_posix() for seed in seeds for folder in (seed.parent, seed))


def _metrics(_context: typer.Context) -> Iterable[str]:
    """Built-in ones are called as their modules, which is known without PyTorch; plug-ins are asked."""
    from importlib.metadata import entry_points
    from pkgutil import iter_modules

    if entry_points(group="fractalctl.metrics"):
        from fractalctl.measures.metrics import metrics

        return [*metrics(), *NO_METRICS]
    folder = Path(measures.__file__).parent / "metrics"
    return [*(found.name for found in iter_modules([str(folder)])), *NO_METRICS]


def _words(*words: str) -> Any:
    return lambda _context: words


STRATEGIES, BACKBONES, CORPORA = _offered(_strategies), _offered(_backbones), _offered(_corpora)
SETS, HEADS, METRICS = _offered(_sets), _offered(_heads), _offered(_metrics)
AXES = _offered(_words("alignment", "capacity", "noise", "depth", "rows", "unseen", "backbone"))
FORMATS = _offered(_words("sentence-transformers", "onnx", "qdrant", "chroma", "lancedb", "pgvector"))
