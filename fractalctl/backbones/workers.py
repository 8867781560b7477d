"""Batches side by side on a processor's cores."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    function: Callable[[Item], Result], items: Iterable[Item], abandon: Callable[[], None] = lambda: None
) -> Iterator[Result]:
    """Call a function on all items, each call on one core, as many at a time as PyTorch has threads.

    A batch of an encoder is many small operators. Dividing each of them among the cores makes the cores wait
    for each other some hundred times a batch; giving each core a batch of its own makes them wait once. It
    also makes a result independent of the number of cores, as no sum is divided among them.

    Args:
        function: runs PyTorch operators, which let other threads run meanwhile.
        items: what to call it on.
        abandon: told when an error or an interrupt ends the work; calls under way are waited for, so that
            long ones should look out for it.

    Yields:
        Results in the order in which they are ready.
    """
    with _one_thread_per_operator() as n_workers, ThreadPoolExecutor(n_workers) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            abandon()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_per_operator() -> Iterator[int]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield n_threads
    finally:
        torch.set_num_threads(n_threads)
