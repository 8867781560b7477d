"""Writing in real processes: killed, side by side, and one after the other."""

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from store import FeatureSet, FeatureStore, Recipe
from tests.store.example import BLOCK_ROWS, DIMENSION, contents, encode_into, recipe

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
N_BLOCKS = 6


def start(*arguments: object) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "tests.store.example", *map(str, arguments)]
    return subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
def test_killed_between_any_two_calls_the_next_one_ends_in_the_same_bytes(tmp_path: Path):
    words = [sys.executable, "-m", "tests.store.killing", str(tmp_path), "400"]
    finished = subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert int(finished.stdout) > 100


def test_killed_from_outside_at_random_times(tmp_path: Path, features: FeatureSet):
    generator, kills, blocks = random.Random(42), 0, []
    while True:
        process = start(tmp_path / "killed", 0.03)
        first = process.stdout.readline()
        time.sleep(generator.uniform(0, 0.1) if kills < 4 else 0)
        if kills < 4:
            process.kill()
        output = first + process.communicate(timeout=600)[0]
        blocks += [line for line in output.splitlines() if line.startswith("block")]
        if process.returncode == 0:
            break
        kills += 1
    path = tmp_path / "killed" / "nature" / "sum.h5"
    assert path.read_bytes() == features.path.read_bytes()
    assert not path.with_name("sum.h5.parts").exists()
    assert N_BLOCKS == len(set(blocks)) <= len(blocks) <= N_BLOCKS + kills


def test_of_two_writers_one_waits_and_finds_the_set_finished(tmp_path: Path, features: FeatureSet):
    first = start(tmp_path / "two", 0.8)
    begun = first.stdout.readline()
    waited = start(tmp_path / "two", 0).communicate(timeout=600)[0].splitlines()
    wrote = [begun, *first.communicate(timeout=600)[0].splitlines()]
    path = tmp_path / "two" / "nature" / "sum.h5"
    assert waited == [
        f"note another process is writing {path}; waiting for it to end",
        f"note {path} has been finished meanwhile",
        f"done {path}",
    ]
    assert [line.split()[0] for line in wrote] == ["block"] * N_BLOCKS + ["done"]
    assert path.read_bytes() == features.path.read_bytes()


def test_when_the_writer_is_killed_the_one_that_waits_goes_on(tmp_path: Path, features: FeatureSet):
    first = start(tmp_path / "two", 1.5)
    assert first.stdout.readline() == "block train 0\n"
    second = start(tmp_path / "two", 0)
    assert second.stdout.readline().startswith("note another process")
    assert first.stdout.readline() == "block train 8\n"
    first.kill()
    first.communicate()
    output = second.communicate(timeout=600)[0].splitlines()
    assert "block train 0" not in output
    assert (tmp_path / "two" / "nature" / "sum.h5").read_bytes() == features.path.read_bytes()


def test_worker_processes_make_blocks_side_by_side(store: FeatureStore, tmp_path: Path, features: FeatureSet):
    other = FeatureStore(tmp_path / "workers")
    with other.writer(recipe()) as writer:
        draft = writer.draft(contents(), DIMENSION, {"weights": "abc"}, block_rows=BLOCK_ROWS)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
            list(workers.map(partial(encode_into, draft.parts), draft.missing_blocks()))
        assert draft.missing_blocks() == []
        made = draft.publish()
    assert made.path.read_bytes() == features.path.read_bytes()


def modules_after(code: str) -> set[str]:
    words = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    finished = subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in finished.stdout.split()}


def test_importing_the_store_costs_nothing():
    heavy = {"torch", "transformers", "datasets", "numpy", "h5py", "filelock"}
    assert not heavy & modules_after("import store, store.errors, fractalctl.cli.store")


def test_a_look_up_loads_neither_corpus_nor_backbone(features: FeatureSet):
    assert isinstance(recipe(), Recipe)
    code = (f"from store import FeatureStore, Recipe; from pathlib import Path; "
            f"store = FeatureStore(Path({str(features.path.parents[1])!r})); "
            f"assert store.resolve().features('train').shape == (27, 6)")  # fmt: skip
    loaded = modules_after(code)
    assert "h5py" in loaded
    assert not {"torch", "transformers", "datasets", "sklearn", "scipy", "pandas", "fractalctl"} & loaded
