"""Local copies of registered corpora: which files of a path belong to one, and in which format they are."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from fractalctl.corpora.corpus_spec import CorpusSpec
from fractalctl.corpora.records import split_called
from fractalctl.corpora.tabular import open_table, table_format
from fractalctl.errors import RequestError
from store.files import why_no_file

DATASET_CARD = "README.md"
"""What every repository of the hub has, and a folder that merely holds tables seldom."""


class CopyFormat(StrEnum):
    """What a local copy is a copy of."""

    PUBLISHER = "publisher"
    """The publisher's own files."""
    LINES = "lines"
    """JSON lines with ``text``, labels and ``split``."""
    HUB = "hub"
    """A folder laid out as the repository on the hub."""


class LocalCopy(NamedTuple):
    """The files of a local copy."""

    format: CopyFormat
    files: Mapping[str, Path]
    """By role: a split, ``all``, or the name of a companion."""

    def digest(self) -> str:
        """SHA-256 over roles and contents."""
        return digest_of(self.files)


def find_copy(spec: CorpusSpec, path: Path) -> LocalCopy:
    """Tell what a user means by ``--data PATH``.

    A folder, or a file of which the publisher has several, stands for the publisher's files in that folder;
    else for JSON lines, else for a copy of the repository on the hub.

    Raises:
        RequestError: there is nothing of the kind; the message says what was looked for.
    """
    if not path.exists():
        raise RequestError(f"--data {path}: there is no such file or folder")
    if not path.is_dir() and not path.is_file():
        raise RequestError(f"--data {path}: {why_no_file(path)}")
    folder = path.parent if path.name in spec.files.values() else path
    copy = _in_folder(spec, folder) if folder.is_dir() else _single_file(spec, path)
    if copy is None:
        raise RequestError(f"--data {path}: found neither {', nor '.join(copy_forms(spec))}")
    return copy


def copy_forms(spec: CorpusSpec) -> list[str]:
    """Say which local copies of a corpus can be read."""
    names = ", ".join([*spec.files.values(), *spec.companions.values()])
    forms = [f"the publisher's files ({names})"] if names else []
    forms.append(f"JSON lines with text, coarse, fine and split ({spec.name}.jsonl or .jsonl.gz)")
    if spec.hub:
        forms.append(f"a copy of the repository {spec.hub.id} (with its {DATASET_CARD})")
    return forms


def _in_folder(spec: CorpusSpec, folder: Path) -> LocalCopy | None:
    own = {role: folder / name for role, name in spec.files.items()}
    if own and all(path.exists() for path in own.values()):
        beside = {role: folder / name for role, name in spec.companions.items() if (folder / name).exists()}
        return LocalCopy(CopyFormat.PUBLISHER, {**own, **beside})
    for name in (f"{spec.name}.jsonl", f"{spec.name}.jsonl.gz"):
        if (folder / name).is_file():
            return LocalCopy(CopyFormat.LINES, {"all": folder / name})
    by_split = split_files(folder)
    if by_split and all(_is_interchange(spec, path) for path in by_split.values()):
        return LocalCopy(CopyFormat.LINES, by_split)
    return _repository(folder) if spec.hub and (folder / DATASET_CARD).is_file() else None


def _repository(folder: Path) -> LocalCopy:
    """All tables of a folder, and the card that says how they belong together."""
    tables = sorted(path for path in folder.rglob("*") if path.is_file() and table_format(path))
    files = {path.relative_to(folder).as_posix(): path for path in (folder / DATASET_CARD, *tables)}
    return LocalCopy(CopyFormat.HUB, files)


def _single_file(spec: CorpusSpec, path: Path) -> LocalCopy | None:
    if _is_interchange(spec, path):
        return LocalCopy(CopyFormat.LINES, {"all": path})
    return LocalCopy(CopyFormat.PUBLISHER, {"all": path}) if table_format(path) in spec.alone else None


def _is_interchange(spec: CorpusSpec, path: Path) -> bool:
    """Whether a table is JSON lines whose first row has a text and a label of the finest default level."""
    if table_format(path) != "lines":
        return False
    columns = set(open_table(path).columns)
    return "text" in columns and bool({"fine", spec.choose_levels(())[-1]} & columns)


def split_files(folder: Path) -> dict[str, Path]:
    """Tables of a folder that are called after a split: ``train.csv``, ``dev.jsonl.gz``, ``test.parquet``."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        split = split_called(path.name.split(".")[0])
        if split and path.is_file() and table_format(path):
            if split in found:
                raise RequestError(
                    f"{folder}: both {found[split].name} and {path.name} could be the {split} split"
                )
            found[split] = path
    return found


def digest_of(files: Mapping[str, Path]) -> str:
    """SHA-256 over the roles of files and their contents; of a folder, over all files in it."""
    total = hashlib.sha256()
    for role, path in sorted(files.items()):
        members = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
        for member in members:
            with member.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            inside = member.relative_to(path).as_posix() if path.is_dir() else ""
            total.update(f"{role}/{inside} {content}\n".encode())
    return total.hexdigest()
