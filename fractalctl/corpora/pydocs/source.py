"""Which paragraphs of which symbols become rows of ``pydocs``."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from itertools import islice
from typing import Any

from fractalctl.corpora.pydocs.symbols import Paragraph, module_paragraphs, package_folder, scrambled
from fractalctl.corpora.records import ReadContext, Row

LEVELS = ("library", "module", "symbol")
FEWEST_ROWS = 20
"""Rows that a module must have to be a class."""
MOST_ROWS = 60
"""Rows that are taken of a module, so that large ones do not outweigh the others."""
AT_ONCE = 4
"""Paragraphs of a symbol that are taken before others have had their turn."""
ALIKE = 6
"""Words at the beginning or the end that texts which are variants of one another have in common."""
ENOUGH = 3 * MOST_ROWS
"""Paragraphs of a module after which no more of its files are parsed."""
EDITION = 1
"""Raised whenever the same packages would give other rows."""

Module = tuple[str, str]
"""Library and name of the module."""


def read(context: ReadContext) -> Iterator[Row]:
    """Parse the packages and give their paragraphs, with the names of library, module and symbol."""
    found: dict[Module, list[Paragraph]] = {}
    with context.progress("reading docstrings", len(packages())) as advance:
        for library, package in packages().items():
            found.update(_library_paragraphs(library, package["modules"]))
            advance(1)
    absent = sorted(packages().keys() - {library for library, _ in found})
    if absent:
        context.note(f"not installed, so not in pydocs: {', '.join(absent)}")
    for (library, module), own in _distinct(found).items():
        chosen = _balanced(own)
        name = f"{library}.{module}"
        for number, (symbol, text) in enumerate(chosen if len(chosen) >= FEWEST_ROWS else (), 1):
            labels = dict(zip(LEVELS, (library, name, f"{name}.{symbol}"), strict=True))
            yield {"text": text, **labels, "id": f"{name}-{number}"}


def edition() -> dict[str, Any]:
    """What fixes the rows: the edition of the rules and the versions of the packages."""
    versions = {library: _installed(package["distribution"]) for library, package in packages().items()}
    return {"rules": EDITION, "packages": versions}


@cache
def packages() -> Mapping[str, Any]:
    """The libraries of ``packages.toml``."""
    return tomllib.loads(files(__package__).joinpath("packages.toml").read_text("utf-8"))


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _library_paragraphs(
    library: str, modules: Mapping[str, list[str]]
) -> Iterator[tuple[Module, list[Paragraph]]]:
    """Paragraphs of each module that do not name the library or their symbol."""
    folder = package_folder(library)
    if folder is None:
        return
    for module, parts in modules.items():
        paragraphs = (p for p in module_paragraphs(folder, parts) if not _tells(p, library))
        yield (library, module), list(islice(paragraphs, ENOUGH))


def _distinct(found: Mapping[Module, list[Paragraph]]) -> dict[Module, list[Paragraph]]:
    """Leave out boilerplate: what several modules have, and in one module all but the first of its like."""
    seen_in: defaultdict[str, set[Module]] = defaultdict(set)
    for module, own in found.items():
        for paragraph in own:
            for key in _ends(paragraph.text):
                seen_in[key].add(module)
    kept: dict[Module, list[Paragraph]] = {}
    for module, own in found.items():
        seen: set[str] = set()
        kept[module] = []
        for paragraph in own:
            keys = _ends(paragraph.text)
            if not seen & keys and all(len(seen_in[key]) == 1 for key in keys):
                kept[module].append(paragraph)
            seen |= keys
    return kept


def _ends(text: str) -> set[str]:
    """The first and the last words of a text; texts that share either are variants of one."""
    words = re.findall(r"\w+", text.casefold())
    return {"^" + " ".join(words[:ALIKE]), "$" + " ".join(words[-ALIKE:])}


def _tells(paragraph: Paragraph, library: str) -> bool:
    """Whether the text names the library or the symbol that it belongs to."""
    words = set(re.findall(r"\w+", paragraph.text.casefold()))
    return library in words or paragraph.symbol.casefold() in words


def _balanced(paragraphs: Iterable[Paragraph]) -> list[Paragraph]:
    """At most `MOST_ROWS`, from as many symbols as give several paragraphs each.

    Symbols come in a fixed arbitrary order, those with a single paragraph last, so that most symbols have
    rows in training and test alike. Each gives `AT_ONCE` paragraphs before any gives more.
    """
    by_symbol: defaultdict[str, list[Paragraph]] = defaultdict(list)
    for paragraph in paragraphs:
        by_symbol[paragraph.symbol].append(paragraph)
    turns = [
        (number // AT_ONCE, len(own) == 1, scrambled(symbol), paragraph)
        for symbol, own in by_symbol.items()
        for number, paragraph in enumerate(own)
    ]
    return [paragraph for *_, paragraph in sorted(turns, key=lambda turn: turn[:3])[:MOST_ROWS]]
