"""Where the records of a corpus come from: a local copy, a function, the hub, or files of one's own."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fractalctl.corpora.columns import Columns, id_in, label_at, split_in, text_in
from fractalctl.corpora.corpus_spec import CorpusSpec, Repository
from fractalctl.corpora.hub import folder_tables, hub_tables
from fractalctl.corpora.records import HUB_PREFIX, Origin, ReadContext, Reading, Record, Row, split_called
from fractalctl.corpora.tabular import SplitTables, Table, as_table, open_table, open_tables, table_format
from fractalctl.errors import RequestError
from store.files import why_no_file

DATASET_CARD = "README.md"
"""What every repository of the hub has, and a folder that merely holds tables seldom."""
INTERCHANGE = ("coarse", "fine")
"""Columns that stand for the two default levels of any registered corpus."""


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


def find_copy(spec: CorpusSpec, path: Path) -> LocalCopy:
    """Tell what a user means by ``--data PATH``.

    A folder, or a file of which the publisher has several, stands for the publisher's files in that folder;
    else for JSON lines, else for a copy of the repository on the hub.

    Raises RequestError: there is nothing of the kind; the message says what was looked for.
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


class Fields(NamedTuple):
    """Where the rows of a source keep what a record needs."""

    text: tuple[str, ...]
    labels: Mapping[str, str]
    """By level, as ``column`` or ``column[0]``."""
    single: str | None = None
    id: str | None = "id"


@dataclass(frozen=True)
class RegisteredSource:
    """A registered corpus.

    Args:
        wanted: levels that are asked for; none for the default.
    """

    spec: CorpusSpec
    data: Path | None = None
    wanted: tuple[str, ...] = ()

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The levels of the corpus as it is read."""
        return self.spec.choose_levels(self.wanted)

    @cached_property
    def _copy(self) -> LocalCopy | None:
        return find_copy(self.spec, self.data) if self.data else None

    def identity(self) -> dict[str, Any]:
        """What fixes the records: spec, levels, and the copy's content, the edition, or the repository."""
        spec = self.spec
        common = {"corpus": spec.name, "spec": spec.digest, "levels": list(self.levels)}
        if self._copy:
            return {**common, "format": str(self._copy.format), "sha256": digest_of(self._copy.files)}
        if spec.read:
            return {**common, "edition": spec.edition() if callable(spec.edition) else spec.edition}
        if spec.hub:
            return {**common, "hub": spec.hub.id, "config": spec.hub.config, "revision": spec.hub.revision}
        raise self._needs_data()

    def read(self, context: ReadContext) -> Reading:
        """Open the corpus.

        Raises UnreachableError: neither the hub nor its cache gives it; RequestError: no such level or local
        copy, or (as records are read) a row without text or label.
        """
        levels = self.levels  # a wrong one is told before anything is fetched or parsed
        spec, copy, hub = self.spec, self._copy, self.spec.hub
        if copy and copy.format is not CopyFormat.HUB:
            return Reading(self._records(self._local_tables(copy)), levels, spec.rows, spec.classes)
        if spec.read and not copy:
            table = as_table(Origin(spec.name, "row"), enumerate(spec.read(context), 1))
            return Reading(self._records([(None, table)]), levels, spec.rows, spec.classes)
        if hub is None:
            raise self._needs_data()
        if self.data:
            tables = folder_tables(self.data, hub)
        else:
            tables = hub_tables(hub, context, f"a local copy, --data PATH: {' or '.join(copy_forms(spec))}")
        records = self._records(tables, Fields(hub.text, hub.labels, hub.single, hub.row_id))
        return Reading(records, levels, hub.rows or spec.rows, hub.classes or spec.classes)

    def _needs_data(self) -> RequestError:
        forms = " or ".join(copy_forms(self.spec))
        return RequestError(f"{self.spec.name} is read from a local copy alone: --data PATH, {forms}")

    def _local_tables(self, copy: LocalCopy) -> SplitTables:
        if copy.format is CopyFormat.PUBLISHER:
            from fractalctl.corpora.publishers import published_tables  # only reading needs them

            return published_tables(self.spec, copy.files)
        return open_tables(copy.files)

    def _records(self, tables: SplitTables, fields: Fields | None = None) -> Iterator[Record]:
        for split, table in tables:
            where = fields or self._fields_called_after_levels(table)
            for number, row in table.rows:
                place = table.origin.place(number)
                path = self._path(row, where, place)
                if path:
                    text = " ".join(filter(None, (text_in(row, column, place) for column in where.text)))
                    text = text[: self.spec.characters]
                    named = split or split_in(row, place)
                    yield Record(text, path, named, table.origin, number, id_in(row, where.id))

    def _fields_called_after_levels(self, table: Table) -> Fields:
        """Columns called after the levels, or ``coarse`` and ``fine`` for two default levels."""
        labels = {level: level for level in self.spec.levels if level in table.columns}
        default = self.spec.choose_levels(())
        for level, column in zip(default, INTERCHANGE, strict=False) if len(default) == 2 else ():
            if column in table.columns:
                labels.setdefault(level, column)
        return Fields(("text",), labels)

    def _path(self, row: Row, fields: Fields, place: str) -> tuple[str, ...] | None:
        """Class names at the levels that are read, or None for a row that the corpus leaves out."""
        if fields.single and isinstance(labels := row.get(fields.single), list) and len(labels) != 1:
            return None
        given = {level: label_at(row, column, place) for level, column in fields.labels.items()}
        if given.get(self.spec.levels[-1]) in self.spec.drop:
            return None
        try:
            classes = self.spec.complete(given, self.levels)
        except LookupError as error:
            raise RequestError(f"{place}: {error.args[0]}") from error
        missing = [level for level in self.levels if level not in classes]
        if missing:
            columns = ", ".join(f"'{column}'" for column in row)
            raise RequestError(f"{place}: no label of level '{missing[0]}'; the columns are {columns}")
        return tuple(classes[level] for level in self.levels)


