"""Exported folders: which head they hold, and how one takes the place of another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractalctl.documents import read_document, write_document
from fractalctl.documents.export import ExportDocument
from fractalctl.errors import RequestError
from fractalctl.export.exporter import Exporter, Subject
from fractalctl.versions import versions
from store.files import replace_folder, settle

DESCRIPTION_FILE = "fractalctl.json"


def export(subject: Subject, to: Exporter, folder: Path) -> list[Path]:
    """Write a head into a folder in a format.

    Args:
        subject: the head.
        to: the format.
        folder: made where it does not exist. One that holds an export is replaced as a whole, or gone on with
            where the format is a database.

    Returns:
        What the exporter names, the folder if it names nothing.

    Raises:
        RequestError: the folder holds something else, or a database of another head.
    """
    held = _held(folder)
    if not to.extends:
        with folder_aside(folder) as place:
            paths = [folder / path.relative_to(place) for path in to.write(subject, place)]
            write_document(place / DESCRIPTION_FILE, _document(subject, to))
        return paths or [folder]
    document = _document(subject, to)
    if held and (held.format, held.head_identity, held.lengths) != (
        document.format,
        document.head_identity,
        document.lengths,
    ):
        raise RequestError(
            f"{folder}: holds {held.format} of the head {held.arm} (seed {held.seed}) at "
            f"{','.join(map(str, held.lengths))} dimensions, and vectors of two heads cannot be compared; "
            "--output names another folder"
        )
    write_document(folder / DESCRIPTION_FILE, document)
    return to.write(subject, folder) or [folder]


def _held(folder: Path) -> ExportDocument | None:
    """What a folder holds; None where it is empty or not there.

    Raises:
        RequestError: something that was not exported.
    """
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
