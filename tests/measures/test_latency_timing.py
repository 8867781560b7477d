"""Single queries timed by a process that knows no PyTorch."""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.measures.latency_timing import (
    DATABASES,
    FIGURES_FILE,
    ONE_THREAD,
    TASK_FILE,
    TIMES_FILE,
    IndexKind,
    Task,
    overlap,
    pin,
    processor,
    summary,
    timed_queries,
    vectors_path,
    version_of,
)

FLAT = IndexKind("flat")
HNSW = IndexKind("hnsw", {"m": 8, "ef_construction": 40}, "ef_search", (100,))
IVF = IndexKind("ivf", {"nlist": 5}, "nprobe", (5,))
DIMS = (4, 8)


def installed(name: str) -> bool:
    try:
        return bool(version_of(name))
    except PackageNotFoundError:
        return False


def unit(n: int, dimension: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore")  # of the databases' own packages
@pytest.mark.parametrize("kind", [FLAT, HNSW, IVF, *map(IndexKind, DATABASES)], ids=lambda kind: kind.name)
def test_every_index_finds_the_neighbours_when_it_tries_hard(kind: IndexKind, tmp_path: Path) -> None:
    rows, queries = unit(300, 8, 0), unit(20, 8, 1)
    if kind.name in DATABASES and not installed(kind.name):
        pytest.skip(f"the extra {kind.name} is not installed")
    index = kind.build(rows, tmp_path / "database")
    assert kind.size(index, tmp_path / "database") > 4 * rows.size
    kind.set_effort(index, kind.efforts[0])
    times, found, core_share = timed_queries(index, queries, 5, warm_up=3)
    for query, neighbours in zip(queries, found, strict=True):
        similarity = [float(query @ row) for row in rows]
        assert sorted(neighbours) == sorted(sorted(range(300), key=similarity.__getitem__)[-5:])
    assert times.shape == (20,)
    assert (times > 0).all()
    assert core_share > 0


def test_effort_decides_how_much_is_looked_at(tmp_path: Path) -> None:
    rows, queries = unit(400, 8, 0), unit(30, 8, 1)
    kind = IndexKind("ivf", {"nlist": 10}, "nprobe", (1, 10))
    index, shares = kind.build(rows, tmp_path), []
    exact = timed_queries(FLAT.build(rows, tmp_path), queries, 10, 0).found
    for value in kind.efforts:
        kind.set_effort(index, value)
        shares.append(overlap(timed_queries(index, queries, 10, 0).found, exact))
    assert shares[0] < shares[1] == 1


def test_lists_have_enough_rows_to_be_trained() -> None:
    kind = IndexKind("ivf", {"nlist": None}, "nprobe", (1,))
    assert [kind.parameters(n)["nlist"] for n in (10, 10_000, 1_000_000)] == [1, 256, 4000]
    assert HNSW.parameters(10) == {"m": 8, "ef_construction": 40}


@given(st.lists(st.permutations(range(6)), min_size=1, max_size=4), st.integers(1, 6))
def test_overlap_counts_common_neighbours(orders: list[list[int]], k: int) -> None:
    found = np.array([order[:k] for order in orders])
    exact = np.array([order[-k:] for order in orders])
    shares = [len(set(a) & set(b)) / k for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
    assert overlap(found, exact) == pytest.approx(sum(shares) / len(shares))


def test_summary_is_in_microseconds() -> None:
    found = summary(np.arange(0, 101_000, 1000).reshape(1, -1))
    assert found == pytest.approx({"p50": 50, "p95": 95, "p99": 99, "mean": 50, "qps": 20_000})


def lay_out(folder: Path) -> None:
    for part, n in (("reference", 120), ("queries", 7)):
        for dimension in DIMS:
            np.save(vectors_path(folder, part, dimension), unit(n, dimension, n))
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    task = Task(dims=DIMS, full=8, sizes=(40, 120), indexes=(FLAT, HNSW), k=5, rounds=2, warm_up=2, core=core)
    (folder / TASK_FILE).write_bytes(msgspec.json.encode(task))


def test_the_process_measures_everything_with_one_thread_and_without_pytorch(tmp_path: Path) -> None:
    lay_out(tmp_path)
    command = [sys.executable, "-X", "importtime", "-m", "fractalctl.measures.latency_timing", str(tmp_path)]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "faiss" in loaded
    assert not loaded & {"torch", "h5py", "store", "transformers", "typer"}

    figures = json.loads((tmp_path / FIGURES_FILE).read_text("utf-8"))
    results = figures["results"]
    assert figures["machine"]["threads"] == 1
    assert figures["machine"]["processor"] == processor()
    assert [(one["n"], one["index"], one["dimension"]) for one in results] == [
        (n, kind, d) for n in (40, 120) for kind in ("flat", "hnsw") for d in DIMS
    ]
    assert done.stdout.splitlines() == [one["times"] for one in results]
    with np.load(tmp_path / TIMES_FILE) as times:
        for one in results:
            assert times[one["times"]].shape == (2, 7)
            assert one["microseconds"] == pytest.approx(summary(times[one["times"]]))
            assert one["medians_by_round"] == pytest.approx(np.median(times[one["times"]], axis=1) / 1000)
    flat = [one for one in results if one["index"] == "flat"]
    assert all(one["recall"]["own"] == 1 for one in flat)
    assert all(one["recall"]["full"] == 1 for one in flat if one["dimension"] == 8)
    assert all(one["index_bytes"] > 4 * one["n"] * one["dimension"] for one in results)


def test_a_process_stays_on_its_core() -> None:
    assert pin(None) is None
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this operating system pins nothing")
    before = os.sched_getaffinity(0)
    try:
        assert pin(max(before)) == max(before)
        assert os.sched_getaffinity(0) == {max(before)}
    finally:
        os.sched_setaffinity(0, before)
