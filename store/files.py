"""Files that are either whole or not there: written aside, synced, then renamed into place."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from store.errors import StoreError, StoreRequestError


@contextmanager
def write_aside(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Publish a file in one step: the block writes the temporary path, success renames it to ``path``.

    Data and rename are synced to the disk, so after a crash or a power cut ``path`` holds the old content or
    the new one, never part of it. If the block raises, the temporary file goes and ``path`` is untouched.

    Args:
        path: the file to make or to replace; missing parent folders are made.
        folder: where the temporary file lies, on the same file system; default: beside ``path``.
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

    Raises:
        ValueError: the document holds a NaN or an infinity.
        TypeError: it holds something that is not JSON.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with write_aside(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        StoreRequestError: there is no such file.
        StoreError: the file is not JSON; the message names the line and column.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreRequestError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise StoreError(f"{path}: not JSON ({error.msg}, {where}); make it again") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{path}: not UTF-8 text ({error.reason}); make it again") from error


def sha256_of(path: Path, start: int = 0) -> str:
    """SHA-256 (hex) of a file's bytes from offset ``start`` on, read as a stream."""
    with path.open("rb") as stream:
        stream.seek(start)
        return hashlib.file_digest(stream, "sha256").hexdigest()
