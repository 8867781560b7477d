"""The command line: one thin module per subcommand, each of which calls one library function."""

import importlib
import sys
from collections.abc import Iterable

import typer
from typer import Option

from fractalctl.cli.console import Console
from fractalctl.cli.plumbing import ended_by_errors, for_people, register
from fractalctl.cli.project import read_defaults

COMMANDS = (
    "init",
    "featurize",
    "train",
    "evaluate",
    "ablate",
    "synth",
    "embed",
    "export",
    "index",
    "search",
    "bench-latency",
    "stats",
    "compare",
    "report",
    "verify",
    "demo",
    "runs",
    "store",
    "corpora",
    "strategies",
)
"""Modules of this package in the order that ``--help`` lists them; a group of commands has ``HELP``."""


def build_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Assemble the Typer application from the command modules; imports nothing heavy."""
    app = typer.Typer(
        name="fractalctl",
        help="Steerable text embeddings: short prefixes answer coarse questions, full vectors fine ones.",
        no_args_is_help=True,
        rich_markup_mode="markdown" if for_people() else None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version_option)
    for name in names:
        module = importlib.import_module(f"fractalctl.cli.{name.replace('-', '_')}")
        own = [one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__]
        if about := getattr(module, "HELP", ""):
            group = typer.Typer(help=about, no_args_is_help=True)
            app.add_typer(group, name=name)
        register(group if about else app, *own)
    return app


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(version("fractalctl"))
        raise typer.Exit


def _version_option(
    context: typer.Context,
    version: bool = Option(  # noqa: ARG001  its callback does the work
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    ended_by_errors(Console(), lambda: read_defaults(context))


def main() -> None:
    """Entry point of the ``fractalctl`` script; only the module of the command that is called is imported."""
    called = [name for name in COMMANDS if name in sys.argv[1:2]]
    build_app(called or COMMANDS)()
