"""Query latency of indexes at several lengths: what runs in a process of its own (paper, Table 9).

That process knows neither PyTorch nor the store: it finds its task and its vectors in a folder, computes with
one thread on one core, and leaves its figures and every raw time there. Start it as ``python -m
fractalctl.measures.latency_timing FOLDER`` with `ONE_THREAD` in its environment. FAISS and vector databases,
which are built in a folder and asked like an index of FAISS, are loaded by what uses them, so that whoever
lays out the folder may import this module.
"""

import gc
import json
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, perf_counter_ns, process_time_ns
from typing import Any, NamedTuple

import msgspec
import numpy as np

from fractalctl.executors import end_with_parent

NAME = "vectors"  # of the only collection or table
ROWS_AT_ONCE = 2000
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Environment of the measuring process; numerical libraries read it when they are loaded."""
TASK_FILE = "task.json"  # what to measure: a `Task`
FIGURES_FILE = "figures.json"
"""What was measured: ``machine`` and ``results``, as `fractalctl.documents.latency` has them."""
TIMES_FILE = "times.npz"
"""Every raw time: (rounds, queries) int64 nanoseconds by the name that its result has under ``times``."""
TRAINING_ROWS_PER_LIST = 39  # what FAISS wants at least for each list of an inverted file


class Database(ABC):
    """What is asked like an index of FAISS."""

    @abstractmethod
    def nearest(self, query: np.ndarray, k: int) -> Sequence[int] | np.ndarray:
        """Numbers of the k nearest rows of a query (1, d)."""

    def search(self, query: np.ndarray, k: int, **into: np.ndarray) -> None:
        """Put the numbers of the k nearest rows into ``I`` (1, k); ``D`` stays as it is."""
        into["I"][0] = self.nearest(query, k)


class Qdrant(Database):
    """Rows (n, d) of unit length in a folder of their own, in this process, which searches exactly."""

    def __init__(self, vectors: np.ndarray, folder: Path) -> None:
        from qdrant_client import QdrantClient
        from qdrant_client.models import Distance, VectorParams

        self._client = QdrantClient(path=str(folder))
        size = VectorParams(size=vectors.shape[1], distance=Distance.DOT)
        self._client.create_collection(NAME, vectors_config=size)
        self._client.upload_collection(NAME, vectors=vectors, ids=range(len(vectors)))

    def nearest(self, query: np.ndarray, k: int) -> list[int]:
        """See `Database.nearest`."""
        points = self._client.query_points(NAME, query[0].tolist(), limit=k, with_payload=False).points
        return [int(point.id) for point in points]


class Chroma(Database):
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

    def nearest(self, query: np.ndarray, k: int) -> list[int]:
        """See `Database.nearest`."""
        found = self._collection.query(query_embeddings=query, n_results=k, include=[])["ids"][0]
        return [int(name) for name in found]


class Lance(Database):
    """A table without an index, which is searched exactly."""

    def __init__(self, vectors: np.ndarray, folder: Path) -> None:
        import lancedb
        import pyarrow

        flat = pyarrow.array(vectors.reshape(-1))
        columns = pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        rows = pyarrow.table({"number": np.arange(len(vectors)), "vector": columns})
        self._table: Any = lancedb.connect(folder).create_table(NAME, rows)

    def nearest(self, query: np.ndarray, k: int) -> np.ndarray:
        """See `Database.nearest`."""
        asked = self._table.search(query[0]).distance_type("dot").select(["number", "_distance"]).limit(k)
        numbers: np.ndarray = asked.to_arrow()["number"].to_numpy()
        return numbers


DATABASES: dict[str, tuple[Callable[[np.ndarray, Path], Database], str]] = {
    "qdrant": (Qdrant, "qdrant-client"),
    "chroma": (Chroma, "chromadb"),
    "lancedb": (Lance, "lancedb"),
}
"""Each with the package that it takes, by the name of its extra."""


def version_of(name: str) -> str:
    """Version of its package; PackageNotFoundError where it is not installed."""
    return version(DATABASES[name][1])


def vectors_path(folder: Path, part: str, dimension: int) -> Path:
    """Where the (n, dimension) float32 vectors of unit length of ``reference`` or ``queries`` lie."""
    return folder / f"{part}-{dimension}.npy"


class IndexKind(msgspec.Struct, frozen=True):
    """A kind of FAISS index over inner products, or a database.

    Attributes:
        name: ``flat``, ``hnsw``, ``ivf``, or one of `fractalctl.measures.latency_timing.DATABASES`.
        built_with: what its construction depends on: ``m`` and ``ef_construction``, or ``nlist`` (None: 4
            times the square root of the rows, as far as each list has enough rows to be trained).
        effort: name of the parameter of a search, ``ef_search`` or ``nprobe``; None where there is none.
        efforts: its values, one setting each.
    """

    name: str
    built_with: dict[str, int | None] = {}
    effort: str | None = None
    efforts: tuple[int, ...] = (0,)

    def parameters(self, n: int) -> dict[str, int]:
        """What an index of n rows is built with."""
        lists = max(1, min(int(4 * n**0.5), n // TRAINING_ROWS_PER_LIST))
        return {name: lists if value is None else value for name, value in self.built_with.items()}

    def build(self, vectors: np.ndarray, folder: Path) -> Any:
        """An index of (n, d) float32 vectors; a database lies in the folder, which must not be there yet."""
        import faiss

        if self.name in DATABASES:
            folder.mkdir()
            return DATABASES[self.name][0](vectors, folder)
        n, dimension = vectors.shape
        given = self.parameters(n)
        index: Any
        if self.name == "hnsw":
            index = faiss.IndexHNSWFlat(dimension, given["m"], faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = given["ef_construction"]
        elif self.name == "ivf":
            lists = faiss.IndexFlatIP(dimension)
            index = faiss.IndexIVFFlat(lists, dimension, given["nlist"], faiss.METRIC_INNER_PRODUCT)
            index.train(vectors)
        else:
            index = faiss.IndexFlatIP(dimension)
        index.add(vectors)
        return index

    def size(self, index: Any, folder: Path) -> int:
        """Bytes of an index as it is stored."""
        import faiss

        if self.name in DATABASES:
            return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return len(faiss.serialize_index(index))

    def set_effort(self, index: Any, value: int) -> None:
        """Choose how hard the next searches try."""
        if self.name == "hnsw":
            index.hnsw.efSearch = value
        elif self.name == "ivf":
            index.nprobe = value


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        dims: lengths.
        full: the length whose exact neighbours are the truth.
        sizes: reference rows.
        indexes: kinds of index.
        k: neighbours asked for.
        rounds: how often each query asks.
        warm_up: queries before each round that are not timed.
        core: to stay on; None for any.
    """

    dims: tuple[int, ...]
    full: int
    sizes: tuple[int, ...]
    indexes: tuple[IndexKind, ...]
    k: int
    rounds: int
    warm_up: int
    core: int | None


