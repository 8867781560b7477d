"""A Dask scheduler with two workers, each a process of its own on this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.backbones.models import as_sentence_transformers, build_bert

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder that pools by mean; not to be changed."""
    return as_sentence_transformers(build_bert(tmp_path_factory.mktemp("model") / "bert"), "mean_tokens")


class Cluster:
    """A scheduler and its workers; ``address`` is what ``--scheduler`` takes."""

    def __init__(self, folder: Path) -> None:
        self._file, self._folder = folder / "scheduler.json", folder
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", self._file]
        self._processes = [self._start("scheduler", *options)]
        deadline = time.monotonic() + 600
        while not self._file.exists():
            assert time.monotonic() < deadline, "the scheduler has not come up"
            time.sleep(0.05)
        self.address: str = json.loads(self._file.read_text())["address"]

    def add_worker(self) -> None:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", self._folder]
        self._processes.append(self._start("worker", self.address, *options))

    def wait_for_workers(self, count: int) -> None:
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=600)

    def n_killed(self) -> int:
        return sum(process.poll() == -9 for process in self._processes)

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, what: str, *options: object) -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-m", f"distributed.cli.dask_{what}", *map(str, options)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(words, cwd=self._folder, env=environment, stdout=log, stderr=log)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    cluster = Cluster(tmp_path)
    try:
        cluster.add_worker()
        cluster.add_worker()
        cluster.wait_for_workers(2)
        yield cluster
    finally:
        cluster.close()
