"""Other processes that do the work: on this machine, on a Dask cluster or on Ray, by joblib's backends."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any, TypeVar

from fractalctl.errors import FractalError, MissingExtraError, RequestError, UnreachableError

SECONDS = 1.0
"""Between two looks at who the parent is."""

_watched: set[int] = set()
Item = TypeVar("Item")
Result = TypeVar("Result")
PATIENCE = 60
"""Seconds that a Dask scheduler without workers is given to find some."""
AHEAD = 128
"""Items that a Dask scheduler is given at once, at least: workers may still be joining."""


def end_with_parent(parent: int, clean: Callable[[], object] = lambda: None) -> None:
    """Have this process end soon after its parent has, which may have been killed and told nobody.

    Args:
        parent: number of the process; a second call for it changes nothing.
    """
    if parent in _watched:
        return
    _watched.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            sleep(SECONDS)
        clean()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class ExecutorKind(StrEnum):
    """Where the processes are."""

    LOCAL = "local"
    """On this machine: joblib's own processes (loky)."""
    DASK = "dask"
    """The workers of a Dask scheduler."""
    RAY = "ray"
    """A Ray cluster."""


@dataclass(frozen=True)
class Executor:
    """Who shall do the work.

    Args:
        n_workers: processes on this machine; None is one per core.
        scheduler: address of a Dask scheduler (``tcp://host:8786``) or the file that it describes itself in
            (``dask scheduler --scheduler-file``); address of a Ray cluster, None starts one on this machine.

    Raises RequestError: a number of workers where a cluster decides it, or a scheduler where there is none.
    """

    kind: ExecutorKind = ExecutorKind.LOCAL
    n_workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.n_workers is not None and self.kind is not ExecutorKind.LOCAL:
            raise RequestError(
                f"--workers is of --executor local; how many there are is up to the {self.kind} cluster"
            )
        if self.scheduler and self.kind is ExecutorKind.LOCAL:
            raise RequestError("--scheduler is of --executor dask and ray; --executor local has none")
        if not self.scheduler and self.kind is ExecutorKind.DASK:
            raise RequestError(
                "--executor dask needs --scheduler ADDRESS, such as tcp://host:8786, or the path of a "
                "scheduler file"
            )

    def connect(self) -> "AbstractContextManager[Workers]":
        """Reach the workers, for as long as the context lasts.

        Raises MissingExtraError: the library of this kind is not installed; UnreachableError: there is no
        scheduler at the address, or it has no workers.
        """
        return _CONNECT[self.kind](self)


@dataclass(frozen=True)
class Workers:
    """Processes within reach.

    Attributes:
        count: items that they work on at a time.
        backend: what `joblib.parallel_config` takes to use them.
        losses: exceptions that mean that a process ended without a result.
        one_by_one: whether results are to be had before the last of them is ready.
        parent: process with which they end, where the backend does not see to that.
        ahead: items under way at a time, as joblib's ``pre_dispatch``.
    """

    count: int
    backend: Mapping[str, Any]
    losses: tuple[type[Exception], ...]
    one_by_one: bool = True
    parent: int | None = None
    ahead: int | str = "2 * n_jobs"

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, in_order: bool = True
    ) -> Iterator[Result]:
        """Call a function on all items, in whatever process is free.

        Args:
            function: can be pickled; importable where the workers are.
            items: can be pickled; taken as workers become free.
            in_order: False yields what is ready first, first.

        Raises FractalError: a worker was killed and nobody does its work again. Errors of the function itself
        are raised as they are.
        """
        import joblib

        return_as = "list" if not self.one_by_one else "generator" if in_order else "generator_unordered"
        with joblib.parallel_config(**self.backend):
            parallel = joblib.Parallel(batch_size=1, return_as=return_as, pre_dispatch=self.ahead)
        try:
            yield from parallel(joblib.delayed(_call)(self.parent, function, item) for item in items)
        except self.losses as error:
            raise FractalError(
                f"a worker process ended in the middle of its work ({type(error).__name__}); was it killed "
                "for the memory it took? What was finished is kept, and the same command goes on from there"
            ) from error


def _call(parent: int | None, function: Callable[[Item], Result], item: Item) -> Result:
    """What a worker does, which is this process where there is to be one alone."""
    if parent is not None and parent != os.getpid():
        end_with_parent(parent)
    return function(item)


@contextmanager
def _local(executor: Executor) -> Iterator[Workers]:
    """Processes of this machine; joblib gives each its share of the cores as threads."""
    from concurrent.futures.process import BrokenProcessPool

    import joblib

    count = joblib.effective_n_jobs(executor.n_workers or -1)
    yield Workers(count, {"backend": "loky", "n_jobs": count}, (BrokenProcessPool,), parent=os.getpid())


@contextmanager
def _dask(executor: Executor) -> Iterator[Workers]:
    """The workers of a Dask scheduler, which gives what a lost worker was doing to another one."""
    from concurrent.futures import CancelledError

    distributed = _library("distributed", ExecutorKind.DASK)
    address = str(executor.scheduler)
    place = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = distributed.Client(**place, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UnreachableError(
            f"no Dask scheduler can be reached at {address} ({error}); 'dask scheduler' starts one"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise UnreachableError(
                f"the Dask scheduler at {address} has had no workers for {PATIENCE} s; "
                f"'dask worker {address}' starts one"
            ) from None
        count = sum(client.nthreads().values())
        losses = (distributed.KilledWorker, CancelledError)
        yield Workers(count, {"backend": _dask_backend(client)}, losses, ahead=max(AHEAD, 2 * count))


def _dask_backend(client: Any) -> Any:
    """The backend for a client; joblib by itself would not ask a single worker but do the work here."""
    import joblib
    from joblib.parallel import get_active_backend

    with joblib.parallel_config("dask", client=client):
        backend, _ = get_active_backend()
    counted = backend.effective_n_jobs
    backend.effective_n_jobs = lambda n_jobs: max(2, counted(n_jobs))
    return backend


@contextmanager
def _ray(executor: Executor) -> Iterator[Workers]:
    """A Ray cluster, or a Ray of this machine's own that ends with the context."""
    ray = _library("ray", ExecutorKind.RAY)
    try:
        ray.init(address=executor.scheduler, log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        raise UnreachableError(f"no Ray cluster can be reached at {executor.scheduler} ({error})") from error
    try:
        import_module("ray.util.joblib").register_ray()
        count = max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield Workers(
            count, {"backend": "ray", "n_jobs": count}, (ray.exceptions.RayError,), one_by_one=False
        )
    finally:
        ray.shutdown()


def _library(module: str, kind: ExecutorKind) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"--executor {kind}", str(kind)) from error


_CONNECT: dict[ExecutorKind, Callable[[Executor], AbstractContextManager[Workers]]] = {
    ExecutorKind.LOCAL: _local,
    ExecutorKind.DASK: _dask,
    ExecutorKind.RAY: _ray,
}
