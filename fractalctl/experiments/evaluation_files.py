"""Where evaluations lie, and whether one that is there may be kept."""

from pathlib import Path
from typing import Any

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.policy import Overwrite
from fractalctl.heads.head import Head
from fractalctl.measures.protocols import Protocol
from store.errors import StoreError
from store.files import read_json


def evaluation_path(head: Head, protocol: Protocol) -> Path:
    """Where an evaluation lies: beside its head."""
    return head.folder / f"evaluation-{protocol.name}.json"


def reusable(path: Path, identity: str, overwrite: Overwrite) -> dict[str, Any] | None:
    """The document at a path when it is the wanted one and may be kept."""
    if overwrite is Overwrite.ALWAYS or not path.is_file():
        return None
    try:
        document = read_json(path)
    except StoreError as error:
        if overwrite is Overwrite.NEVER:
            raise FractalError(str(error)) from error
        return None
    if isinstance(document, dict) and document.get("identity") == identity:
        return document
    if overwrite is Overwrite.NEVER:
        raise RequestError(
            f"{path}: holds another evaluation (other features, rows or k); --overwrite changed replaces it"
        )
    return None
