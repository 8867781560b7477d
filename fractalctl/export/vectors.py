"""Vectors as files that other programs read: NumPy arrays, a file for each length, or one Parquet table."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalctl.corpora.texts import NamedText
from fractalctl.errors import RequestError
from fractalctl.export.precision import Precision
from store.files import write_aside

NUMPY, PARQUET = ".npy", ".parquet"


class Rows(NamedTuple):
    """Some texts and their vectors."""

    texts: Sequence[NamedText]
    vectors: dict[int, NDArray[np.generic]]
    """(n, columns) by number of dimensions, in the precision of the file."""


def files_of(output: Path, lengths: Sequence[int]) -> dict[int, Path]:
    """Which file holds the vectors of each length: several arrays are called after their lengths.

    Raises:
        RequestError: the name ends in no format that is known.
    """
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
        lengths: numbers of dimensions.
        n_texts: how many texts come in all.
        rows: texts and vectors in their order.
        precision: of the vectors.

    Returns:
        Every path written.
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
