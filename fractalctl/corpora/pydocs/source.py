"""``pydocs`` as a source of records: which paragraphs of which symbols become rows."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from itertools import islice
from typing import Any

from fractalctl.corpora.pydocs.symbols import Paragraph, module_paragraphs, package_folder, scrambled
from fractalctl.corpora.records import Origin, Reading, Record
from fractalctl.errors import RequestError
from fractalctl.progress import Progress, silent

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


@dataclass(frozen=True)
class PydocsSource:
    """Docstring paragraphs of installed packages.

    Args:
        wanted: two or three of `LEVELS`; none for library and module.
        progress: told how many libraries have been read.
    """

    wanted: tuple[str, ...] = ()
    progress: Progress = silent

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of the corpus as it is read.

        Raises:
            RequestError: levels that it does not have, or not coarse to fine.
        """
        if self.wanted and (
            len(self.wanted) < 2 or self.wanted != tuple(lv for lv in LEVELS if lv in self.wanted)
        ):
            raise RequestError(f"pydocs has the levels {', '.join(LEVELS)}; not {', '.join(self.wanted)}")
        return self.wanted or LEVELS[:2]

    def identity(self) -> dict[str, Any]:
        """What fixes the records: the edition of the rules and the versions of the packages."""
        return {
            "corpus": "pydocs",
            "edition": EDITION,
            "levels": list(self.levels),
            "packages": {
                library: installed(package["distribution"]) for library, package in packages().items()
            },
        }

    def read(self, *, offline: bool = False) -> Reading:  # noqa: ARG002  nothing is ever downloaded
        """Parse the packages.

        Raises:
            RequestError: levels that it does not have.
        """
        levels = self.levels
        found: dict[Module, list[Paragraph]] = {}
        with self.progress("reading docstrings", len(packages())) as advance:
            for library, package in packages().items():
                found.update(_library_paragraphs(library, package["modules"]))
                advance(1)
        absent = sorted(packages().keys() - {library for library, _ in found})
        notes = (f"not installed, so not in pydocs: {', '.join(absent)}",) if absent else ()
        return Reading(_records(found, levels), levels, notes)


def _records(found: Mapping[Module, list[Paragraph]], levels: tuple[str, ...]) -> Iterator[Record]:
    for (library, module), own in _distinct(found).items():
        chosen = _balanced(own)
        origin = Origin(f"{library}.{module}", "paragraph")
        for number, (symbol, text) in enumerate(chosen if len(chosen) >= FEWEST_ROWS else (), 1):
            names = {
                "library": library,
                "module": f"{library}.{module}",
                "symbol": f"{library}.{module}.{symbol}",
            }
            path = tuple(names[level] for level in levels)
            yield Record(text, path, None, origin, number, f"{library}.{module}-{number}")


@cache
def packages() -> Mapping[str, Any]:
    """The libraries of ``packages.toml``."""
    return tomllib.loads(files(__package__).joinpath("packages.toml").read_text("utf-8"))


def installed(distribution: str) -> str | None:
    """Version of a distribution; None where it is not installed."""
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
