"""What the paper says: claims, and our chapters on them (``claims.toml``); numbers (``printed.toml``)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

PREFIXES = (64, 128, 192, 256)
"""The paper's lengths, everywhere but in its Figure 6."""


@dataclass(frozen=True)
class Claim:
    """What the paper says, and how it is judged.

    Attributes:
        text: the claim in one line, with its margin where it claims that nothing differs.
        paper: where the paper says it.
        looks_at: the results that it is judged on.
        rule: what decides.
        margin: by how much what does not differ may differ, in the unit of the results.
    """

    text: str
    paper: str
    looks_at: str
    rule: str
    margin: float = 0.0


@cache
def table(name: str) -> dict[str, Any]:
    """What stands in one of this package's TOML files; not to be changed."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def printed(place: str, corpus: str | None = None) -> dict[str, Any]:
    """What one table, figure or section prints, such as ``table_3``, or of a corpus in it; may be nothing."""
    found: dict[str, Any] = table("printed.toml")[place]
    return found if corpus is None else found.get(corpus, {})


@cache
def claims() -> dict[str, Claim]:
    """Every claim of the paper that runs can speak to, by a name of ours, in the order of reading."""
    said = table("claims.toml")
    rules = said["rules"]
    return {
        name: Claim(**(row | {"rule": rules.get(row["rule"], row["rule"])}))
        for name, row in said["claims"].items()
    }


def chapter_words(name: str) -> tuple[str, str]:
    """Heading of a chapter, and what its numbers are (Markdown)."""
    words = table("claims.toml")["chapters"][name]
    return words["title"], words["text"]
