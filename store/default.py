"""Which store is meant where nobody names one."""

import os
from contextlib import suppress
from pathlib import Path

from store.errors import StoreRequestError

PROJECT_FILE = "fractalctl.toml"
"""What a project takes for granted; its key ``store`` is a folder, relative to the file."""


def find_project() -> Path | None:
    """The nearest `PROJECT_FILE`, in the current folder or above it."""
    with suppress(OSError):
        here = Path.cwd()
        found = (folder / PROJECT_FILE for folder in (here, *here.parents))
        return next((path for path in found if path.is_file()), None)
    return None


def default_folder() -> Path:
    """The store of commands, and of Python, that name none.

    That is ``FRACTALCTL_STORE``, else what `PROJECT_FILE` says, else a folder in the user's cache.
    StoreRequestError where the file cannot be read.
    """
    import platformdirs

    if named := os.environ.get("FRACTALCTL_STORE"):
        return Path(named)
    if (project := find_project()) and (said := _store_of(project)):
        return project.parent / said
    return Path(platformdirs.user_cache_dir("fractalctl", appauthor=False)) / "store"


def _store_of(project: Path) -> str | None:
    import tomllib

    try:
        said = tomllib.loads(project.read_text("utf-8")).get("store")
    except (ValueError, RecursionError) as error:
        raise StoreRequestError(f"{project}: not a TOML file: {error}") from error
    if said is not None and not isinstance(said, str):
        raise StoreRequestError(f"{project}: store is {said!r}, expected the path of a folder")
    return said
