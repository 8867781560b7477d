"""What a folder of runs holds, read for reporting."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fractalctl.errors import RequestError
from store.files import read_json

Document = dict[str, Any]


def read_documents(folder: Path, patterns: Iterable[str]) -> dict[str, list[Document]]:
    """Read every result file below a folder, by the pattern of its name and in order of path.

    Args:
        folder: a folder of runs.
        patterns: of file names, such as ``evaluation-*.json``.

    Raises:
        RequestError: there is no such file.
        FractalError: one is damaged.
    """
    paths = {pattern: sorted(folder.rglob(pattern)) for pattern in dict.fromkeys(patterns)}
    if not any(paths.values()):
        raise RequestError(
            f"{folder}: no results here; run 'fractalctl evaluate', 'fractalctl ablate' or another "
            "experiment first"
        )
    return {pattern: [read_json(path) for path in found] for pattern, found in paths.items()}
