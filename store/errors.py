"""The errors of the feature store; like all errors a user can meet, each carries an exit code."""

from collections.abc import Sequence
from pathlib import Path

REMEDY = "remove it (fractalctl store rm) and featurize again"


class StoreError(Exception):
    """A feature set cannot be read, written or trusted; the message names the file. Exit code 1."""

    exit_code = 1


class StoreRequestError(StoreError):
    """The store was asked for something that it does not hold or cannot do. Exit code 2."""

    exit_code = 2


class ChangedError(StoreError):
    """A published set is no longer what was written: which datasets, or what between them. Exit code 1."""

    def __init__(self, path: Path, changed: Sequence[str]) -> None:
        self.path = path
        self.changed = tuple(changed)
        super().__init__(f"{path}: changed since it was written: {', '.join(self.changed)}; {REMEDY}")
