"""Rows of a corpus as databases take them: some at a time, each with its text, classes and vectors."""

import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from fractalctl.errors import MissingExtraError, RequestError
from fractalctl.export.exporter import Subject
from fractalctl.export.quantisation import Vectors, unit

ROWS_PER_BATCH = 500
PATH_SEPARATOR = " > "


class Batch(NamedTuple):
    """Some rows of one split."""

    numbers: list[int]
    """Of the rows, counted from 0 over all splits: the same in every call."""
    texts: list[str]
    payloads: list[dict[str, Any]]
    """By name: the class at each level, ``path`` of all of them, ``id`` and ``split``."""
    vectors: dict[int, Vectors]
    """(n, length) float32 of length 1, by number of dimensions."""


def batches(subject: Subject, there: Callable[[Sequence[int]], int]) -> Iterator[Batch]:
    """Yield the rows that a database does not have yet; a batch that is there in part comes whole.

    Args:
        subject: head, splits and lengths.
        there: how many rows of some numbers the database has.

    Raises:
        RequestError: the corpus has no such split.
    """
    features, first = subject.features, 0
    for split in subject.splits:
        if split not in features.splits:
            raise RequestError(f"{features.path}: has no split {split}; it has {', '.join(features.splits)}")
    total, skipped = sum(features.n_rows(split) for split in subject.splits), 0
    with subject.progress("exporting", total) as advance:
        for split in subject.splits:
            count = features.n_rows(split)
            for start in range(0, count, ROWS_PER_BATCH):
                rows = range(start, min(start + ROWS_PER_BATCH, count))
                numbers = [first + row for row in rows]
                if there(numbers) == len(numbers):
                    skipped += len(numbers)
                else:
                    yield _batch(subject, split, rows, numbers)
                advance(len(rows))
            first += count
    if skipped:
        subject.note(f"{skipped} of {total} rows were there already")


def _batch(subject: Subject, split: str, rows: range, numbers: list[int]) -> Batch:
    features, chosen = subject.features, slice(rows.start, rows.stop)
    embedded = subject.head.prefixes(np.asarray(features.features(split)[chosen]), subject.device)
    labels, ids = features.labels(split)[chosen], features.ids(split)[chosen]
    payloads = []
    for own, name in zip(labels, ids, strict=True):
        path = [names[kind] for names, kind in zip(features.class_names, own, strict=True)]
        levels = dict(zip(subject.levels, path, strict=True))
        payloads.append({**levels, "path": PATH_SEPARATOR.join(path), "id": name, "split": split})
    vectors = {length: unit(embedded.at(length)) for length in subject.lengths}
    return Batch(numbers, features.texts(split, rows), payloads, vectors)


def collection_name(subject: Subject) -> str:
    """What a database calls the rows: corpus and arm, in letters that every one takes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{subject.head.corpus}-{subject.head.arm}").strip("-")[:60]


def require(package: str, extra: str) -> None:
    """See that a database's client is installed.

    Raises:
        MissingExtraError: it is not.
    """
    if find_spec(package) is None:
        raise MissingExtraError(f"exporting to {extra}", extra)