class Timed(NamedTuple):
    """Queries asked one at a time.

    Attributes:
        times: (q,) int64 nanoseconds.
        found: (q, k) int64 reference rows.
        core_share: of the wall clock that the process was running; less than 1 where others wanted its core.
    """

    times: np.ndarray
    found: np.ndarray
    core_share: float


def timed_queries(index: Any, queries: np.ndarray, k: int, warm_up: int) -> Timed:
    """Ask a FAISS index one query (of q, d) at a time for k neighbours, after some that are not timed."""
    rows = [queries[place : place + 1] for place in range(len(queries))]
    similarity, found = np.empty((1, k), np.float32), np.empty((len(rows), k), np.int64)
    places = [found[place : place + 1] for place in range(len(rows))]
    times = np.empty(len(rows), np.int64)
    for query in rows[:warm_up]:
        index.search(query, k, D=similarity, I=places[0])
    gc.disable()
    busy, wall = process_time_ns(), perf_counter_ns()
    for place, query in enumerate(rows):
        start = perf_counter_ns()
        index.search(query, k, D=similarity, I=places[place])
        times[place] = perf_counter_ns() - start
    share = (process_time_ns() - busy) / (perf_counter_ns() - wall)
    gc.enable()
    return Timed(times, found, share)


def overlap(found: np.ndarray, exact: np.ndarray) -> float:
    """Mean share of each query's exact neighbours (q, k) that are among those found (q, k)."""
    return float(np.mean([np.isin(*pair).mean() for pair in zip(exact, found, strict=True)]))


def summary(times: np.ndarray) -> dict[str, float]:
    """Percentiles and mean in microseconds, and queries per second, of nanoseconds of any shape."""
    p50, p95, p99 = np.percentile(times, (50, 95, 99)) / 1000
    mean = float(times.mean()) / 1000
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "mean": mean, "qps": 1e6 / mean}


