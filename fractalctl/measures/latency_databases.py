"""Vector databases in a folder, built and asked like an index of FAISS, to be timed beside it."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

NAME = "vectors"
"""Of the only collection or table."""
ROWS_AT_ONCE = 2000


class Database(Protocol):
    """Rows (n, d) of unit length in a folder of their own."""

    def search(self, query: np.ndarray, k: int, *, D: np.ndarray, I: np.ndarray) -> None:  # noqa: N803, E741
        """Put the numbers of the k nearest rows of a query (1, d) into ``I`` (1, k); ``D`` stays as it is."""


class Qdrant:
    """In this process, which searches exactly."""

    def __init__(self, vectors: np.ndarray, folder: Path) -> None:
        from qdrant_client import QdrantClient
        from qdrant_client.models import Distance, VectorParams

        self._client = QdrantClient(path=str(folder))
        size = VectorParams(size=vectors.shape[1], distance=Distance.DOT)
        self._client.create_collection(NAME, vectors_config=size)
        self._client.upload_collection(NAME, vectors=vectors, ids=range(len(vectors)))

    def search(self, query: np.ndarray, k: int, *, D: np.ndarray, I: np.ndarray) -> None:  # noqa: N803, E741, ARG002
        """See `Database`."""
        points = self._client.query_points(NAME, query[0].tolist(), limit=k, with_payload=False).points
        I[0] = [point.id for point in points]


class Chroma:
    """A persistent client, with the HNSW index that it makes unless told otherwise."""

    def __init__(self, vectors: np.ndarray, folder: Path) -> None:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        client: Any = chromadb.PersistentClient(str(folder), settings=settings)
        inner = {"hnsw": {"space": "ip"}}
        self._collection = client.create_collection(NAME, configuration=inner, embedding_function=None)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            part = vectors[start : start + ROWS_AT_ONCE]
            self._collection.add(ids=[str(start + row) for row in range(len(part))], embeddings=part)

    def search(self, query: np.ndarray, k: int, *, D: np.ndarray, I: np.ndarray) -> None:  # noqa: N803, E741, ARG002
        """See `Database`."""
        found = self._collection.query(query_embeddings=query, n_results=k, include=[])["ids"][0]
        I[0] = [int(name) for name in found]


class Lance:
    """A table without an index, which is searched exactly."""

    def __init__(self, vectors: np.ndarray, folder: Path) -> None:
        import lancedb
        import pyarrow

        flat = pyarrow.array(vectors.reshape(-1))
        columns = pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        rows = pyarrow.table({"number": np.arange(len(vectors)), "vector": columns})
        self._table: Any = lancedb.connect(folder).create_table(NAME, rows)

    def search(self, query: np.ndarray, k: int, *, D: np.ndarray, I: np.ndarray) -> None:  # noqa: N803, E741, ARG002
        """See `Database`."""
        asked = self._table.search(query[0]).distance_type("dot").select(["number", "_distance"]).limit(k)
        I[0] = asked.to_arrow()["number"].to_numpy()


DATABASES: dict[str, tuple[type, str]] = {
    "qdrant": (Qdrant, "qdrant-client"),
    "chroma": (Chroma, "chromadb"),
    "lancedb": (Lance, "lancedb"),
}
"""Each with the package that it takes, by the name of its extra."""


def built(name: str, vectors: np.ndarray, folder: Path) -> Database:
    """A database of (n, d) float32 vectors of unit length, in a folder that is made."""
    folder.mkdir()
    made: Database = DATABASES[name][0](vectors, folder)
    return made


def size_of(folder: Path) -> int:
    """Bytes of everything in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def version_of(name: str) -> str:
    """Of its package.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    return version(DATABASES[name][1])
