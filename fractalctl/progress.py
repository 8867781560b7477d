"""How long work tells somebody how far it is, without knowing who is watching."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic

Advance = Callable[[int], None]
"""Call with the number of units (rows, steps, queries) finished since the last call."""

Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""``with progress("encoding", n_rows) as advance: ... advance(64)``."""


@contextmanager
def silent(_description: str, _total: int) -> Iterator[Advance]:
    """Show nothing: what library functions do unless told otherwise."""
    yield lambda _: None


SECONDS = 5.0
"""Between two lines about work that nobody watches a bar of."""


@contextmanager
def lines(
    write: Callable[[str], None], description: str, total: int, clock: Callable[[], float] = monotonic
) -> Iterator[Advance]:
    """Tell of long work by a line every few seconds, for logs; work that is soon done says nothing.

    How long the rest takes is told by what came after the first units, which bear the start.

    Args:
        write: takes a line.
    """
    started = told = clock()
    finished, first = 0, (started, 0)

    def advance(amount: int) -> None:
        nonlocal finished, told, first
        now = clock()
        if not finished:
            first = (now, amount)
        finished += amount
        if now - told < SECONDS:
            return
        told = now
        since, before = first
        left = (now - since) / (finished - before) * (total - finished) if finished > before else 0
        rest = f", about {left:.0f} s left" if left > 0 else ""
        write(f"{description}: {finished} of {total} ({finished / max(total, 1):.0%}){rest}")

    yield advance
    if told > started and finished < total:
        write(f"{description}: {finished} of {total}")
