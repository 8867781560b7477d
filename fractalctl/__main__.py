"""Where the program begins: ``fractalctl`` and ``python -m fractalctl``."""

import os
import signal
import sys
import threading
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line; an interrupt ends it with 130 whenever it comes.

    Only this file is loaded by then: loading the command line itself takes a moment, and may be interrupted.
    """
    sys.unraisablehook = _not_lost
    try:
        _open_standard_streams()
        from fractalctl.cli import main as command_line

        signal.signal(signal.SIGTERM, _terminated)
        command_line()
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done but the end of Python itself


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """End as by an error, so that temporary folders and other processes go."""
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


def _open_standard_streams() -> None:
    """Put the null device where a standard stream is closed.

    The next file that is opened would get its number, and whatever a library prints would end up in there.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  a number, for good


if __name__ == "__main__":
    main()
