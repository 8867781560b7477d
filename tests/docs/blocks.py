"""The fenced blocks of the documentation, and how each says whether it can be run.

* ``sh`` and ``python`` are run as they stand; ``<!-- not run: REASON -->`` before the fence excuses one.
* Other languages are shown; ``<!-- file: NAME -->`` before the fence makes the block a file for later ones.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TUTORIAL = ROOT / "docs" / "tutorial.md"
"""Starts from an empty folder, see test_tutorial.py."""
RUN = ("sh", "python")
SHOWN = ("text", "toml", "json", "csv", "html")
MARK = re.compile(r"<!-- (not run|file): *(.*?) *-->")


class Block(NamedTuple):
    """One block of a page."""

    language: str
    """As the fence says; ``indented`` for a block without a fence."""
    content: str
    line: int
    """Of the fence, from 1."""
    excuse: str | None
    """Why it is not run; None where it has no mark."""
    file: str | None
    """What it is to be written to."""


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    """All blocks of a page, in order."""
    return tuple(_blocks_of(page))


def _blocks_of(page: Path) -> Iterator[Block]:
    mark: tuple[str, str] | None = None
    for token in MarkdownIt().parse(page.read_text("utf-8")):
        if token.type == "html_block" and (found := MARK.fullmatch(token.content.strip())):
            mark = (found[1], found[2])
        elif token.type in ("fence", "code_block"):
            kind, value = mark or ("", "")
            language = token.info.strip() if token.type == "fence" else "indented"
            excuse, file = (value if kind == name else None for name in ("not run", "file"))
            yield Block(language, token.content, (token.map or [0])[0] + 1, excuse, file)
            mark = None
        else:
            mark = None


def name(page: Path) -> str:
    """What a page is called."""
    return page.relative_to(ROOT).as_posix()


def spans_of(page: Path) -> Iterator[str]:
    """Commands that are mentioned in running text, between backticks."""
    for token in MarkdownIt().enable("table").parse(page.read_text("utf-8")):
        for child in token.children or ():
            if child.type == "code_inline" and child.content.startswith("fractalctl "):
                yield child.content
