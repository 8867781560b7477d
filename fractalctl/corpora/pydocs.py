"""``pydocs``: a corpus that needs no download, made of the docstrings of installed scientific packages.

The tree is library > module > symbol. Source files are parsed, never imported. What is a row, what is left
out and why is told in ``docs/corpora.md``.
"""

import ast
import hashlib
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from fractalctl.corpora.corpus_spec import CorpusSpec
from fractalctl.corpora.records import ReadContext, Row
from fractalctl.plugins import packaged_tables

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
_LEFT_OUT = frozenset({"tests", "test", "testing", "conftest.py", "externals", "_vendor"})
SHORTEST = 60
"""Characters that a paragraph must have."""
LONGEST = 300
"""Characters after which a paragraph is cut, at the end of a sentence."""
LETTERS = 0.9
"""Share of letters and spaces that prose has at least; formulas and listings have fewer."""
_PROSE_SECTIONS = frozenset({"", "Notes", "Description", "Extended Summary", "Explanation", "Introduction"})
_UNDERLINE = re.compile(r"\s*([-=~^])\1{2,}\s*")
_MARKUP = re.compile(r"(?::[\w:+-]+:)?\[?`+~?([^`<]*?)(?:\s*<[^`]*>)?`+_{0,2}\]?")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,2}(\w[^*]*)\*{1,2}(?![\w*])")
_CITATION = re.compile(r"\s*\[\w+\]_")
_SENTENCE = re.compile(r"[\"'(]?[A-Z]\w*[ ,'-].*\.", re.DOTALL)
_NO_PROSE = (">>>", "::", "%(", "{", "}", "\\", "|", "__", "http", ".. ", "TODO")


class Paragraph(NamedTuple):
    """One paragraph and the symbol that it documents."""

    symbol: str
    """A function or a class; a class's methods count as the class."""
    text: str


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
    """The libraries of ``pydocs.toml``."""
    return packaged_tables(__package__, "pydocs.toml")


def _installed(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

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


def package_folder(package: str) -> Path | None:
    """Where a package is installed; it is not imported."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def module_paragraphs(folder: Path, parts: Iterable[str]) -> Iterator[Paragraph]:
    """Paragraphs of all public symbols in some files and folders of a package.

    Files come in a fixed arbitrary order, so that the first paragraphs are a sample of all, and a file is
    parsed when its first paragraph is asked for.

    Args:
        parts: files and folders in it; those that are not there are left out.
    """
    names = {
        path.relative_to(folder).as_posix()
        for part in parts
        for path in ((folder / part).rglob("*.py") if (folder / part).is_dir() else [folder / part])
        if path.is_file() and not _LEFT_OUT & set(path.relative_to(folder).parts)
    }
    for name in sorted(names, key=scrambled):
        yield from file_paragraphs(folder / name)


def scrambled(name: str) -> bytes:
    """A sorting key that puts names in an arbitrary order, the same on every machine."""
    return hashlib.sha256(name.encode()).digest()


def file_paragraphs(path: Path) -> Iterator[Paragraph]:
    """Paragraphs of the public functions, classes and methods of a source file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in other people's strings
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:  # a template, or written for another Python
            return
    for node in _public(tree.body):
        for documented in (node, *(_public(node.body) if isinstance(node, ast.ClassDef) else ())):
            for text in paragraphs(ast.get_docstring(documented) or ""):
                yield Paragraph(node.name, text)


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node


def paragraphs(docstring: str) -> Iterator[str]:
    """Paragraphs of prose of a docstring in NumPy's, Google's or Sphinx' style.

    Indented paragraphs (parameters, code) and those of sections that list things are left out, as are
    paragraphs with code or formulas in them, and what is no whole sentence.

    Args:
        docstring: cleaned of its common indentation, as ``ast.get_docstring`` gives it.
    """
    section = ""
    for block in re.split(r"\n\s*\n", docstring):
        lines = block.split("\n")
        if len(lines) > 1 and _UNDERLINE.fullmatch(lines[1]):
            section, lines = lines[0].strip(), lines[2:]
        if section in _PROSE_SECTIONS and lines and not any(line[:1].isspace() for line in lines):
            text = _plain(" ".join(line.strip() for line in lines))
            if len(text) >= SHORTEST:
                yield text


def _plain(text: str) -> str:
    """The text without markup, cut to whole sentences; empty if it is no prose."""
    if any(mark in text for mark in _NO_PROSE):
        return ""
    text = _CITATION.sub("", _EMPHASIS.sub(r"\1", _MARKUP.sub(r"\1", text)))
    text = " ".join(text.split())
    letters = sum(letter.isalpha() or letter == " " for letter in text)
    if letters < LETTERS * len(text) or not _SENTENCE.fullmatch(text):
        return ""
    return text if len(text) <= LONGEST else text[: text.rfind(". ", 0, LONGEST) + 1]


PYDOCS = CorpusSpec(
    name="pydocs",
    title="Docstrings of scientific packages",
    about="Paragraphs of prose, by library and module; made of what is installed.",
    levels=LEVELS,
    default=LEVELS[:2],
    read=read,
    edition=edition,
    licence="of the packages",
)
