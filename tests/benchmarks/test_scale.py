"""How time and memory grow with the rows of a feature set, each command in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

import psutil
import pytest

from fractalctl.experiments.addresses import arm_folder, set_folder
from fractalctl.heads.arms import build_arm
from store import FeatureSet
from tests.benchmarks.tiled import tile

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
TRAIN = "--strategy v5 --seeds 42 --epochs 1 --batch-size 256"
ZOOM = "--strategy zoom --seeds 42 --epochs 1"
WATCHED_EVERY = 0.02
"""Seconds between two looks at a process's memory."""


@pytest.fixture(scope="module")
def tiled(clinc: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Only the last size is kept: a million rows are 1.5 GB."""
    made: dict[int, Path] = {}

    def feature_set(rows: int) -> Path:
        if rows not in made:
            for path in made.values():
                path.unlink()
            made.clear()
            made[rows] = tile(clinc, rows, tmp_path_factory.mktemp("tiled"))
        return made[rows]

    return feature_set


@pytest.mark.parametrize("rows", SIZES)
def test_growth(benchmark, tiled: Callable[[int], Path], tmp_path: Path, rows: int) -> None:
    path = tiled(rows)
    runs = ("--store", str(path.parent.parent), "--runs", str(tmp_path))
    arm = build_arm("v5", 2, settings={"epochs": 1, "batch_size": 256})
    head = arm_folder(set_folder(tmp_path, FeatureSet(path)), arm) / "seed-42"
    commands = {
        "train": ("train", str(path), *TRAIN.split(), *runs),
        "train, zoom": ("train", str(path), *ZOOM.split(), *runs),
        "evaluate": ("evaluate", str(head), "--protocol", "index", *runs),
        "store verify": ("store", "verify", str(path), *runs),
    }
    growth = {}

    def all_of_them() -> None:
        for name, command in commands.items():
            seconds, resident = watched(command)
            growth[name] = {"seconds": seconds, "resident_mib": resident / 2**20}

    benchmark.pedantic(all_of_them, rounds=1)
    benchmark.extra_info.update({"rows": rows, "mib": path.stat().st_size / 2**20, "growth": growth})


def watched(command: tuple[str, ...]) -> tuple[float, int]:
    """Seconds that a command takes, and the most memory (bytes) that was resident, mapped files included."""
    started, most = perf_counter(), 0
    with subprocess.Popen(
        [sys.executable, "-m", "fractalctl", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        watcher = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, watcher.memory_info().rss)
            sleep(WATCHED_EVERY)
        seconds = perf_counter() - started
        assert process.returncode == 0, process.stderr.read().decode()
    return seconds, most
