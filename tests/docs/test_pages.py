"""Every block of README.md and docs/ is run, shown or excused; what text mentions is there."""

import re
from pathlib import Path

import pytest
import typer

from fractalctl.cli import build_app
from tests.docs.blocks import PAGES, RUN, SHOWN, blocks_of, name, spans_of


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_shown_or_excused(page: Path) -> None:
    for block in blocks_of(page):
        place = f"{name(page)}, line {block.line}"
        assert block.language in RUN + SHOWN, f"{place}: '{block.language}' is none of {RUN + SHOWN}"
        assert block.excuse is None or block.language in RUN, f"{place}: is not run in any case"
        assert block.excuse != "", f"{place}: says not why it is not run"
        assert block.file is None or block.language in SHOWN, f"{place}: is run, so it is no file"


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
