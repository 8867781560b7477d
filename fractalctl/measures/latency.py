"""Query latency of FAISS indexes at several lengths: what runs in a process of its own (paper, Table 9).

That process knows neither PyTorch nor the store: it finds its task and its vectors in a folder, computes with
one thread on one core, and leaves its figures and every raw time there. Start it as
``python -m fractalctl.measures.latency FOLDER`` with `latency_folder.ONE_THREAD` in its environment.
"""

import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, perf_counter_ns, process_time_ns
from typing import Any, NamedTuple

import faiss
import numpy as np

from fractalctl.measures.latency_folder import FIGURES_FILE, TASK_FILE, TIMES_FILE, vectors_path

TRAINING_ROWS_PER_LIST = 39
"""What FAISS wants at least for each list of an inverted file."""


@dataclass(frozen=True)
class IndexKind:
    """A kind of FAISS index over inner products.

    Attributes:
        name: ``flat``, ``hnsw`` or ``ivf``.
        built_with: what its construction depends on: ``m`` and ``ef_construction``, or ``nlist`` (None: 4
            times the square root of the rows, as far as each list has enough rows to be trained).
        effort: name of the parameter of a search, ``ef_search`` or ``nprobe``; None where there is none.
        efforts: its values, one setting each.
    """

    name: str
    built_with: Mapping[str, Any]
    effort: str | None = None
    efforts: Sequence[int] = (0,)

    def parameters(self, n: int) -> dict[str, int]:
        """What an index of n rows is built with."""
        lists = max(1, min(int(4 * n**0.5), n // TRAINING_ROWS_PER_LIST))
        return {name: lists if value is None else value for name, value in self.built_with.items()}

    def build(self, vectors: np.ndarray) -> Any:
        """An index of (n, d) float32 vectors."""
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

    def set_effort(self, index: Any, value: int) -> None:
        """Choose how hard the next searches try."""
        if self.name == "hnsw":
            index.hnsw.efSearch = value
        elif self.name == "ivf":
            index.nprobe = value


class Timed(NamedTuple):
    """Queries asked one at a time."""

    times: np.ndarray
    """(q,) int64 nanoseconds."""
    found: np.ndarray
    """(q, k) int64 reference rows."""
    core_share: float
    """Share of the wall clock that the process was running; less than 1 where others wanted its core."""


def timed_queries(index: Any, queries: np.ndarray, k: int, warm_up: int) -> Timed:
    """Ask one query at a time.

    Args:
        index: a FAISS index of dimension d.
        queries: (q, d) float32.
        k: neighbours.
        warm_up: so many of the queries are asked before, unmeasured.
    """
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
    """The task in a folder.

    Attributes:
        folder: with `TASK_FILE` and the vectors.
        task: ``dims``, ``full`` (the length whose exact neighbours are the truth), ``sizes``, ``indexes``
            (arguments of `IndexKind`), ``k``, ``rounds``, ``warm_up``, ``core`` (None: any).
    """

    folder: Path
    task: Mapping[str, Any]

    def results(self, times: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
        """Yield one result per size, index, effort and length; raw times (rounds, q) go into ``times``."""
        kinds = [IndexKind(**arguments) for arguments in self.task["indexes"]]
        for n in self.task["sizes"]:
            truths = {d: self._exact(n, d) for d in {*self.task["dims"], self.task["full"]}}
            for kind in kinds:
                yield from self._of_kind(kind, n, truths, times)

    def _vectors(self, part: str, dimension: int, n: int | None = None) -> np.ndarray:
        mapped = np.load(vectors_path(self.folder, part, dimension), mmap_mode="r")
        return np.ascontiguousarray(mapped[:n])

    def _exact(self, n: int, dimension: int) -> np.ndarray:
        """(q, k) true neighbours at a length."""
        index = faiss.IndexFlatIP(dimension)
        index.add(self._vectors("reference", dimension, n))
        return index.search(self._vectors("queries", dimension), self.task["k"])[1]

    def _of_kind(
        self, kind: IndexKind, n: int, truths: Mapping[int, np.ndarray], times: dict[str, np.ndarray]
    ) -> Iterator[dict[str, Any]]:
        indexes, common = {}, {}
        for dimension in self.task["dims"]:
            vectors = self._vectors("reference", dimension, n)
            start = perf_counter()
            indexes[dimension] = kind.build(vectors)
            common[dimension] = {
                "index": kind.name,
                "parameters": kind.parameters(n),
                "n": n,
                "dimension": dimension,
                "build_seconds": perf_counter() - start,
                "index_bytes": len(faiss.serialize_index(indexes[dimension])),
            }
        for value in kind.efforts:
            for index in indexes.values():
                kind.set_effort(index, value)
            effort = {kind.effort: value} if kind.effort else {}
            name = "-".join(map(str, (kind.name, n, *(part for pair in effort.items() for part in pair))))
            for dimension, rounds in self._interleaved(indexes).items():
                key = f"{name}-{dimension}"
                times[key] = spent = np.stack([one.times for one in rounds])
                found = rounds[-1].found
                recalls = [overlap(found, truths[length]) for length in (dimension, self.task["full"])]
                yield common[dimension] | {
                    "effort": effort,
                    "microseconds": summary(spent),
                    "medians_by_round": [float(np.median(one)) / 1000 for one in spent],
                    "core_share": float(np.mean([one.core_share for one in rounds])),
                    "recall": {"own": recalls[0], "full": recalls[1]},
                    "times": key,
                }

    def _interleaved(self, indexes: Mapping[int, Any]) -> dict[int, list[Timed]]:
        """Time all lengths in turn, each round from another one on: a drift of the machine hits all alike."""
        queries = {dimension: self._vectors("queries", dimension) for dimension in indexes}
        rounds: dict[int, list[Timed]] = {dimension: [] for dimension in indexes}
        order = list(indexes)
        for _ in range(self.task["rounds"]):
            for d in order:
                timed = timed_queries(indexes[d], queries[d], self.task["k"], self.task["warm_up"])
                rounds[d].append(timed)
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
    task = json.loads((folder / TASK_FILE).read_text("utf-8"))
    core = pin(task["core"])
    faiss.omp_set_num_threads(1)
    times: dict[str, Any] = {}
    results = []
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
    }
    np.savez_compressed(folder / TIMES_FILE, **times)
    (folder / FIGURES_FILE).write_text(json.dumps({"machine": machine, "results": results}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
