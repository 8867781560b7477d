"""Commands that are killed, cut off from the disk, or given eight times at once.

``FRACTALCTL_KILLS`` says how often at random moments, ``FRACTALCTL_STRIDE`` at which of the fault points (1:
at each), ``FRACTALCTL_AT_ONCE`` how many at once; a few otherwise.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.counts import tried

ROOT = Path(__file__).parents[2]
KILLS, STRIDE, AT_ONCE = (
    int(os.environ.get(f"FRACTALCTL_{name}", few))
    for name, few in (("KILLS", 2), ("STRIDE", 110), ("AT_ONCE", 2))
)
COMMANDS = "featurize, train, evaluate, ablate, synth, index, export, embed"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
def test_whatever_is_killed_ends_in_the_same_bytes_when_it_is_called_again(tmp_path):
    words = [sys.executable, "-m", "tests.faults.road", str(tmp_path), *map(str, (KILLS, STRIDE, AT_ONCE))]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=10_000)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["random moments"], found["processes at once"]) == (KILLS, AT_ONCE)
    assert min(found["fault points"], found["full disks"]) > 0
    same = f"called again: all {found['files']} files as undisturbed"
    tried(f"SIGKILL at a random moment of {COMMANDS}", KILLS, same)
    which = f"before a file is synced or removed, before or after it is renamed (of {found['points']} points)"
    tried(f"SIGKILL of these {which}", found["fault points"], same)
    tried("a disk that takes no more at some file of these", found["full disks"],
          f"refused, nothing left aside; {same}")  # fmt: skip
    tried("processes that go the same road at once", AT_ONCE, "none fails; files as undisturbed")
    tried("files and folders that killed processes left aside in all this", found["left aside"],
          "passed over, and gone with `store gc`")  # fmt: skip
