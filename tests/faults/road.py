"""The whole road under SIGKILL: ``python -m tests.faults.road FOLDER KILLS`` prints what was tried.

A feature set is made, heads are trained and evaluated, in a child that is killed at a random moment, again
and again until it has come to its end. All files must then be those of a child that nobody killed, byte for
byte.
"""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.measures.protocols import Protocol
from store import FeatureStore
from tests.feature_sets import make_features


def go(folder: Path) -> None:
    """The road from features to evaluations."""
    store = FeatureStore(folder / "store")
    features = make_features(store)
    arms = build_arms(["v5", "lda"], 2, None, {"dims": (4, 8), "epochs": 1})
    heads = train_heads(features, arms, folder / "runs", [1, 2, 3]).heads
    evaluate_heads(heads, Protocol("loo", max_test=60), store)


def lived(folder: Path, seconds: float | None) -> bool:
    """Go the road in a child, killed after some seconds; whether it came to the end."""
    child = os.fork()
    if child == 0:
        go(folder)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return not os.WIFSIGNALED(status)


def content(folder: Path) -> dict[str, bytes]:
    """Everything but locks and notes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    seen = (path for path in files if not path.name.startswith(".") and not path.name.endswith(".lock"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in seen}


def left_over(folder: Path) -> list[Path]:
    """What a killed process wrote aside."""
    return [path for path in folder.rglob(".*") if path.name.endswith((".tmp", ".replaced"))]


def main() -> None:
    torch.set_num_threads(1)
    base, wanted = Path(sys.argv[1]), int(sys.argv[2])
    folder, generator = base / "here", random.Random(42)
    started = time.monotonic()
    assert lived(folder, None)
    duration = time.monotonic() - started
    expected, kills, rounds, aside = content(folder), 0, 0, 0
    while kills < wanted:
        shutil.rmtree(folder)
        while kills < wanted and not lived(folder, generator.uniform(0, duration)):
            kills += 1
        assert lived(folder, None)
        assert content(folder) == expected
        aside += len(left_over(folder))
        rounds += 1
    sys.stdout.write(f"{kills} kills in {rounds} roads: every file as undisturbed; {aside} left aside\n")


if __name__ == "__main__":
    main()
