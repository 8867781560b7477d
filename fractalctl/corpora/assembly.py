"""From the records of a reader to a `Corpus`: tree, splits, samples."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fractalctl.corpora.corpus import Corpus, Split
from fractalctl.corpora.recorded import unnamed
from fractalctl.corpora.records import SPLITS, OnConflict, Reading, Record
from fractalctl.corpora.tree import PATH_SEPARATOR, grow_tree
from fractalctl.errors import RequestError
from fractalctl.randomness import Purpose, generator

EDITION = 2
"""Raised whenever the same seed would choose other rows; part of the identity of feature sets."""
HELD_OUT_PART = 5
"""One row in so many is held out as test where the source has no test split."""


def held_out(classes: NDArray[np.int32], seed: int) -> NDArray[np.bool_]:
    """Choose a stratified fifth of the rows as test.

    Rows are put in order of their class, at random within a class, and every fifth one is taken. As class
    ids follow the tree, this is proportional at all levels at once, to within one row a class. A class
    with a single row keeps it for training.

    Args:
        classes: (n,) int32 finest class of each row.

    Returns (n,) bool, True for the rows that are held out.
    """
    random = generator(seed, Purpose.CORPUS_SPLIT)
    order = np.lexsort((random.permutation(len(classes)), classes))
    order = order[np.bincount(classes)[classes[order]] > 1]
    chosen = np.zeros(len(classes), np.bool_)
    chosen[order[random.integers(HELD_OUT_PART) :: HELD_OUT_PART]] = True
    return chosen


def sample(rows: int, size: int | None, split: int, seed: int) -> NDArray[np.int64]:
    """Choose rows of a split and their order.

    Args:
        size: how many to draw without replacement; None keeps all in source order. The rows come in the
            random order of the draw, even when ``size`` >= n, and a smaller sample is the beginning of a
            larger one.
        split: number of the split, so that splits are drawn independently.

    Returns (min(n, size),) int64 row numbers.
    """
    if size is None:
        return np.arange(rows)
    return generator(seed, Purpose.CORPUS_SAMPLE, split).permutation(rows)[:size]


def assemble(
    name: str,
    reading: Reading,
    notes: Sequence[str],
    on_conflict: OnConflict,
    limits: Mapping[str, int | None],
    seed: int,
) -> Corpus:
    """Build a corpus.

    Args:
        reading: all rows of the source, in source order; at least one.
        limits: size of the random sample of each split; None takes all its rows in source order.

    Raises RequestError: paths of different lengths, a class under two parents, or no rows for a split that is
    needed.
    """
    rows = list(reading.records)
    levels = reading.levels or unnamed(len(rows[0].path))
    tree, class_ids = grow_tree(_distinct_paths(rows), levels, on_conflict)
    labels = tree.lineage(np.array([class_ids[row.path] for row in rows], np.int32))
    members, split_notes = _members(rows, labels[:, -1], seed)
    ids = _ids(rows)
    splits = {}
    for number, split in enumerate(SPLITS):
        if members[split].size:
            chosen = members[split][sample(len(members[split]), limits[split], number, seed)]
            splits[split] = Split([rows[i].text for i in chosen], labels[chosen], [ids[i] for i in chosen])
    all_notes = (
        *notes,
        *split_notes,
        *_texts_note(rows),
        *_counts_notes(reading, members, levels, tree.class_counts),
        *_untrained_note(splits["train"], tree.class_counts, levels),
        *_idle_notes(tree.class_counts, levels),
    )
    return Corpus(name, tuple(levels), tree, splits, all_notes)


def _distinct_paths(rows: Sequence[Record]) -> dict[tuple[str, ...], str]:
    """Each path of class names, with the place where it is first met."""
    first: dict[tuple[str, ...], Record] = {}
    for row in rows:
        first.setdefault(row.path, row)
    for path, row in first.items():
        if len(path) != len(rows[0].path):
            raise RequestError(
                f"{row.place}: the path of labels has {len(path)} levels ({PATH_SEPARATOR.join(path)}) where "
                f"the first, {rows[0].place}, has {len(rows[0].path)}; every path must have the same length"
            )
    return {path: row.place for path, row in first.items()}


def _members(
    rows: Sequence[Record], finest: NDArray[np.int32], seed: int
) -> tuple[Mapping[str, NDArray[np.int64]], list[str]]:
    """Row numbers of each split; where the source has no test rows, a fifth of its training rows."""
    names = np.array([row.split or "train" for row in rows])
    members = {name: np.flatnonzero(names == name) for name in SPLITS}
    origin = rows[0].origin.name
    if not members["train"].size:
        raise RequestError(f"{origin}: there are no training rows (split 'train')")
    if members["test"].size:
        return members, []
    training = members["train"]
    chosen = held_out(finest[training], seed)
    if not chosen.any():
        raise RequestError(
            f"{origin}: too few training rows ({len(training)}) to hold out a fifth of them as test"
        )
    members["train"], members["test"] = training[~chosen], training[chosen]
    return members, [f"the source has no test split: a stratified fifth is held out (seed {seed})"]


def _ids(rows: Sequence[Record]) -> list[str]:
    """The publisher's identifier of each row, else its number within its split: ``train-17``."""
    counts: Counter[str] = Counter()
    ids = []
    for row in rows:
        split = row.split or "row"
        counts[split] += 1
        ids.append(row.id or f"{split}-{counts[split]}")
    return ids


def _texts_note(rows: Sequence[Record]) -> list[str]:
    empty = sum(not row.text.strip() for row in rows)
    return [f"{empty} texts are empty; they are kept, as in the published data"] if empty else []


def _counts_notes(
    reading: Reading,
    members: Mapping[str, NDArray[np.int64]],
    levels: Sequence[str],
    class_counts: Sequence[int],
) -> list[str]:
    """Where the numbers of rows and classes differ from the published ones."""
    found = {name: len(rows) for name, rows in members.items()}
    found["all"] = sum(found.values())
    notes = [
        f"{name}: {found[name]:,} rows, where {count:,} are published"
        for name, count in reading.rows.items()
        if found[name] != count
    ]
    return notes + [
        f"{level}: {count} classes, where {reading.classes[level]} are published"
        for level, count in zip(levels, class_counts, strict=True)
        if reading.classes.get(level, count) != count
    ]


def _untrained_note(train: Split, class_counts: Sequence[int], levels: Sequence[str]) -> list[str]:
    known = class_counts[-1]
    trained = len(np.unique(train.labels[:, -1]))
    if trained == known:
        return []
    return [f"{known - trained} of {known} classes of level '{levels[-1]}' have no training row"]


def _idle_notes(class_counts: Sequence[int], levels: Sequence[str]) -> list[str]:
    """Levels that tell nothing: those of a single class, and those that divide no class above them."""
    single = [level for level, count in zip(levels, class_counts, strict=True) if count == 1]
    notes = [f"level '{level}' has a single class, so every answer is right there" for level in single]
    named = pairwise(zip(levels, class_counts, strict=True))
    return notes + [
        f"level '{finer}' divides no class of level '{coarser}', so both ask the same"
        for (coarser, count), (finer, same) in named
        if count == same > 1
    ]
