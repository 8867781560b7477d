"""Which texts go through the model together, and batches side by side on a processor's cores."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
Result = TypeVar("Result")


class Distinct(NamedTuple):
    """Texts without repetitions, and the way back."""

    texts: list[str]
    """Each text once, in order of first appearance."""
    positions: NDArray[np.int64]
    """(n,) position in ``texts`` of each of the n original texts."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each of the distinct texts appears."""
        return np.bincount(self.positions, minlength=len(self.texts))


def distinct(texts: Sequence[str]) -> Distinct:
    """Find repeated texts, so that each is encoded once.

    >>> distinct(["b", "a", "b"])
    Distinct(texts=['b', 'a'], positions=array([0, 1, 0]))
    """
    places: dict[str, int] = {}
    positions = [places.setdefault(text, len(places)) for text in texts]
    return Distinct(list(places), np.array(positions, dtype=np.int64))


def token_batches(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
    """Divide rows into batches of similar length with at most ``budget`` tokens each, padding included.

    Similar lengths keep padding rare; a bounded number of tokens, rather than of rows, keeps what passes
    between layers within the processor's cache whether texts are short or long. The longest come first, so
    that several workers end at about the same time and a batch too large for memory shows at once.

    Args:
        lengths: (n,) number of tokens of each row, at least 1.
        budget: tokens per batch; a longer row is a batch of its own.

    Returns row numbers of each batch; every row is in exactly one.
    """
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        rows = max(1, budget // int(lengths[order[start]]))
        batches.append(order[start : start + rows])
        start += rows
    return batches


def side_by_side(
    function: Callable[[Item], Result], items: Iterable[Item], abandon: Callable[[], None] = lambda: None
) -> Iterator[Result]:
    """Call a function on all items, each call on one core, as many at a time as PyTorch has threads.

    A batch of an encoder is many small operators. Dividing each of them among the cores makes the cores wait
    for each other some hundred times a batch; giving each core a batch of its own makes them wait once. It
    also makes a result independent of the number of cores, as no sum is divided among them.

    Args:
        abandon: told when an error or an interrupt ends the work; calls under way are waited for, so that
            long ones should look out for it.
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
    import torch  # services batch texts without it

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield n_threads
    finally:
        torch.set_num_threads(n_threads)
