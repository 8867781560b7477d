"""The Hugging Face hub: whether it can be reached, and corpora on it, in its cache, or in a copy."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from fractalctl.corpora.corpus_spec import Repository
from fractalctl.corpora.records import Origin, ReadContext, split_called
from fractalctl.corpora.tabular import NumberedRows, SplitTables, Table
from fractalctl.errors import FractalError, RequestError, UnreachableError

if TYPE_CHECKING:
    import datasets

PROBE_SECONDS = 5.0
"""How long the hub has to give a sign of life before the local cache is tried."""
BATCH_ROWS = 1000


def endpoint() -> str:
    """Address of the hub (``HF_ENDPOINT``, else the public one)."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def why_unreachable() -> str | None:
    """Ask the hub for a sign of life.

    The hub's own libraries repeat a failing request for the better part of a minute; one request with a
    time limit that covers name resolution too answers the same question at once.

    Returns None if something answers at its address, else why not.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return "HF_HUB_OFFLINE is set"
    outcome: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: outcome.put(_probe()), daemon=True).start()
    try:
        return outcome.get(timeout=PROBE_SECONDS)
    except Empty:
        return f"no answer within {PROBE_SECONDS:g} seconds"


def _probe() -> str | None:
    # A look-up in the store never comes here, and these take a tenth of its time to import.
    from ssl import SSLError
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(endpoint(), method="HEAD"), timeout=PROBE_SECONDS).close()  # noqa: S310  the user's own setting
    except HTTPError:
        return None
    except URLError as error:
        # A certificate that Python alone does not trust may be one that the hub's libraries do.
        return None if isinstance(error.reason, SSLError) else str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def unreachable(what: str, reason: str, *ways: str) -> UnreachableError:
    """The error for somebody who asks for what is neither on the hub nor in its local cache.

    Args:
        ways: what can be done about it, beside bringing the cache from another machine.
    """
    cache = os.environ.get("HF_HOME", "~/.cache/huggingface")
    carried = (
        "an offline cache: give the same command with HF_HOME=FOLDER on a machine that reaches the\n"
        "     hub, bring the folder here, set HF_HOME to it and add --offline"
    )
    listed = "\n".join(f"  {number}. {way}" for number, way in enumerate((*ways, carried), 1))
    return UnreachableError(
        f"{what} cannot be had from {endpoint()} ({reason}), nor from the local cache ({cache}).\n"
        f"Three ways on:\n{listed}"
    )


def hub_tables(repository: Repository, context: ReadContext, local_copy: str) -> SplitTables:
    """Open every split of a repository of the hub; a single one of any name is taken for all rows.

    Offline, or when the hub does not answer, exactly the wanted revision is looked for in the local cache
    and nothing touches the network. (The cached fallback of ``datasets`` itself takes any revision.)

    Args:
        context: whether to use the cache alone, and who takes the note.

    Raises:
        UnreachableError: the hub does not answer and the cache does not hold the repository.
        RequestError: no such repository, configuration or revision, or splits of unknown names.
        FractalError: the repository cannot be read.
    """
    if Path(repository.id).exists():
        # The library would read this folder instead and not say so.
        raise RequestError(
            f"the folder {repository.id} hides the repository of this name; run from elsewhere"
        )
    reason = "--offline" if context.offline else why_unreachable()
    if reason is None:
        tables, revision = _opened(repository.id, repository)
    else:
        tables, revision = _cached(repository, reason, local_copy)
    if repository.revision is None:
        context.note(f"read at revision {revision} of {repository.id}, which is not pinned")
    return tables


def _cached(repository: Repository, reason: str, local_copy: str) -> tuple[SplitTables, str]:
    """Every split out of the local cache, and the commit that lies there."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    what = f"{repository.id} at revision {repository.revision or 'main'}"
    ways = (local_copy, "where the backbone cannot be had either: a local model folder, --backbone FOLDER")
    try:
        folder = huggingface_hub.snapshot_download(
            repository.id, repo_type="dataset", revision=repository.revision, local_files_only=True
        )
        return folder_tables(Path(folder), repository), Path(folder).name
    except LocalEntryNotFoundError:
        raise unreachable(what, reason, *ways) from None
    except FractalError as error:
        raise unreachable(what, f"{reason}; the cached copy does not do: {error}", *ways) from error


def folder_tables(folder: Path, repository: Repository) -> SplitTables:
    """Open every split of a folder that is laid out as the repository on the hub is.

    Raises RequestError: no such configuration, or splits of unknown names; FractalError: the folder cannot be
    read.
    """
    return _opened(str(folder), repository)[0]


def _opened(path: str, repository: Repository) -> tuple[SplitTables, str | None]:
    """The repository, or a folder that holds a copy of it, through ``datasets``, and the commit."""
    import datasets

    data_files = dict(repository.data_files) if repository.data_files else None
    revision = None if Path(path).is_dir() else repository.revision
    with _quiet(datasets):
        try:
            builder = datasets.load_dataset_builder(
                path, repository.config, revision=revision, data_files=data_files
            )
            builder.download_and_prepare()
            found = builder.as_dataset()
        except (datasets.exceptions.DatasetNotFoundError, ValueError) as error:
            raise RequestError(f"{path}: {error}") from error
        except (datasets.exceptions.DatasetsError, OSError, RuntimeError) as error:
            raise FractalError(f"{path} cannot be read: {error}") from error
    tables: list[tuple[str | None, Table]] = []
    for split, name in _known_splits(path, list(found)):
        origin = Origin(f"{repository.id}, split {name}", "row")
        tables.append((split, Table(origin, tuple(found[name].column_names), _rows(found[name]))))
    return tables, builder.hash


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Keep the library's log off standard error, and its progress bars where nobody watches."""
    level = datasets.logging.get_verbosity()
    bars = not datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if bars:
            datasets.enable_progress_bars()


def _known_splits(path: str, names: list[str]) -> list[tuple[str | None, str]]:
    """Our name and the repository's for each split; beside a ``train``, unknown names are left out."""
    known = [(split_called(name), name) for name in names]
    if len(known) == 1:
        return [(None, names[0])]
    if not any(split == "train" for split, _ in known):
        raise RequestError(f"{path}: none of its splits is called train; there are {', '.join(names)}")
    return [(split, name) for split, name in known if split]


def _rows(dataset: "datasets.Dataset") -> NumberedRows:
    """Rows with class numbers replaced by class names."""
    names = {column: _class_names(feature) for column, feature in dataset.features.items()}
    number = 0
    for batch in dataset.iter(BATCH_ROWS):
        for values in zip(*batch.values(), strict=True):
            number += 1
            cells = zip(batch, values, strict=True)
            yield number, {column: _named(value, names[column]) for column, value in cells}


def _class_names(feature: Any) -> list[str] | None:
    """Names of a column of class numbers, or of lists of them; None for other columns."""
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return names if isinstance(names, list) else None


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if value >= 0 else None
