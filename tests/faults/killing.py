"""Replacing a folder again and again, killed at another line each time.

``python -m tests.faults.killing FOLDER STRIDE`` kills at every STRIDE-th line that is run, a later one
each time, and prints how often.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from store.files import replace_folder, settle

WATCHED = ("store/files.py", "pathlib.py", "shutil.py", "tempfile.py")


def replace(folder: Path) -> None:
    with replace_folder(folder, ("a", "b")) as aside:
        (aside / "a").write_text("new")
        (aside / "b").write_text("new")


def killed_at(line: int, folder: Path) -> bool:
    """Replace a folder in a child that dies before a line that it runs; whether it came so far."""
    child = os.fork()
    if child == 0:
        count = 0

        def trace(frame: FrameType, _event: str, _argument: object):
            nonlocal count
            if frame.f_code.co_filename.endswith(WATCHED):
                count += 1
                if count == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        replace(folder)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main() -> None:
    folder, stride = Path(sys.argv[1]) / "seed-1", int(sys.argv[2])
    line, kills, seen = 1, 0, set()
    killed = True
    while killed:
        folder.mkdir(exist_ok=True)
        for name in ("a", "b", "mine"):
            (folder / name).write_text("old")
        killed = killed_at(line, folder)
        settle(folder)
        found = {name: (folder / name).read_text() for name in ("a", "b", "mine")}
        assert found["a"] == found["b"], found
        assert found["mine"] == "old", "a file of the user"
        seen.add(found["a"])
        kills += killed
        line += stride
    assert seen == {"old", "new"}
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main()
