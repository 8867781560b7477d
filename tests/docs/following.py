"""Following a page from its first line to its last, as a reader would."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.world import enter, few_packages, paste
from tests.docs.blocks import PAGES, RUN, TUTORIAL, Block, blocks_of, name

STORE = "features"
"""Not ``store``: in a folder of that name Python looks for the package first where that is not installed."""
PLAIN = re.compile(r"(fractalctl|cat) [^$`;&<*]*")
"""Lines of a shell that need none: our own commands, joined by pipes, into files."""
RUNNING = [
    page
    for page in PAGES
    if page != TUTORIAL and any(b.language in RUN and b.excuse is None for b in blocks_of(page))
]


def follow_page(page: Path, library: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Run every block of a page, in a copy of the library in which all that the commands keep is kept too."""
    shutil.copytree(library, folder)
    enter(folder, patch)
    few_packages(patch)
    patch.setenv("FRACTALCTL_STORE", str(folder / STORE))
    patch.setenv("FRACTALCTL_RUNS", str(folder / "runs"))
    patch.setenv("HF_HUB_CACHE", str(folder / "hub"))
    patch.setenv("HF_DATASETS_CACHE", str(folder / "datasets"))
    patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    for block in blocks_of(page):
        if block.file is not None:
            (folder / block.file).write_text(block.content)
        elif block.language in RUN and block.excuse is None:
            follow(block, f"{name(page)}, line {block.line}")


def follow(block: Block, place: str) -> None:
    """Run a block, within this process where that is the same: it has loaded the libraries already."""
    if block.language == "python":
        exec(compile(block.content, place, "exec"), {"__name__": "__main__"})
        return
    lines = [
        line for line in block.content.replace("\\\n", " ").splitlines() if line.strip(" ") and line[0] != "#"
    ]
    if all(PLAIN.fullmatch(line.partition(" #")[0]) for line in lines):
        for line in lines:
            for result in paste(line):
                assert "Traceback" not in result.stderr, f"{place}\n{line}"
        return
    shell = ["bash", "-euo", "pipefail", "-c", block.content]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{place}\n{block.content}\n{done.stderr}"
    assert "Traceback" not in done.stderr
