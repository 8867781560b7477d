"""What killed processes left behind goes, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from store import FeatureSet
from store.draft import parts_folder
from store.files import replace_folder, write_aside
from store.leftovers import find_leftovers
from tests.cli.calls import done

ENDED = subprocess.run(
    [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
).stdout.strip()
"""Number of a process that is no more."""


def made(path: Path, content: str = "abc") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def aged(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, ns=(0, 10**18))


@pytest.fixture
def left(features: FeatureSet, tmp_path: Path) -> dict[Path, str]:
    """A store and runs in which processes were killed."""
    runs = tmp_path / "runs"
    made(runs / "a" / "seed-1" / "head.json")
    found = {
        made(features.path.parent / f".x.h5.{ENDED}-0123abcd.tmp"): "written aside, never finished",
        made(
            runs / "a" / f".seed-2.{ENDED}-0123abcd.tmp" / "head.json"
        ).parent: "written aside, never finished",
        made(parts_folder(features.path) / "one.part").parent: "parts of what is finished",
        made(features.path.parent / "gone.h5.lock", ""): "lock of nothing",
        made(features.path.parent / ".gone.h5.checked"): "note on a set that is gone",
        made(runs / "a" / ".seed-1.replaced" / "head.json").parent: "replaced by a newer one",
        made(runs / "empty" / ".lock", ""): "lock of nothing",
    }
    made(features.path.parent / "begun.h5.parts" / "one.part")
    made(runs / "a" / ".seed-3.replaced" / "head.json")
    made(runs / "a" / ".lock")
    return found


def test_what_killed_processes_left_is_shown_and_removed_when_asked(left, features, tmp_path):
    line = f"store gc --store {features.path.parents[1]} --runs {tmp_path / 'runs'}"
    assert json.loads(done(f"{line} --json").stdout) == [], "somebody may be at it still"
    for folder in (features.path.parents[1], tmp_path / "runs"):
        aged(folder)
    there = {path for path in tmp_path.rglob("*") if not any(one in (path, *path.parents) for one in left)}
    shown = json.loads(done(f"{line} --json").stdout)
    assert {Path(one["path"]): one["what"] for one in shown} == left
    assert sum(one["bytes"] for one in shown) == 15
    assert all(path.exists() for path in left)
    removed = done(f"{line} --yes")
    assert set(removed.stdout.splitlines()) == set(map(str, left))
    assert "7 left behind, 15.0 B: removed" in removed.stderr
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in there)
    FeatureSet(features.path).check()
    assert "0 left behind" in done(line).stderr


def test_what_a_living_process_uses_stays(features, tmp_path):
    folder = tmp_path / "here"
    with write_aside(folder / "a.json") as aside, replace_folder(folder / "seed-1", ()) as new:
        made(aside)
        made(new / "head.json")
        aged(folder)
        assert find_leftovers(folder, idle=0) == []
    parts = made(parts_folder(features.path) / "one.part").parent
    with FileLock(f"{features.path}.lock"), FileLock(made(tmp_path / "gone.h5.lock", "")):
        assert find_leftovers(tmp_path, idle=0) == []
    (one,) = [one for one in find_leftovers(tmp_path, idle=0) if one.path == parts]
    with FileLock(f"{features.path}.lock"):
        assert find_leftovers(features.path.parent, idle=0) == []
    one.remove()
    assert not parts.exists()
