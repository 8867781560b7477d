"""Docstrings of the public symbols of a package, found by parsing its source files."""

import ast
import hashlib
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fractalctl.corpora.pydocs.prose import paragraphs

_LEFT_OUT = frozenset({"tests", "test", "testing", "conftest.py", "externals", "_vendor"})


class Paragraph(NamedTuple):
    """One paragraph and the symbol that it documents."""

    symbol: str
    """A function or a class; a class's methods count as the class."""
    text: str


def package_folder(package: str) -> Path | None:
    """Where a package is installed; it is not imported."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def module_paragraphs(folder: Path, parts: Iterable[str]) -> Iterator[Paragraph]:
    """Paragraphs of all public symbols in some files and folders of a package.

    Files come in a fixed arbitrary order, so that the first paragraphs are a sample of all, and a file is
    parsed when its first paragraph is asked for.

    Args:
        folder: of the package.
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
