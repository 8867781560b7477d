"""PostgreSQL with pgvector: one table with a column of vectors for each length.

Server, database and user are those of libpq's own variables (``PGHOST``, ``PGDATABASE``, ``PGUSER``,
``PGPASSWORD``, ``PGSERVICE`` ...), so that no file and no command names a password.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fractalctl.errors import FractalError, RequestError, UnreachableError, first_line
from fractalctl.export.exporter import Batch, Exporter, Subject, batches, collection_name, require

if TYPE_CHECKING:
    import psycopg

KEY = "number"
HEAD = "fractalctl head "
"""How the table's comment begins; what follows is the identity of the head whose vectors it holds."""


def write(subject: Subject, _folder: Path) -> list[Path]:
    """Put every row that is not there yet into the table."""
    require("psycopg", "pgvector")
    from psycopg import sql

    name = collection_name(subject)
    table = sql.Identifier(name)
    counted = sql.SQL("SELECT count(*) FROM {} WHERE {} BETWEEN %s AND %s").format(table, sql.Identifier(KEY))
    with _connected() as connection:
        there_already = _check(connection, name, subject)

        def there(numbers: Sequence[int]) -> int:
            if not there_already:
                return 0
            (count,) = connection.execute(counted, (numbers[0], numbers[-1])).fetchone() or (0,)
            return int(count)

        for batch in batches(subject, there):
            columns = _columns(subject, batch)
            if not there_already:
                _create(connection, table, columns, subject)
                there_already = True
            with connection.cursor() as cursor:
                cursor.executemany(_upsert(table, columns), _rows(subject, batch))
            connection.commit()
    return []


@contextmanager
def _connected() -> "Iterator[psycopg.Connection[Any]]":
    """A connection to the server that libpq finds.

    Raises UnreachableError: there is none; FractalError: it refuses what it is told.
    """
    import psycopg

    try:
        with psycopg.connect() as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"PostgreSQL does not answer ({_reason(error)}); say where it is with PGHOST, PGPORT, PGDATABASE "
            "and PGUSER"
        ) from None
    except psycopg.Error as error:
        raise FractalError(f"PostgreSQL refuses: {first_line(error)}") from None


def _reason(error: Exception) -> str:
    r"""The last thing that libpq says, without the question that it adds on a line of its own.

    >>> _reason(OSError("connection failed: No such file\n\tIs the server running locally?"))
    'connection failed: No such file'
    """
    said = [line for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    return said[-1].strip() if said else type(error).__name__


def _check(connection: "psycopg.Connection[Any]", name: str, subject: Subject) -> bool:
    """Whether the table is there; RequestError if it holds vectors of another head, or something else."""
    found = connection.execute(
        "SELECT obj_description(c.oid) FROM pg_class c WHERE c.oid = to_regclass(quote_ident(%s))", (name,)
    ).fetchone()
    if found is not None and found[0] != HEAD + subject.head.identity:
        raise RequestError(
            f"the table {name} is there and holds no vectors of this head, and vectors of two heads cannot "
            "be compared; drop it, or name another database with PGDATABASE"
        )
    return found is not None


def _columns(subject: Subject, batch: Batch) -> dict[str, str]:
    """Types of the table's columns by name."""
    payload = dict.fromkeys(["text", *batch.payloads[0]], "text")
    vectors = {f"vector_{length}": f"vector({length})" for length in subject.lengths}
    return {KEY: "bigint PRIMARY KEY", **payload, **vectors}


def _create(
    connection: "psycopg.Connection[Any]", table: Any, columns: dict[str, str], subject: Subject
) -> None:
    from psycopg import sql

    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    parts = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items()]
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join(parts)))
    comment = sql.Literal(HEAD + subject.head.identity)
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, comment))


def _upsert(table: Any, columns: dict[str, str]) -> Any:
    from psycopg import sql

    names = [sql.Identifier(name) for name in columns]
    anew = [sql.SQL("{} = EXCLUDED.{}").format(name, name) for name in names[1:]]
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
        table,
        sql.SQL(", ").join(names),
        sql.SQL(", ").join([sql.Placeholder()] * len(names)),
        names[0],
        sql.SQL(", ").join(anew),
    )


def _rows(subject: Subject, batch: Batch) -> list[tuple[Any, ...]]:
    rows = zip(batch.numbers, batch.texts, batch.payloads, strict=True)
    return [
        (
            number,
            *({"text": text} | payload).values(),
            *(str(batch.vectors[length][place].tolist()) for length in subject.lengths),
        )
        for place, (number, text, payload) in enumerate(rows)
    ]


EXPORTER = Exporter(
    "pgvector", "a PostgreSQL table with a column of vectors for each length", write, extends=True
)
