"""The options that say which processes do the work, declared once."""

from collections.abc import Callable
from typing import Annotated

import typer

from fractalctl.cli.expansion import in_place_of
from fractalctl.errors import RequestError
from fractalctl.executors import Executor, ExecutorKind

ExecutorOption = Annotated[
    ExecutorKind | None,
    typer.Option("--executor", help="Processes that work side by side.", show_default="this process alone"),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes of `--executor local`.", show_default="one per core"),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", help="Of `--executor dask`: tcp://host:8786, or its file. Of ray: address."),
]


def build_executor(
    executor: ExecutorOption = None, workers: WorkersOption = None, scheduler: SchedulerOption = None
) -> Executor | None:
    """An executor from option values; None is this process.

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


def with_executor(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `build_executor` in the place of its parameter ``executor``."""
    return in_place_of("executor", build_executor, function)
