"""A request for a corpus: everything that fixes its content, known before anything is read."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from fractalctl.corpora.records import HUB_PREFIX, SPLITS, OnConflict, ReadContext
from fractalctl.corpora.registry import no_such_corpus, registered_corpora
from fractalctl.errors import RequestError
from fractalctl.progress import Progress, silent

if TYPE_CHECKING:
    from fractalctl.corpora.corpus import Corpus
    from fractalctl.corpora.sources import FileSource, HubSource, RegisteredSource


LONGEST_NAME, LONGEST_BYTES = 100, 200
"""Letters of a corpus's name, and their bytes in UTF-8: what the store takes."""


@dataclass(frozen=True)
class CorpusRequest:
    """Which corpus, read how, and how much of it.

    Args:
        source: name of a registered corpus, ``pydocs``, path of a file or of a folder with one file a
            split, or ``hub:owner/name[:config][@revision]``.
        data: local copy of a registered corpus (file or folder).
        text: column of the text, of files and ``hub:`` sources; None is ``text``.
        levels: coarse to fine; level names of a registered corpus, columns of a file. Empty: the default
            (of files the columns ``coarse`` and ``fine``).
        path_column: one column that holds the whole path of labels, instead of ``levels``.
        separator: what separates the labels in ``path_column``.
        on_conflict: what to do with a class under two parents.
        max_train: size of the random sample of training rows; None takes all rows in source order.
        max_validation: the same for validation rows.
        max_test: the same for test rows.
        seed: of the samples and of the held-out fifth.

    Raises RequestError: options that do not go together, or a size below 1.
    """

    source: str
    data: Path | None = None
    text: str | None = None
    levels: tuple[str, ...] = ()
    path_column: str | None = None
    separator: str = " > "
    on_conflict: OnConflict = OnConflict.ERROR
    max_train: int | None = None
    max_validation: int | None = None
    max_test: int | None = None
    seed: int = 42

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.on_conflict not in tuple(OnConflict):
            raise RequestError(f"--on-conflict is {' or '.join(OnConflict)}, not '{self.on_conflict}'")
        if self.path_column and self.levels:
            raise RequestError("--path and --levels exclude each other: the path names all levels")
        if repeated := sorted({level for level in self.levels if self.levels.count(level) > 1}):
            raise RequestError(f"--levels names '{repeated[0]}' twice; each level has labels of its own")
        if self.seed < 0:
            raise RequestError(f"--seed must be at least 0, not {self.seed}")
        if not self.separator:
            raise RequestError("--separator must not be empty")
        named = self.source in registered_corpora()
        if named and (self.text or self.path_column):
            raise RequestError(
                f"--text and --path are for own files and hub: sources; '{self.source}' knows its columns"
            )
        copied = [name for name, spec in registered_corpora().items() if spec.takes_data]
        if self.data and self.source not in copied:
            raise RequestError(f"--data is for registered corpora ({', '.join(copied)}), not '{self.source}'")
        for split, size in self.limits.items():
            if size is not None and size < 1:
                raise RequestError(f"--max-{split} must be at least 1, not {size}")

    @property
    def limits(self) -> dict[str, int | None]:
        """How many rows are drawn of each split; None takes all in source order."""
        return dict(zip(SPLITS, (self.max_train, self.max_validation, self.max_test), strict=True))

    @property
    def name(self) -> str:
        """Folder name of the corpus in the store: ``clinc``, ``my-file``, ``owner--name``."""
        if self.source in registered_corpora():
            return self.source
        if self.source.startswith(HUB_PREFIX):
            words = re.split(r"[/:@]", self.source.removeprefix(HUB_PREFIX))
            return re.sub(r"[^\w.-]+", "-", "--".join(words))
        stem = normalize("NFC", Path(self.source).resolve().name)
        plain = re.sub(r"[^\w-]+", "-", re.sub(r"(\.\w+)(\.gz)?$", "", stem)).strip("-").lstrip("-_")
        return plain[:LONGEST_NAME].encode()[:LONGEST_BYTES].decode(errors="ignore") or "corpus"

    @property
    def origin(self) -> str:
        """Where the texts come from, for people: a path that is whole, or the name of a corpus."""
        named = self.data or (None if self.source in registered_corpora() else Path(self.source))
        local = named is not None and named.exists()
        return str(named.resolve()) if named is not None and local else self.source

    def identity(self) -> dict[str, Any]:
        """JSON values that fix the corpus's content, found without loading it.

        Of local files the content counts, not the name; of the hub the repository and its revision; of
        ``pydocs`` the versions of the packages.

        Raises RequestError: there is no such corpus, file or level.
        """
        from fractalctl.corpora.assembly import EDITION

        return {
            **self._source().identity(),
            "draws": EDITION,
            "on_conflict": str(self.on_conflict),
            "max_train": self.max_train,
            "max_validation": self.max_validation,
            "max_test": self.max_test,
            "seed": self.seed,
        }

    def load(self, *, offline: bool = False, progress: Progress = silent) -> "Corpus":
        """Read the corpus, check its label tree and take the samples.

        Args:
            offline: take repositories from the local cache of the hub alone.
            progress: told how far reading is where it takes long.

        Raises:
            RequestError: columns, labels or options are wrong; the message names file, row and field.
            UnreachableError: the hub cannot be reached and its cache does not hold the corpus.
            FractalError: a file cannot be read.
        """
        from fractalctl.corpora.assembly import assemble

        notes: list[str] = []
        reading = self._source().read(ReadContext(offline, progress, notes.append))
        rows = list(reading.records)  # only now all notes are taken
        if not rows:
            raise RequestError(f"{self.data or self.source}: there is no row of the corpus {self.name}")
        reading = reading._replace(records=rows)
        return assemble(self.name, reading, notes, self.on_conflict, self.limits, self.seed)

    def _source(self) -> "RegisteredSource | FileSource | HubSource":
        if self.source in registered_corpora():
            from fractalctl.corpora.sources import RegisteredSource

            return RegisteredSource(registered_corpora()[self.source], self.data, self.levels)
        from fractalctl.corpora.columns import Columns
        from fractalctl.corpora.sources import FileSource, HubSource

        columns = Columns(
            self.text or "text", self.levels or ("coarse", "fine"), self.path_column, self.separator
        )
        if self.source.startswith(HUB_PREFIX):
            return HubSource.called(self.source, columns)
        if not Path(self.source).exists():
            raise no_such_corpus(self.source)
        return FileSource(Path(self.source), columns)
