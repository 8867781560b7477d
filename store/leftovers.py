"""What killed processes left behind, and nobody goes on with: files written aside, old parts, stale locks."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

IDLE = 3600.0  # seconds since the last change; what is younger may belong to a process on another machine
_ASIDE = re.compile(r"\..+\.(\d+)-[0-9a-f]{8}\.tmp")


@dataclass(frozen=True)
class Leftover:
    """Something that can go: a file, or a folder with all that is in it; what it was, and its size."""

    path: Path
    what: str
    n_bytes: int

    def remove(self) -> None:
        """Remove it, unless a process has begun to use it meanwhile."""
        if self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        elif _is_free(self.path):
            with suppress(OSError):
                self.path.unlink()


def find_leftovers(folder: Path, idle: float = IDLE) -> list[Leftover]:
    """What is left over below a folder of feature sets or of runs, and was not changed for some seconds.

    Unfinished work stays: parts that the same command goes on with, and a folder that was about to be
    replaced, which its next reader puts back. So does whatever a living process of this machine writes.
    """
    found = []
    for place, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            path = Path(place, name)
            what = _what(path)
            if not what or time.time() - _changed(path) < idle:
                continue
            found.append(Leftover(path, what, sum(one.stat().st_size for one in _files(path))))
            folders[:] = [one for one in folders if one != name]
    return found


def _what(path: Path) -> str:
    """What a leftover was; nothing of what is none."""
    name = path.name
    if aside := _ASIDE.fullmatch(name):
        return "" if _is_alive(int(aside[1])) else "written aside, never finished"
    if name.startswith(".") and path.suffix in (".replaced", ".checked"):
        there = path.with_name(path.stem.removeprefix(".")).exists()
        if path.suffix == ".checked":
            return "" if there else "note on a set that is gone"
        return "replaced by a newer one" if there else ""
    if path.suffix == ".parts":
        whole = path.with_suffix("")
        free = _is_free(whole.with_name(f"{whole.name}.lock")) and _is_free(path / ".lock")
        return "parts of what is finished" if whole.exists() and free else ""
    if name.endswith((".lock", ".lock.soft")):
        return "lock of nothing" if _guards_nothing(path) and _is_free(path) else ""
    return ""


def _guards_nothing(lock: Path) -> bool:
    if lock.name in (".lock", ".lock.soft"):
        return lock.name == ".lock.soft" or [*lock.parent.iterdir()] == [lock]
    guarded = lock.with_suffix("")
    return not guarded.exists() and not guarded.with_name(f"{guarded.name}.parts").exists()


def _is_free(lock: Path) -> bool:
    """Whether no process holds a lock, if it is one; a mere file (``.soft``) is held for a moment only."""
    if not lock.name.endswith(".lock") or not lock.exists():
        return True
    from filelock import FileLock

    try:
        with FileLock(lock).acquire(timeout=0):
            return True
    except (TimeoutError, NotImplementedError, OSError):
        return False


def _is_alive(process: int) -> bool:
    """Whether a process of this machine has a number; where nobody can be asked, time alone decides."""
    if os.name == "nt":
        return False
    try:
        os.kill(process, 0)
    except OSError as error:  # another one may be somebody else's process
        return not isinstance(error, ProcessLookupError)
    return True


def _files(path: Path) -> Iterator[Path]:
    return (one for one in (path.rglob("*") if path.is_dir() else (path,)) if one.is_file())


def _changed(path: Path) -> float:
    """When the newest of its files was changed, in seconds since 1970."""
    with suppress(FileNotFoundError):
        return max(one.stat().st_mtime for one in (path, *_files(path)))
    return time.time()
