"""Registered corpora as sources of records: from a local copy, made by a function, or from the hub."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fractalctl.corpora.columns import id_in, label_at, split_in, text_in
from fractalctl.corpora.corpus_spec import CorpusSpec
from fractalctl.corpora.local import CopyFormat, LocalCopy, copy_forms, find_copy
from fractalctl.corpora.records import Origin, ReadContext, Reading, Record, Row
from fractalctl.corpora.tabular import SplitTables, Table, as_table, open_tables
from fractalctl.errors import RequestError

INTERCHANGE = ("coarse", "fine")
"""Columns that stand for the two default levels of any registered corpus."""


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
        data: a local copy to read.
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
            return {**common, "format": str(self._copy.format), "sha256": self._copy.digest()}
        if spec.read:
            return {**common, "edition": spec.edition() if callable(spec.edition) else spec.edition}
        if spec.hub:
            return {**common, "hub": spec.hub.id, "config": spec.hub.config, "revision": spec.hub.revision}
        raise self._needs_data()

    def read(self, context: ReadContext) -> Reading:
        """Open the corpus.

        Raises:
            UnreachableError: neither the hub nor its cache gives it.
            RequestError: no such level or local copy, or (as records are read) a row without text or label.
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
        from fractalctl.corpora.hub import folder_tables, hub_tables

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
