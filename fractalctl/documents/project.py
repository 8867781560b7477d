"""``fractalctl.toml``: what a project's commands take for granted."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from fractalctl.errors import RequestError


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table ``[corpus]``.

    Attributes:
        path: what `featurize` encodes: a file or folder, or whatever else it takes.
        text: column of the text.
        levels: columns of the labels, coarse to fine.
    """

    path: str | None = None
    text: str | None = None
    levels: list[str] | None = None


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; every key may be left out.

    Attributes:
        store: folder of feature sets.
        runs: folder of heads and results.
        backbone: that `featurize` encodes with.
        arms: strategies that `train` trains.
        corpus: what is encoded, and which columns of it.
    """

    store: str | None = None
    runs: str | None = None
    backbone: str | None = None
    arms: list[str] | None = None
    corpus: Columns = Columns()

    def values(self, folder: Path) -> dict[str, Any]:
        """Defaults by name of parameter; paths that are relative begin at a folder."""
        columns = self.corpus
        local = columns.path and (folder / columns.path).exists()
        is_path = self.backbone and "/" in self.backbone and (folder / self.backbone).is_dir()
        found = {
            "runs": self.runs and str(folder / self.runs),
            "backbone": str(folder / self.backbone) if is_path and self.backbone else self.backbone,
            "strategy": self.arms,
            "corpus": str(folder / columns.path) if local and columns.path else columns.path,
            "text": columns.text,
            "levels": columns.levels and [",".join(columns.levels)],
        }
        return {name: value for name, value in found.items() if value is not None}


def read_project(path: Path) -> Project:
    """Read the file; RequestError names it and the key where it is no TOML, or a key is unknown or wrong."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Project)
    except msgspec.ValidationError as error:
        known = ", ".join(
            [*Project.__struct_fields__[:-1], *(f"corpus.{name}" for name in Columns.__struct_fields__)]
        )
        raise RequestError(f"{path}: {error}; it may have {known}") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path}: not a TOML file: {error}") from error