@dataclass(frozen=True)
class FileSource:
    """A table, or a folder with tables called after their split (``train.csv``, ``test.csv``)."""

    path: Path
    columns: Columns

    def identity(self) -> dict[str, Any]:
        """What fixes the records: the content of the files, their formats and the columns."""
        files = self._files()
        formats = {split: table_format(path) for split, path in files.items()}
        return {"formats": formats, "sha256": digest_of(files), **asdict(self.columns)}

    def read(self, _context: ReadContext) -> Reading:
        """Open the files."""
        return _reading(open_tables(self._files()), self.columns)

    def _files(self) -> dict[str, Path]:
        if not self.path.is_dir():
            if not self.path.is_file():
                raise RequestError(f"{self.path}: {why_no_file(self.path)}")
            return {"all": self.path}
        files = split_files(self.path)
        if not files:
            raise RequestError(
                f"{self.path}: expected tables called after their split (train.csv, test.csv), found none"
            )
        return files


@dataclass(frozen=True)
class HubSource:
    """A repository of the Hugging Face hub, called ``hub:owner/name[:config][@revision]``."""

    repository: Repository
    columns: Columns

    @classmethod
    def called(cls, name: str, columns: Columns) -> "HubSource":
        """The source of a name that begins with ``hub:``; RequestError if the name is not of this form."""
        rest, _, revision = name.removeprefix(HUB_PREFIX).partition("@")
        identifier, _, config = rest.partition(":")
        if identifier.count("/") != 1 or not all(identifier.split("/")):
            raise RequestError(
                f"'{name}': expected hub:owner/name, hub:owner/name:config or either with @revision"
            )
        return cls(Repository(id=identifier, config=config or None, revision=revision or None), columns)

    def identity(self) -> dict[str, Any]:
        """What is asked of the hub; without a revision, its content can change without this changing."""
        hub = self.repository
        return {"hub": hub.id, "config": hub.config, "revision": hub.revision, **asdict(self.columns)}

    def read(self, context: ReadContext) -> Reading:
        """Open the repository; UnreachableError if neither the hub nor its cache gives it."""
        instead = f"a local copy: the path of a file or folder in place of {HUB_PREFIX}{self.repository.id}"
        return _reading(hub_tables(self.repository, context, instead), self.columns)


def _reading(tables: SplitTables, columns: Columns) -> Reading:
    records = (record for split, table in tables for record in columns.records(table, split))
    return Reading(records, () if columns.path else columns.levels)
