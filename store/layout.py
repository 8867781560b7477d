"""The HDF5 layout of a feature set: opening, writing, the checksum of each dataset, and the seal.

The seal: the first block of a file tells the SHA-256 of all the rest, so no byte changes unseen.
"""

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from store.contents import Contents, Parts, checksum
from store.errors import REMEDY, ChangedError, StoreError, StoreRequestError
from store.files import sha256_of
from store.recipe import Recipe, canonical_json

ENCODING_TYPE = "fractalctl-feature-set"
ENCODING_VERSION = "1.0"
SEAL_BYTES = 4096  # size of the HDF5 user block, which holds the seal; also the alignment of large datasets
_BYTES_AT_ONCE = 1 << 24
_ALL_ELSE = 1 << 16  # more than the structures of a file take

_DAMAGE = (
    *(OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError, SystemError),
)
"""What h5py raises, depending on the byte that is wrong."""


def write_layout(path: Path, recipe: Recipe, contents: Contents, parts: Parts) -> None:
    """Join parts and contents into a new HDF5 file, and check it by reading every dataset back.

    The same arguments give the same bytes: datasets in a fixed order, no times, oldest file structures.
    StoreError where a part is missing, or the disk gives back something else than was written.
    """
    _see_room(path, recipe, contents, parts)
    with h5py.File(path, "x", libver=("earliest", "v110"), locking=False, userblock_size=SEAL_BYTES,
                   alignment_threshold=SEAL_BYTES, alignment_interval=SEAL_BYTES) as file:  # fmt: skip
        attributes = {
            "encoding-type": ENCODING_TYPE,
            "encoding-version": ENCODING_VERSION,
            "identity": recipe.identity(),
            "recipe": canonical_json(recipe.document()),
        }
        for name, text in attributes.items():
            file.attrs[name] = np.bytes_(text)
        for split, n_rows in parts.n_rows:
            _write_features(file, split, n_rows, parts)
        for name, array in contents.arrays():
            _write_array(file, name, array)
    with opened(path) as file:
        damaged = changed_datasets(file)
    if damaged:
        raise StoreError(f"{path}: the disk gave back other bytes than were written to {', '.join(damaged)}")


