"""What is registered: tables and modules of packages of ours, and entry points of other packages."""

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fractalctl.errors import FractalError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Named(Protocol):
    """Whatever can be offered under a name."""

    @property
    def name(self) -> str:
        """By which users ask for it."""


Kind = TypeVar("Kind", bound=Named)


def collect(
    group: str, kind: type[Kind], ours: Iterable[tuple[str, Kind | Iterable[Kind]]]
) -> dict[str, Kind]:
    """All objects of a kind by name: our own, then those of installed packages.

    Args:
        group: of entry points, such as ``fractalctl.methods``; each gives one object or several.
        ours: built-in ones, each with where it comes from, for messages.

    Raises FractalError: an entry point cannot be imported or gives something else, or a name comes twice; the
    message names the packages.
    """
    found: dict[str, Kind] = {}
    sources: dict[str, str] = {}
    for source, given in (*ours, *load_plugins(group)):
        for item in (given,) if isinstance(given, kind) or not isinstance(given, Iterable) else given:
            if not isinstance(item, kind):
                raise FractalError(
                    f"plug-in {source} of group {group} gives {type(item).__name__}, expected "
                    f"{kind.__module__}.{kind.__name__}; mend or uninstall it"
                )
            if item.name in found:
                raise FractalError(
                    f"'{item.name}' comes twice: from {sources[item.name]} and from {source}; rename one of "
                    "them, or uninstall its package"
                )
            found[item.name], sources[item.name] = item, source
    return found


def packaged_tables(package: str, file: str) -> dict[str, Any]:
    """The tables of a TOML file that lies in a package of ours."""
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files(package).joinpath(file).read_text("utf-8"))


def load_plugins(group: str) -> Iterator[tuple[str, Any]]:
    """Load what installed packages offer.

    Yields:
        Where each comes from, for messages, and the object.

    Raises FractalError: a package's entry point cannot be imported; the message names the package.
    """
    for entry in _entries(group, tuple(sys.path)):
        package = entry.dist.name if entry.dist else "a package"
        source = f"{package} ({entry.name} = {entry.value})"
        try:
            yield source, entry.load()
        except Exception as error:
            raise FractalError(
                f"plug-in {source} of group {group} cannot be loaded ({type(error).__name__}: {error}); "
                f"mend or uninstall {package}"
            ) from error


@cache
def _entries(group: str, _places: tuple[str, ...]) -> "tuple[EntryPoint, ...]":
    """Looked for once in the same places, since going through all installed packages takes a while."""
    from importlib.metadata import entry_points  # slow to import, and help asks for no plug-in

    return tuple(sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)))


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    """Import every module of a package, in order of name; names that begin with ``_`` are no extensions."""
    for name in _module_names(tuple(package.__path__)):
        yield import_module(f"{package.__name__}.{name}")


@cache
def _module_names(folders: tuple[str, ...]) -> list[str]:
    """Looked for once, since some packages are gone through for every setting of every result."""
    return sorted(found.name for found in iter_modules(folders) if not found.name.startswith("_"))
