"""The page on PostgreSQL is followed with a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.world import enter
from tests.docs.blocks import ROOT, RUN, blocks_of
from tests.docs.following import STORE, follow
from tests.postgres import fresh_database, serving


@pytest.fixture
def server() -> Iterator[str]:
    with serving() as host:
        yield host


@pytest.mark.filterwarnings("default")
def test_the_page_can_be_followed_where_a_server_is(
    server: str, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    folder = Path(shutil.copytree(library, tmp_path / "here"))
    enter(folder, monkeypatch)
    monkeypatch.setenv("FRACTALCTL_STORE", str(folder / STORE))
    fresh_database(server, monkeypatch)
    export, ask = [one for one in blocks_of(ROOT / "docs" / "pgvector.md") if one.language in RUN]
    follow(export._replace(content=export.content.splitlines()[1]), "docs/pgvector.md")
    capsys.readouterr()
    follow(ask, "docs/pgvector.md")
    coarse, *fine = capsys.readouterr().out.splitlines()
    assert coarse.count("'") == 10, "five domains"
    assert len(fine) == 5 and all(" > " in line for line in fine)
    import psycopg

    with psycopg.connect() as connection:
        found = connection.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'clinc-v5'").fetchall()
    assert any("hnsw" in definition for (definition,) in found)
