"""Signals that end the program: none is lost, and that one came is known, whatever a library makes of it."""

import os
import signal
import sys
import threading
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT

_came = threading.Event()


def listen() -> None:
    """Hear interrupts from now on, unless they are ignored, as in what a shell starts with ``&``."""
    sys.unraisablehook = _not_lost
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def end_on_termination() -> None:
    """Let SIGTERM end the program as an error does, so that temporary folders and other processes go."""
    signal.signal(signal.SIGTERM, _terminated)


def interrupted() -> bool:
    """Whether an interrupt came: compiled modules that are being loaded raise errors of their own for it."""
    return _came.is_set()


def raise_if_interrupted() -> None:
    """Raise the KeyboardInterrupt of an interrupt that came: where work goes on, somebody swallowed it."""
    if interrupted():
        raise KeyboardInterrupt


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    _came.set()
    raise KeyboardInterrupt


def _terminated(_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


def _not_lost(dropped: "sys.UnraisableHookArgs") -> None:
    """Send a signal again whose exception Python dropped, as it does in callbacks of weak references."""
    sent = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}.get(dropped.exc_type)
    if sent is None:
        sys.__unraisablehook__(dropped)
        return
    later = threading.Timer(0.05, os.kill, (os.getpid(), sent))  # at once it would be dropped again
    later.daemon = True
    later.start()
