"""Answers that were paid for, kept by text: what a service said is never asked of it twice."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.errors import StoreError

SUFFIX = ".sqlite"
PATIENCE = 60  # seconds to wait for another process that writes into the same file
_AT_ONCE = 500  # SQLite takes 999 parameters in its oldest builds
_TABLE = (
    "CREATE TABLE IF NOT EXISTS answers (text BLOB PRIMARY KEY, vector BLOB NOT NULL, digest BLOB NOT NULL)"
)


class Answers:
    """Vectors that one recipe of a service gave for texts: a SQLite file, one row per text.

    Each row is found by the SHA-256 of its text and carries the SHA-256 of text and vector; one that was
    changed is no answer. What `add` was given is on the disk when it returns, all or nothing. Several
    processes may use the file at a time: nothing is kept open between two calls. The file is made when the
    first answer comes; StoreError where it is damaged, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, texts: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors (h,) float32 of those of the texts that were answered."""
        found = {}
        for text, (key, vector, digest) in self._rows(texts, "SELECT * FROM answers WHERE text IN ({})"):
            if digest == _digest(key, vector):
                found[text] = np.frombuffer(vector, dtype="<f4")
        return found

    def known(self, texts: Iterable[str]) -> set[str]:
        """Those of the texts that were answered."""
        return {text for text, _ in self._rows(texts, "SELECT text FROM answers WHERE text IN ({})")}

    def add(self, answers: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep answers, the vector (h,) of each text; a text that has one already gets the new one."""
        rows = []
        for text, vector in answers.items():
            key, content = _key(text), np.ascontiguousarray(vector, dtype="<f4").tobytes()
            rows.append((key, content, _digest(key, content)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)

    def __len__(self) -> int:
        """How many texts were answered."""
        if not self.path.exists():
            return 0
        with self._connected() as connection:
            (count,) = connection.execute("SELECT COUNT(*) FROM answers").fetchone()
        return int(count)

    def _rows(self, texts: Iterable[str], query: str) -> Iterator[tuple[str, Any]]:
        """What a query finds in the row of each text that has one, and the text."""
        wanted = {_key(text): text for text in texts}
        if not self.path.exists():
            return
        keys = iter(wanted)
        with self._connected() as connection:
            while some := list(islice(keys, _AT_ONCE)):
                for row in connection.execute(query.format(",".join("?" * len(some))), some):
                    yield wanted[row[0]], row

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept if the block succeeds."""
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as connection, connection:
                connection.execute(_TABLE)
                yield connection
        except sqlite3.OperationalError as error:
            raise StoreError(f"{self.path}: answers of a service cannot be read or kept ({error})") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path}: damaged ({error}); remove it (fractalctl store rm answers/{self.path.stem}), "
                "and its texts will be asked for again"
            ) from error


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _digest(key: bytes, vector: bytes) -> bytes:
    return hashlib.sha256(key + vector).digest()