def _see_room(path: Path, recipe: Recipe, contents: Contents, parts: Parts) -> None:
    """See that the file will fit: HDF5 cannot close one that does not, and may take the process with it."""
    if not hasattr(os, "posix_fallocate"):
        return
    sizes = [4 * n_rows * parts.dimension for _, n_rows in parts.n_rows]
    sizes += [array.nbytes for _, array in contents.arrays()]
    aligned = sum(-(-size // SEAL_BYTES) for size in sizes) * SEAL_BYTES
    with path.open("xb") as stream:
        try:
            os.posix_fallocate(
                stream.fileno(), 0, aligned + _ALL_ELSE + len(canonical_json(recipe.document()))
            )
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
        finally:
            path.unlink()


def _write_features(file: h5py.File, split: str, n_rows: int, parts: Parts) -> None:
    shape = (n_rows, parts.dimension)
    dataset = file.create_dataset(f"{split}/features", shape, "<f4", track_times=False)
    digest = hashlib.sha256()
    for block in parts.blocks(split):
        features = parts.read_block(block)
        dataset[block.rows] = features
        digest.update(features.data)
    dataset.attrs["sha256"] = np.bytes_(digest.hexdigest())


def _write_array(file: h5py.File, name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind == "S":
        array = array.astype(h5py.string_dtype("utf-8", array.itemsize))
    dataset = file.create_dataset(name, data=array, track_times=False)
    dataset.attrs["sha256"] = np.bytes_(checksum(array))


def changed_datasets(file: h5py.File) -> list[str]:
    """Paths of the datasets that do not have the checksum beside them; a few rows in memory at a time."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return [name for name in names if not _intact(file, name)]


def _intact(file: h5py.File, name: str) -> bool:
    try:
        dataset = file[name]
        digest = hashlib.sha256()
        bytes_per_row = dataset.dtype.itemsize * math.prod(dataset.shape[1:])
        rows_at_once = max(1, _BYTES_AT_ONCE // bytes_per_row)
        for start in range(0, len(dataset), rows_at_once):
            digest.update(np.ascontiguousarray(dataset[start : start + rows_at_once]).data)
        return bool(dataset.attrs["sha256"] == np.bytes_(digest.hexdigest()))
    except _DAMAGE:
        return False


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading, without HDF5's lock; whatever goes wrong inside names the file.

    StoreRequestError where there is no such file; StoreError where it is no HDF5 file, is cut short, or lacks
    what was asked of it.
    """
    require(path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except _DAMAGE as error:
        raise StoreError(f"{path}: {_explain(error)}") from error


def require(path: Path) -> None:
    """Refuse a path at which there is no file, by a StoreRequestError."""
    if not path.is_file():
        raise StoreRequestError(f"{path}: no such feature set (fractalctl store ls shows what there is)")


def _explain(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({os.strerror(error.errno)})"
    if "locking flag" in text:
        return "open in this process with HDF5's own lock; close it, or open it with h5py's locking=False"
    if "truncated" in text:
        return f"cut short, as by an interrupted copy; copy it again, or {REMEDY}"
    if "signature not found" in text:
        return "not an HDF5 file; a feature set is made by fractalctl featurize"
    if isinstance(error, KeyError):
        return f"incomplete ({text.strip(chr(34))}); {REMEDY}"
    return f"damaged ({text}); {REMEDY}"


def text_attribute(file: h5py.File, name: str) -> str:
    """A text among the attributes of a file, "" where there is none."""
    value = file.attrs.get(name, b"")
    return value.decode() if isinstance(value, bytes) else str(value)


def check_encoding(file: h5py.File, path: Path) -> None:
    """Refuse what is no feature set, or is of another major version (before the dot), by a StoreError."""
    if text_attribute(file, "encoding-type") != ENCODING_TYPE:
        raise StoreError(
            f"{path}: an HDF5 file, but not a feature set; these are made by fractalctl featurize"
        )
    found = text_attribute(file, "encoding-version")
    major, ours = found.partition(".")[0], ENCODING_VERSION.partition(".")[0]
    if not major.isdecimal() or int(major) < int(ours):
        raise StoreError(f"{path}: feature set of encoding-version {found}, which is no longer read; "
                         "featurize again")  # fmt: skip
    if int(major) > int(ours):
        raise StoreError(f"{path}: feature set of encoding-version {found}, newer than {ENCODING_VERSION}; "
                         "upgrade fractalctl, or featurize again")  # fmt: skip


def seal(path: Path) -> None:
    """Fill the user block of a finished file with its seal."""
    block = _seal_for(sha256_of(path, start=SEAL_BYTES))
    with path.open("r+b") as stream:
        stream.write(block)


def _seal_for(digest: str) -> bytes:
    text = (
        f"fractalctl feature set, encoding-version {ENCODING_VERSION}\n"
        f"HDF5 from byte {SEAL_BYTES} on; SHA-256 of these bytes:\n{digest}\n"
    )
    return text.encode().ljust(SEAL_BYTES, b"\0")


def verify(path: Path) -> None:
    """Check every byte of a feature set against its seal, as a stream.

    A file whose seal holds is byte for byte the one whose datasets were read back and compared when it was
    published. Where the seal is broken, ChangedError names the datasets whose checksum tells of a change, or
    says that it lies outside of them; StoreError where it is no readable feature set any more.
    """
    require(path)
    digest = sha256_of(path, start=SEAL_BYTES)
    with path.open("rb") as stream:
        if stream.read(SEAL_BYTES) == _seal_for(digest):
            return
    with opened(path) as file:
        check_encoding(file, path)
        changed = changed_datasets(file)
    raise ChangedError(path, changed or ["its attributes or structure (all datasets are as they were)"])
