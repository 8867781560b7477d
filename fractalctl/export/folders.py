"""Exported folders: which head they hold, how one takes the place of another, and the hub for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractalctl.corpora.hub import endpoint, why_unreachable
from fractalctl.documents import read_document, write_document
from fractalctl.documents.exported import ExportDocument
from fractalctl.errors import FractalError, RequestError, UnreachableError, first_line
from fractalctl.export.exporter import Exporter, Subject, exporters
from fractalctl.versions import versions
from store.files import replace_folder, settle

DESCRIPTION_FILE = "fractalctl.json"


def export(subject: Subject, to: Exporter, folder: Path) -> list[Path]:
    """Write a head into a folder in a format.

    Args:
        folder: made where it does not exist. One that holds a model is replaced as a whole; one that holds a
            database is gone on with, and never replaced.

    Returns what the exporter names, the folder if it names nothing. Raises RequestError: the folder holds
    something else, or a database of another head.
    """
    held, document, is_new = _held(folder), _document(subject, to), not folder.exists()
    if held is not None:
        _check_held(held, document, folder, to)
    if not to.extends:
        with folder_aside(folder) as place:
            paths = [folder / path.relative_to(place) for path in to.write(subject, place)]
            write_document(place / DESCRIPTION_FILE, document)
        if held is not None and _names(held) != _names(document):
            subject.note(f"{folder}: {_called(held)} has given way")
        return paths or [folder]
    subject.check_splits()
    write_document(folder / DESCRIPTION_FILE, document)
    try:
        return to.write(subject, folder) or [folder]
    except FractalError:
        if held is None and [path.name for path in folder.iterdir()] == [DESCRIPTION_FILE]:
            (folder / DESCRIPTION_FILE).unlink()  # nothing was exported, which a later call would go on with
            if is_new:
                folder.rmdir()
        raise


def _names(document: ExportDocument) -> tuple[str, str]:
    return document.format, document.head_identity


def _called(held: ExportDocument) -> str:
    return f"{held.format} of the head {held.arm} (seed {held.seed})"


def _check_held(held: ExportDocument, document: ExportDocument, folder: Path, to: Exporter) -> None:
    """Refuse to add to what is of another kind, and to replace a database; RequestError says what is held."""
    known = exporters().get(held.format)
    is_database = to.extends or (known is not None and known.extends)
    if not is_database or (*_names(held), held.lengths) == (*_names(document), document.lengths):
        return
    if held.format != document.format:
        why = "a folder holds one export"
    elif held.head_identity != document.head_identity:
        why = "vectors of two heads cannot be compared"
    else:
        why = "its vectors keep the lengths that they were made with"
    raise RequestError(
        f"{folder}: holds {_called(held)} at {','.join(map(str, held.lengths))} dimensions, and {why}; "
        "--output names another folder"
    )


def _held(folder: Path) -> ExportDocument | None:
    """What a folder holds, None if it is empty; RequestError if it is something that was not exported."""
    if (folder / DESCRIPTION_FILE).is_file():
        return read_document(folder / DESCRIPTION_FILE, ExportDocument)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(
            f"{folder}: is there and no export of this program; remove it, or name another with --output"
        )
    return None


def _document(subject: Subject, to: Exporter) -> ExportDocument:
    head = subject.head.document
    return ExportDocument(
        format=to.name,
        **{name: getattr(head, name) for name in ("corpus", "backbone", "strategy", "arm", "seed", "nested")},
        head_identity=head.identity,
        encoder=head.encoder,
        dims=list(head.dims),
        lengths=list(subject.lengths if to.extends else head.dims),
        versions=versions(),
        argv=subject.argv,
    )


@contextmanager
def folder_aside(folder: Path) -> Iterator[Path]:
    """A folder to write to, which takes the place of another once all is written."""
    settle(folder)
    with replace_folder(folder, ("*",)) as place:
        yield place


def push(folder: Path, repository: str, *, public: bool = False) -> str:
    """Upload a folder; a repository that does not exist is made.

    Who asks is known by ``HF_TOKEN``, or by what ``hf auth login`` has kept.

    Args:
        repository: ``owner/name``.
        public: whether a repository that is made can be read by everybody.

    Returns address of the commit.

    Raises:
        RequestError: the name is none, or the hub refuses who asks.
        UnreachableError: the hub gives no answer.
        FractalError: the hub fails.
    """
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise RequestError(f"--push '{repository}': expected owner/name")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    if reason := why_unreachable():
        raise _unreachable(folder, repository, reason)
    hub = HfApi(endpoint=endpoint())
    try:
        hub.create_repo(repository, private=not public, exist_ok=True)
        said = "Exported by fractalctl"
        commit = hub.upload_folder(repo_id=repository, folder_path=folder, commit_message=said)
    except HfHubHTTPError as error:
        raise _refused(repository, error.response.status_code, first_line(error)) from error
    except ValueError as error:
        raise RequestError(f"--push {repository}: {first_line(error)}") from error
    except Exception as error:  # of whatever library carries the hub's requests
        raise _unreachable(folder, repository, first_line(error)) from error
    return str(commit.commit_url)


def _unreachable(folder: Path, repository: str, reason: str) -> UnreachableError:
    return UnreachableError(
        f"{endpoint()} cannot be reached ({reason}); the folder {folder} is whole, and "
        f"'hf upload {repository} {folder}' uploads it later"
    )


def _refused(repository: str, status: int, reason: str) -> FractalError:
    """What the hub's answer means."""
    if status in (401, 403):
        return RequestError(
            f"{endpoint()} does not let you write {repository} ({status}); a token that may write goes into "
            "HF_TOKEN, or 'hf auth login' keeps it"
        )
    return FractalError(f"{endpoint()}: pushing {repository} failed: {reason}")
