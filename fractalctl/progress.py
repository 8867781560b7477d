"""How long work tells somebody how far it is, without knowing who is watching."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[int], None]
"""Call with the number of units (rows, steps, queries) finished since the last call."""

Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""``with progress("encoding", n_rows) as advance: ... advance(64)``."""


@contextmanager
def silent(description: str, total: int) -> Iterator[Advance]:  # noqa: ARG001  the shape of Progress
    """Show nothing: what library functions do unless told otherwise."""
    yield lambda _: None
