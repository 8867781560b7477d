"""Where the program begins: ``fractalctl`` and ``python -m fractalctl``."""

import os
import signal
import sys

from fractalctl import signals


def main() -> None:
    """Run the command line; an interrupt ends it with 130 whenever it comes.

    Only this file and `signals` are loaded by then: loading the command line itself takes a moment, and may
    be interrupted.
    """
    signals.listen()
    try:
        _open_standard_streams()
        from fractalctl.cli import main as command_line

        signals.end_on_termination()
        command_line()
    except SystemExit as end:
        if end.code and signals.interrupted():
            sys.exit(signals.INTERRUPTED)
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or signals.interrupted():
            os._exit(signals.INTERRUPTED)
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done but the end of Python itself


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
