"""Kill the writing of a feature set at chosen moments, and check what the next call makes of it.

``python -m tests.store.killing FOLDER STRIDE`` tells the number of kills. The moments are all calls that open
or change a file, and every STRIDE-th line of the store's own code as it is executed. Each life is a forked
child of this process, which has everything imported, ended by a real SIGKILL.
"""

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import store
from store import Block, verify
from tests.store.example import BLOCK_ROWS, SPLITS, make

STORE_CODE = str(Path(store.__file__).parent)
FILE_CALLS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
N_BLOCKS = sum(-(-n_rows // BLOCK_ROWS) for n_rows in SPLITS.values())


class Fuse:
    """Burns down by one with each event, and then kills the process."""

    def __init__(self, events: int) -> None:
        self.left = events

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_line(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(STORE_CODE):
            return None
        if event == "line":
            self.burn()
        return self.on_line

    def on_call(self, event: str, _: tuple[Any, ...]) -> None:
        if event in FILE_CALLS:
            self.burn()


def by_lines(fuse: Fuse) -> None:
    sys.settrace(fuse.on_line)


def by_calls(fuse: Fuse) -> None:
    sys.addaudithook(fuse.on_call)


def live(folder: Path, log: Path, arm: Callable[[Fuse], None] | None = None, events: int = 0) -> bool:
    """Write the example set in a child process; True if it came to its end, False if it was killed."""
    child = os.fork()
    if child == 0:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def made(block: Block) -> None:
            os.write(descriptor, f"{block.split} {block.start}\n".encode())

        if arm is not None:
            arm(Fuse(events))
        make(folder, made)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def check(folder: Path, log: Path, expected: bytes, kills: int) -> None:
    """After the last life: the same bytes, nothing left over, and at most one block made again per kill."""
    path = folder / "nature" / "sum.h5"
    assert path.read_bytes() == expected
    assert {file.name for file in path.parent.iterdir()} - {".sum.h5.checked"} == {"sum.h5", "sum.h5.lock"}
    blocks = log.read_text().splitlines()
    assert len(set(blocks)) == N_BLOCKS <= len(blocks) <= N_BLOCKS + kills


def main() -> None:
    base, stride = Path(sys.argv[1]), int(sys.argv[2])
    folder, log = base / "store", base / "log"
    path = folder / "nature" / "sum.h5"
    assert live(folder, log)
    expected = path.read_bytes()
    check(folder, log, expected, kills=0)
    generator, deaths = random.Random(42), 0
    for arm, step in ((by_calls, 1), (by_lines, stride)):
        events = 1
        while True:
            shutil.rmtree(folder)
            log.unlink()
            if live(folder, log, arm, events):
                break
            if path.exists():
                verify(path)  # a set that is there is whole
            survived = live(folder, log, arm, generator.randint(1, 2 * events))
            live(folder, log)
            kills = 1 if survived else 2
            check(folder, log, expected, kills)
            deaths += kills
            events += step
    sys.stdout.write(f"{deaths}\n")


if __name__ == "__main__":
    main()
