"""Processes that end with the one that began them, however that one ended."""

import os
from collections.abc import Callable
from threading import Thread
from time import sleep

SECONDS = 1.0
"""Between two looks at who the parent is."""

_watched: set[int] = set()


def end_with_parent(parent: int, clean: Callable[[], object] = lambda: None) -> None:
    """Have this process end soon after its parent has, which may have been killed and told nobody.

    Args:
        parent: number of the process; a second call for it changes nothing.
        clean: called before the end.
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
