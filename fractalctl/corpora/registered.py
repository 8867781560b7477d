"""Registered corpora as sources of records: from the hub, or from a local copy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fractalctl.corpora.columns import id_in, label_at, split_in, text_in
from fractalctl.corpora.local import CopyFormat, LocalCopy, copy_forms, find_copy
from fractalctl.corpora.records import Reading, Record
from fractalctl.corpora.registry import CorpusSpec
from fractalctl.corpora.tabular import Row, Table, open_table
from fractalctl.errors import RequestError

INTERCHANGE = ("coarse", "fine")
"""Columns of JSON lines that stand for the two default levels of any registered corpus."""

SplitTables = Iterable[tuple[str | None, Table]]


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
        spec: the corpus.
        data: a local copy to read instead of the hub's.
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
        """What fixes the records: spec, levels, and the repository or the content of the local copy."""
        common = {"corpus": self.spec.name, "spec": self.spec.digest, "levels": list(self.levels)}
        if self._copy:
            return {**common, "format": str(self._copy.format), "sha256": self._copy.digest()}
        hub = self.spec.hub
        return {**common, "hub": hub.id, "config": hub.config, "revision": hub.revision}

    def read(self, *, offline: bool = False) -> Reading:
        """Open the corpus.

        Raises:
            UnreachableError: neither the hub nor its cache gives it.
            RequestError: no such local copy, or (while records are read) a row without text or label.
        """
        copy, hub = self._copy, self.spec.hub
        if copy and copy.format is not CopyFormat.HUB:
            records = self._records(self._local_tables(copy))
            return Reading(records, self.levels, (), self.spec.rows, self.spec.classes)
        from fractalctl.corpora.hub import Repository, folder_tables, hub_tables

        repository = Repository(hub.id, hub.config, hub.revision, hub.data_files)
        notes: tuple[str, ...] = ()
        if self.data:
            tables = folder_tables(self.data, repository)
        else:
            instead = f"a local copy, --data PATH: {' or '.join(copy_forms(self.spec))}"
            tables, revision = hub_tables(repository, offline=offline, local_copy=instead)
            if hub.revision is None:
                notes = (f"read at revision {revision} of {hub.id}, which is not pinned",)
        records = self._records(tables, Fields(hub.text, hub.labels, hub.single, hub.row_id))
        return Reading(
            records, self.levels, notes, hub.rows or self.spec.rows, hub.classes or self.spec.classes
        )

    def _local_tables(self, copy: LocalCopy) -> SplitTables:
        if copy.format is CopyFormat.PUBLISHER:
            from fractalctl.corpora.publishers import READERS  # only reading needs them

            return READERS[self.spec.name](self.spec, copy.files)
        return ((None if role == "all" else role, open_table(path)) for role, path in copy.files.items())

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
        """Columns called after the levels, or ``coarse`` and ``fine`` for the two default levels."""
        labels = {level: level for level in self.spec.levels if level in table.columns}
        for level, column in zip(self.spec.default, INTERCHANGE, strict=True):
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
