"""Somebody's own data as a source of records: a file, a folder of files by split, a repository of the hub."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fractalctl.corpora.columns import Columns
from fractalctl.corpora.corpus_spec import Repository
from fractalctl.corpora.hub import hub_tables
from fractalctl.corpora.local import digest_of, split_files
from fractalctl.corpora.records import ReadContext, Reading
from fractalctl.corpora.tabular import SplitTables, open_tables, table_format
from fractalctl.errors import RequestError
from store.files import why_no_file

HUB_PREFIX = "hub:"


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

    def read(self, context: ReadContext) -> Reading:  # noqa: ARG002  files are always at hand
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
        """The source of a name that begins with ``hub:``.

        Raises:
            RequestError: the name is not of this form.
        """
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
        """Open the repository.

        Raises:
            UnreachableError: neither the hub nor its cache gives it.
        """
        instead = f"a local copy: the path of a file or folder in place of {HUB_PREFIX}{self.repository.id}"
        return _reading(hub_tables(self.repository, context, instead), self.columns)


def _reading(tables: SplitTables, columns: Columns) -> Reading:
    records = (record for split, table in tables for record in columns.records(table, split))
    return Reading(records, () if columns.path else columns.levels)
