"""Every command and every snippet of README.md and docs/ is run as it stands, page by page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fractalctl.cli import build_app
from tests.docs.blocks import PAGES, ROOT, RUN, SHOWN, Block, blocks_of, spans_of
from tests.docs.conftest import STORE


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_shown_or_excused(page: Path) -> None:
    for block in blocks_of(page):
        place = f"{name(page)}, line {block.line}"
        assert block.language in RUN + SHOWN, f"{place}: '{block.language}' is none of {RUN + SHOWN}"
        assert block.excuse is None or block.language in RUN, f"{place}: is not run in any case"
        assert block.excuse != "", f"{place}: says not why it is not run"
        assert block.file is None or block.language in SHOWN, f"{place}: is run, so it is no file"


RUNNING = [page for page in PAGES if any(b.language in RUN and b.excuse is None for b in blocks_of(page))]


@pytest.mark.parametrize("page", RUNNING, ids=name)
def test_a_page_can_be_followed_from_its_first_line_to_its_last(
    page: Path, library: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(library, tmp_path / "here"))
    for block in blocks_of(page):
        if block.file is not None:
            (folder / block.file).write_text(block.content)
        elif block.language in RUN and block.excuse is None:
            follow(block, folder, f"{name(page)}, line {block.line}")


def follow(block: Block, folder: Path, place: str) -> None:
    """Run a block in a folder, in which all that the commands keep is kept too."""
    shell = ["bash", "-euo", "pipefail", "-c"] if block.language == "sh" else [sys.executable, "-c"]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "HOME": str(folder / "home"),
        "FRACTALCTL_STORE": str(folder / STORE),
        "FRACTALCTL_RUNS": str(folder / "runs"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(folder / "hub"),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
    }
    done = subprocess.run(
        [*shell, block.content], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{place}\n{block.content}\n{done.stderr}"
    assert "Traceback" not in done.stderr


OPTION = re.compile(r"(?<!\S)(--[a-z-]+|-[a-z])(?=[\s=]|$)")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_are_mentioned_are_there_with_their_options(page: Path) -> None:
    for span in spans_of(page):
        command = typer.main.get_command(build_app())
        words = span.split()[1:]
        while words and words[0] in getattr(command, "commands", ()):
            command = command.commands[words.pop(0)]
        is_there = not hasattr(command, "commands") or all(word.startswith("-") for word in words)
        assert is_there, f"{name(page)}: `{span}`"
        known = {"--help"}.union(*(parameter.opts + parameter.secondary_opts for parameter in command.params))
        assert set(OPTION.findall(span)) <= known, f"{name(page)}: `{span}`"