@dataclass(frozen=True)
class Bench:
    """The task in a folder, which has the vectors."""

    folder: Path
    task: Task

    def results(self, times: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
        """Yield one result per size, index, effort and length; raw times (rounds, q) go into ``times``."""
        for n in self.task.sizes:
            truths = {d: self._exact(n, d) for d in {*self.task.dims, self.task.full}}
            for kind in self.task.indexes:
                yield from self._of_kind(kind, n, truths, times)

    def _vectors(self, part: str, dimension: int, n: int | None = None) -> np.ndarray:
        mapped = np.load(vectors_path(self.folder, part, dimension), mmap_mode="r")
        return np.ascontiguousarray(mapped[:n])

    def _exact(self, n: int, dimension: int) -> np.ndarray:
        """(q, k) true neighbours at a length."""
        index = IndexKind("flat").build(self._vectors("reference", dimension, n), self.folder)
        return index.search(self._vectors("queries", dimension), self.task.k)[1]

    def _of_kind(
        self, kind: IndexKind, n: int, truths: Mapping[int, np.ndarray], times: dict[str, np.ndarray]
    ) -> Iterator[dict[str, Any]]:
        indexes, common = {}, {}
        for dimension in self.task.dims:
            vectors = self._vectors("reference", dimension, n)
            start = perf_counter()
            place = self.folder / f"{kind.name}-{n}-{dimension}"
            indexes[dimension] = kind.build(vectors, place)
            common[dimension] = {
                "index": kind.name,
                "parameters": kind.parameters(n),
                "n": n,
                "dimension": dimension,
                "build_seconds": perf_counter() - start,
                "index_bytes": kind.size(indexes[dimension], place),
            }
        for value in kind.efforts:
            for index in indexes.values():
                kind.set_effort(index, value)
            effort = {kind.effort: value} if kind.effort else {}
            name = "-".join(map(str, (kind.name, n, *(part for pair in effort.items() for part in pair))))
            for dimension, rounds in self._interleaved(indexes).items():
                key = f"{name}-{dimension}"
                times[key] = spent = np.stack([one.times for one in rounds])
                own, full = (overlap(rounds[-1].found, truths[d]) for d in (dimension, self.task.full))
                yield common[dimension] | {
                    "effort": effort,
                    "microseconds": summary(spent),
                    "medians_by_round": [float(np.median(one)) / 1000 for one in spent],
                    "core_share": float(np.mean([one.core_share for one in rounds])),
                    "recall": {"own": own, "full": full},
                    "times": key,
                }

    def _interleaved(self, indexes: Mapping[int, Any]) -> dict[int, list[Timed]]:
        """Time all lengths in turn, each round from another one on: a drift of the machine hits all alike."""
        queries = {dimension: self._vectors("queries", dimension) for dimension in indexes}
        rounds: dict[int, list[Timed]] = {dimension: [] for dimension in indexes}
        order = list(indexes)
        for _ in range(self.task.rounds):
            for d in order:
                rounds[d].append(timed_queries(indexes[d], queries[d], self.task.k, self.task.warm_up))
            order = order[1:] + order[:1]
        return rounds


def processor() -> str:
    """The processor's name as the operating system gives it."""
    import platform

    known = Path("/proc/cpuinfo")
    lines = known.read_text("utf-8").splitlines() if known.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def pin(core: int | None) -> int | None:
    """Keep this process on one core where the operating system can; gives the core, or None."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return None
    os.sched_setaffinity(0, {core})
    return core


def main(folder: Path) -> None:
    """Do the task in a folder; prints a line for each result, for whoever watches."""
    import faiss

    end_with_parent(os.getppid(), lambda: shutil.rmtree(folder, ignore_errors=True))
    task = msgspec.json.decode((folder / TASK_FILE).read_bytes(), type=Task)
    core = pin(task.core)
    faiss.omp_set_num_threads(1)
    times, results = dict[str, Any](), []
    for result in Bench(folder, task).results(times):
        results.append(result)
        sys.stdout.write(f"{result['times']}\n")
        sys.stdout.flush()
    machine = {
        "processor": processor(),
        "core": core,
        "threads": faiss.omp_get_max_threads(),
        "faiss": faiss.__version__,
        "faiss_options": faiss.get_compile_options().split(),
        "numpy": np.__version__,
        "databases": {one.name: version_of(one.name) for one in task.indexes if one.name in DATABASES},
    }
    np.savez_compressed(folder / TIMES_FILE, **times)
    (folder / FIGURES_FILE).write_text(json.dumps({"machine": machine, "results": results}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
