"""The one thorough look at a feature set: before its first use, and again when the file is another one.

Whoever reads a set relies on it, wherever it came from: no byte has changed since it was sealed, nothing of
it lies in another file, nothing is larger than the file itself, every number and label is one. Looking costs
two passes over the file. The outcome is written down beside it with the file's size, times and inode, so that
later processes look at these alone; a file that was changed since, whoever did it, has another change time.
A disk that gives back other bytes without a write is found by ``store verify``.
"""

import json
import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from store.errors import REMEDY, StoreError
from store.files import read_json
from store.layout import opened, verify

TYPES = {
    "features": ("<f4", 2),
    "labels": ("<i4", 2),
    "ids": ("S", 1),
    "texts": ("|u1", 1),
    "text_ends": ("<i8", 1),
    "names": ("S", 1),
    "parents": ("<i4", 1),
}
"""Number type and axes of each dataset, by the last part of its name."""
ROWS = ("features", "labels", "ids", "text_ends")  # datasets of a split that have a row each
_ROWS_AT_ONCE = 1 << 14


def note_path(path: Path) -> Path:
    """Where it is written down that a file was looked at."""
    return path.with_name(f".{path.name}.checked")


def stamp(status: os.stat_result) -> dict[str, int]:
    """What is another number as soon as a file is another one or has other content."""
    return {"size": status.st_size, "mtime": status.st_mtime_ns, "inode": status.st_ino}


def check(path: Path) -> None:
    """Look at a feature set thoroughly, unless that was done since it was last changed.

    StoreError names the dataset, where it is not what was sealed, or is nothing that this package writes.
    """
    status = path.stat()
    seen = {**stamp(status), "changed": status.st_ctime_ns}
    with suppress(StoreError, OSError):
        if read_json(note_path(path)) == seen:
            return
    with opened(path) as file:
        _check_links(file, path)
        _check_types(file, path)
    verify(path)
    with opened(path) as file:
        _check_values(file, path)
    with suppress(OSError):  # a store that is read only
        note_path(path).write_text(json.dumps(seen))  # cut short, it is no note


def _check_links(file: h5py.File, path: Path) -> None:
    """Refuse whatever could lie outside of the file, or unfold into more than it holds."""
    links: dict[str, object] = {}
    file.visititems_links(links.__setitem__)  # which follows none
    for name, link in links.items():
        if not isinstance(link, h5py.HardLink):
            raise StoreError(
                f"{path}: '{name}' is a link to somewhere else, which no feature set has; {REMEDY}"
            )
    for name in links:
        if isinstance(file[name], h5py.Dataset):
            _check_storage(file[name], f"{path}: '{name}'")


def _check_storage(dataset: h5py.Dataset, where: str) -> None:
    made = dataset.id.get_create_plist()
    if made.get_layout() != h5py.h5d.CONTIGUOUS and dataset.size:
        raise StoreError(f"{where} is compressed or virtual, expected its numbers in one piece; {REMEDY}")
    if made.get_external_count() or dataset.id.get_storage_size() != dataset.nbytes:
        raise StoreError(
            f"{where} does not lie in this file: it holds {dataset.id.get_storage_size()} of "
            f"{dataset.nbytes} bytes; {REMEDY}"
        )


def _check_types(file: h5py.File, path: Path) -> None:
    """Refuse other types, byte orders and shapes than those of the format."""
    items: dict[str, object] = {}
    file.visititems(items.__setitem__)
    for name, item in items.items():
        expected = TYPES.get(name.rpartition("/")[2])
        if not isinstance(item, h5py.Dataset) or expected is None:
            continue
        kind = item.dtype.kind if item.dtype.kind == "S" else item.dtype.str
        if (kind, item.ndim) != expected:
            raise StoreError(
                f"{path}: '{name}' is {item.dtype.str} with {item.ndim} axes, expected {expected[0]} with "
                f"{expected[1]}; {REMEDY}"
            )
    for split in sorted(set(file) - {"levels"}):
        counts = {len(file[split][name]) for name in ROWS}
        if len(counts) > 1 or file[split]["labels"].shape[1] != len(file["levels"]):
            raise StoreError(f"{path}: the datasets of '{split}' disagree in rows or levels; {REMEDY}")


def _check_values(file: h5py.File, path: Path) -> None:
    """Refuse features that are no numbers, and labels and parents that are no classes."""
    levels = file["levels"]
    counts = [len(levels[str(level)]["names"]) for level in range(len(levels))]
    for level, (above, count) in enumerate(pairwise(counts), 1):
        parents = levels[str(level)]["parents"][:]
        if len(parents) != count or (parents < 0).any() or (parents >= above).any():
            raise StoreError(f"{path}: 'levels/{level}/parents' are no classes of the level above; {REMEDY}")
    for split in sorted(set(file) - {"levels"}):
        labels = file[split]["labels"][:]
        if (labels < 0).any() or (labels >= np.array(counts)).any():
            row, level = np.argwhere((labels < 0) | (labels >= np.array(counts)))[0]
            raise StoreError(
                f"{path}: row {row} of '{split}/labels' is class {labels[row, level]} at level {level}, "
                f"whose classes are 0 to {counts[level] - 1}; {REMEDY}"
            )
        features = file[split]["features"]
        for start in range(0, len(features), _ROWS_AT_ONCE):
            bad = ~np.isfinite(features[start : start + _ROWS_AT_ONCE]).all(axis=1)
            if bad.any():
                raise StoreError(
                    f"{path}: row {start + int(bad.argmax())} of '{split}/features' is not finite; {REMEDY}"
                )
