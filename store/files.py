"""Files that are either whole or not there: written aside, synced, then renamed into place."""

import hashlib
import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from store.errors import StoreError, StoreRequestError

LOCK = ".lock"
"""File of a folder that only one process at a time may put something into."""


@contextmanager
def write_aside(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Publish a file in one step: the block writes the temporary path, success renames it to ``path``.

    Data and rename are synced to the disk, so after a crash or a power cut ``path`` holds the old content or
    the new one, never part of it. If the block raises, the temporary file goes and ``path`` is untouched.
    Missing parent folders are made. The temporary file lies beside ``path``, or in a folder of the same file
    system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = (folder or path.parent) / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def replace_folder(folder: Path, goes: Sequence[str]) -> Iterator[Path]:
    """Publish a folder as a whole: the block fills an empty folder beside it, success puts that in its place.

    Killed at any moment, this leaves the old folder or the new one: between the two renames the old one lies
    beside its place, where `settle` finds it. Two processes never mix. If the block raises, nothing changes.
    Missing parent folders are made. Names that match a pattern of ``goes`` give way with the old content;
    everything else in it, such as files that the user put there, moves into the new folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    aside.mkdir()
    try:
        yield aside
        for path in (one for one in aside.rglob("*") if one.is_file()):
            with path.open("rb+" if os.name == "nt" else "rb") as stream:
                os.fsync(stream)
        with locked(folder.parent):
            _settle(folder)
            for path in folder.iterdir() if folder.is_dir() else ():
                going = any(fnmatch(path.name, pattern) for pattern in goes)
                if not going and not (aside / path.name).exists():
                    if path.is_dir() and not path.is_symlink():
                        shutil.copytree(path, aside / path.name, symlinks=True)
                    else:
                        shutil.copy2(path, aside / path.name, follow_symlinks=False)
            if folder.exists():
                folder.rename(_replaced(folder))
            aside.rename(folder)
            _sync_folder(folder.parent)
            _settle(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _replaced(folder: Path) -> Path:
    """Where a folder lies for the moment in which another takes its place."""
    return folder.with_name(f".{folder.name}.replaced")


def settle(folder: Path) -> None:
    """End what a killed process began in `replace_folder`: put a folder back, or drop the one replaced.

    A process that has only just begun is waited for. OSError where the folder above cannot be written to.
    """
    if _replaced(folder).exists():
        with locked(folder.parent):
            _settle(folder)


def _settle(folder: Path) -> None:
    old = _replaced(folder)
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process that puts something into a folder; others wait.

    The lock is a file that stays, since removing a lock file can let two in. Where the file system has no
    locks, the file's existence is the lock.
    """
    from filelock import FileLock, SoftFileLock

    folder.mkdir(parents=True, exist_ok=True)
    lock: FileLock | SoftFileLock = FileLock(folder / LOCK)
    try:
        lock.acquire()
    except NotImplementedError:
        lock = SoftFileLock(folder / f"{LOCK}.soft")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Be the only process that works in a folder of finished parts; others wait.

    If the block succeeds, the parts are not needed any more, and the folder goes. Else it stays, unless there
    is nothing to go on with.
    """
    with ExitStack() as held:
        entered = False
        while not entered:
            with suppress(FileNotFoundError):  # the process before this one has just dropped the folder
                held.enter_context(locked(folder))
                entered = True
        try:
            yield
        except BaseException:
            if all(path.name.startswith(".") for path in folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def drop(folder: Path) -> None:
    """Drop the parts of what is finished, once no process works in their folder, if it is there."""
    if folder.exists():
        with suppress(OSError), unfinished(folder):  # a folder that is read only stays
            pass


def remove_empty(folder: Path) -> None:
    """Remove a folder that is empty but for its lock, see `locked`; it stays while a process holds that.

    Callers keep others from taking the lock anew, by that of a folder above.
    """
    from filelock import FileLock

    lock = folder / LOCK
    with suppress(OSError, NotImplementedError):
        if lock.exists():
            with FileLock(lock).acquire(timeout=0):
                if [*folder.iterdir()] == [lock]:
                    lock.unlink()
        folder.rmdir()


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows cannot open folders and journals renames by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document aside and rename it: keys in their given order, indented, no NaN.

    ValueError where it holds a NaN or an infinity, TypeError where it holds something that is not JSON.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with write_aside(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file of ours; StoreRequestError where there is none, StoreError where it is damaged."""
    data = read_bytes(path)
    try:
        return parse_json(data, str(path))
    except StoreError as error:
        raise StoreError(f"{error}; make it again") from error


def parse_json(data: bytes | str, source: str) -> Any:
    """Decode JSON, UTF-8 or text, in which every key of an object stands once.

    StoreError, which names the source, line and column, where it is not that.
    """
    try:
        return json.loads(data, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise StoreError(f"{source}: not JSON ({error.msg}, {where})") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{source}: not UTF-8 text ({error.reason})") from error
    except RecursionError as error:
        raise StoreError(f"{source}: not JSON (nested too deeply)") from error
    except ValueError as error:
        raise StoreError(f"{source}: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key '{twice}' stands twice in one object")
    return found


def read_bytes(path: Path) -> bytes:
    """Read a file whole; StoreRequestError where there is none, or a pipe or a device that may never end."""
    if not path.is_file():
        raise StoreRequestError(f"{path}: {why_no_file(path)}")
    return path.read_bytes()


def why_no_file(path: Path) -> str:
    """Why a path is not that of a file which can be read, twice if need be."""
    if not path.exists():
        return "no such file"
    if path.is_dir():
        return "a folder, expected a file"
    return "a pipe or a device, which cannot be read twice; save what comes out of it as a file first"


def sha256_of(path: Path, start: int = 0) -> str:
    """SHA-256 (hex) of a file's bytes from offset ``start`` on, read as a stream."""
    with path.open("rb") as stream:
        stream.seek(start)
        return hashlib.file_digest(stream, "sha256").hexdigest()
