"""Vectors as files that other programs read: NumPy arrays, a file for each length, or one Parquet table.

Fewer bytes are by the schemes that sentence-transformers publishes and databases understand: ``int8`` divides
what each dimension ranges over into 256 steps; the ranges are kept, for what is embedded later must be
divided by the same. ``binary`` keeps signs, eight to a byte, the first in the highest bit: what FAISS calls a
binary index, and sentence-transformers ``ubinary``.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalctl.corpora.columns import NamedText
from fractalctl.errors import RequestError
from fractalctl.export.precision import Precision
from fractalctl.measures.neighbours import SMALLEST_NORM
from store.files import write_aside

Vectors = NDArray[np.float32]
STEPS = 255
NUMPY, PARQUET = ".npy", ".parquet"


def unit(vectors: Vectors) -> Vectors:
    """Rows (n, d) float32 at length 1; zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Vectors = vectors / norms.clip(min=SMALLEST_NORM)
    return found


def ranges_of(blocks: Iterable[Vectors]) -> Vectors:
    """The smallest and the largest value of each dimension, (2, d) float32, of rows that come in blocks."""
    low, high = None, None
    for block in blocks:
        least, most = block.min(axis=0), block.max(axis=0)
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    return np.stack([np.asarray(low), np.asarray(high)]).astype(np.float32)


def quantised(vectors: Vectors, precision: Precision, ranges: Vectors | None = None) -> NDArray[np.generic]:
    """Vectors (n, d) float32 in a precision.

    Args:
        precision: float32 is left as it is.
        ranges: (2, d) of `ranges_of`, for int8; what lies outside is put to their ends.
    """
    if precision is Precision.BINARY:
        return np.packbits(vectors > 0, axis=1)
    if precision is not Precision.INT8:
        return vectors.astype(precision.dtype)
    low, high = np.asarray(ranges, dtype=np.float32)
    steps = (high - low) / STEPS
    places = np.floor((vectors - low) / np.where(steps == 0, 1, steps)).clip(0, STEPS)
    return (places - 128).astype(np.int8)


class Rows(NamedTuple):
    """Some texts and their vectors."""

    texts: Sequence[NamedText]
    vectors: dict[int, NDArray[np.generic]]
    """(n, columns) by number of dimensions, in the precision of the file."""


def files_of(output: Path, lengths: Sequence[int]) -> dict[int, Path]:
    """The file of each length's vectors, arrays called after it; RequestError if the format is unknown."""
    if output.suffix == PARQUET:
        return dict.fromkeys(lengths, output)
    if output.suffix != NUMPY:
        raise RequestError(f"--output {output}: the name must end in {NUMPY} or {PARQUET}")
    if len(lengths) == 1:
        return {lengths[0]: output}
    return {length: output.with_stem(f"{output.stem}-{length}") for length in lengths}


def write_vectors(
    output: Path, lengths: Sequence[int], n_texts: int, rows: Iterable[Rows], precision: Precision
) -> list[Path]:
    """Write vectors aside and rename them; only a part is in memory at a time.

    Args:
        output: ends in ``.npy`` or ``.parquet``.

    Returns every path written.
    """
    files = files_of(output, lengths)
    if output.suffix == PARQUET:
        _write_parquet(output, lengths, rows, precision)
    else:
        _write_arrays(files, n_texts, rows, precision)
    return list(dict.fromkeys(files.values()))


def _write_arrays(files: dict[int, Path], n_texts: int, rows: Iterable[Rows], precision: Precision) -> None:
    with ExitStack() as stack:
        arrays = {}
        for length, path in files.items():
            aside = stack.enter_context(write_aside(path))
            shape = (n_texts, precision.width(length))
            arrays[length] = np.lib.format.open_memmap(aside, "w+", precision.dtype, shape)
        start = 0
        for texts, vectors in rows:
            for length, array in arrays.items():
                array[start : start + len(texts)] = vectors[length]
            start += len(texts)
        for array in arrays.values():
            array.flush()


def _write_parquet(path: Path, lengths: Sequence[int], rows: Iterable[Rows], precision: Precision) -> None:
    import pyarrow
    from pyarrow import parquet

    number = pyarrow.from_numpy_dtype(precision.dtype)
    kinds = {f"vector_{length}": pyarrow.list_(number, precision.width(length)) for length in lengths}
    schema = pyarrow.schema([("id", pyarrow.string()), ("text", pyarrow.string()), *kinds.items()])
    with write_aside(path) as aside, parquet.ParquetWriter(aside, schema) as writer:
        for texts, vectors in rows:
            names, contents = zip(*texts, strict=True)
            columns = [pyarrow.array(names), pyarrow.array(contents)]
            for length, kind in zip(lengths, kinds.values(), strict=True):
                flat = pyarrow.array(vectors[length].reshape(-1))
                columns.append(pyarrow.FixedSizeListArray.from_arrays(flat, type=kind))
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
