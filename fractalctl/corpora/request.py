"""A request for a corpus: everything that fixes its content, known before anything is read."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fractalctl.corpora.records import OnConflict
from fractalctl.corpora.registry import PYDOCS, no_such_corpus, registered
from fractalctl.errors import RequestError
from fractalctl.progress import Progress, silent

if TYPE_CHECKING:
    from fractalctl.corpora.corpus import Corpus
    from fractalctl.corpora.records import Reading


class Source(Protocol):
    """Where the rows of a corpus come from."""

    def identity(self) -> dict[str, Any]:
        """JSON values that fix the rows, found without reading them."""
        ...

    def read(self, *, offline: bool) -> "Reading":
        """The rows."""
        ...


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

    Raises:
        RequestError: options that do not go together, or a size below 1.
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
        if not self.separator:
            raise RequestError("--separator must not be empty")
        if self._is_named and (self.text or self.path_column):
            raise RequestError(
                f"--text and --path are for own files and hub: sources; '{self.source}' knows its columns"
            )
        if self.data and self.source not in registered():
            raise RequestError(
                f"--data is for registered corpora ({', '.join(registered())}), not '{self.source}'"
            )
        for option in ("max_train", "max_validation", "max_test"):
            size = getattr(self, option)
            if size is not None and size < 1:
                raise RequestError(f"--{option.replace('_', '-')} must be at least 1, not {size}")

    @property
    def _is_named(self) -> bool:
        return self.source == PYDOCS or self.source in registered()

    @property
    def name(self) -> str:
        """Folder name of the corpus in the store: ``clinc``, ``my-file``, ``owner--name``."""
        if self._is_named:
            return self.source
        if self.source.startswith("hub:"):
            words = re.split(r"[/:@]", self.source.removeprefix("hub:"))
            return re.sub(r"[^\w.-]+", "-", "--".join(words))
        stem = Path(self.source).resolve().name
        return re.sub(r"[^\w-]+", "-", re.sub(r"(\.\w+)(\.gz)?$", "", stem)).strip("-") or "corpus"

    def identity(self) -> dict[str, Any]:
        """JSON values that fix the corpus's content, found without loading it.

        Of local files the content counts, not the name; of the hub the repository and its revision; of
        ``pydocs`` the versions of the packages.

        Raises:
            RequestError: there is no such corpus, file or level.
        """
        return {
            **self._source().identity(),
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

        return assemble(self._source(progress).read(offline=offline), self)

    def _source(self, progress: Progress = silent) -> Source:
        if self.source == PYDOCS:
            from fractalctl.corpora.pydocs import PydocsSource

            return PydocsSource(self.levels, progress)
        if self.source in registered():
            from fractalctl.corpora.registered import RegisteredSource

            return RegisteredSource(registered()[self.source], self.data, self.levels)
        return self._own_source()

    def _own_source(self) -> Source:
        from fractalctl.corpora.columns import Columns
        from fractalctl.corpora.own import FileSource, HubSource

        columns = Columns(
            self.text or "text", self.levels or ("coarse", "fine"), self.path_column, self.separator
        )
        if self.source.startswith("hub:"):
            return HubSource.called(self.source, columns)
        if not Path(self.source).exists():
            raise no_such_corpus(self.source)
        return FileSource(Path(self.source), columns)
