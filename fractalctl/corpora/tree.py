"""Label trees: which classes there are at each level, and which class each one stands under."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fractalctl.corpora.records import OnConflict
from fractalctl.errors import RequestError

SHOWN_OFFENDERS = 5
PATH_SEPARATOR = " > "


@dataclass(frozen=True, eq=False)
class LabelTree:
    """The classes of a corpus, level by level; every class has exactly one parent at the level above.

    Class ids of a level follow the full paths of names in alphabetical order, so the children of one class
    have consecutive ids.

    Args:
        names: class names of each level, coarse to fine; D >= 2 levels.
        parents: for each level but the coarsest an int32 array with, for each of its classes, the id of its
            class at the level above; D - 1 arrays.
    """

    names: tuple[tuple[str, ...], ...]
    parents: tuple[NDArray[np.int32], ...]

    @property
    def depth(self) -> int:
        """Number of levels D."""
        return len(self.names)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Number of classes K of each level, coarse to fine."""
        return tuple(map(len, self.names))

    @property
    def branching(self) -> tuple[float, ...]:
        """Mean number of children of a class of each level but the finest: K1 / K0, K2 / K1, ..."""
        return tuple(finer / coarser for coarser, finer in pairwise(self.class_counts))

    @cached_property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Full path of names of each finest class, in the order of their ids."""
        lineage = self.lineage(np.arange(self.class_counts[-1], dtype=np.int32))
        return tuple(tuple(names[i] for names, i in zip(self.names, row, strict=True)) for row in lineage)

    def lineage(self, finest: NDArray[np.int32]) -> NDArray[np.int32]:
        """Classes at every level, given those at the finest.

        Args:
            finest: (n,) int32 ids of finest classes.

        Returns (n, D) int32 class ids, coarse to fine.
        """
        columns = [finest]
        for parents in reversed(self.parents):
            columns.append(parents[columns[-1]])
        return np.stack(columns[::-1], axis=1).astype(np.int32, copy=False)

    def entropies(self, labels: NDArray[np.int32]) -> tuple[float, ...]:
        """H(L0), H(L1 | L0), H(L2 | L1), ... of the class frequencies in some rows, in bits.

        As each class has one parent, H(L1 | L0) = H(L1) - H(L0); the paper's Table 1 gives the first two.

        Args:
            labels: (n, D) int32 class ids, coarse to fine; n >= 1.
        """
        joint = [entropy_bits(np.bincount(column)) for column in labels.T]
        return (joint[0], *(max(finer - coarser, 0.0) for coarser, finer in pairwise(joint)))


def entropy_bits(counts: NDArray[np.int64]) -> float:
    """Shannon entropy of a distribution given by counts, in bits.

    >>> entropy_bits(np.array([5, 5, 5, 5]))
    2.0
    """
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def grow_tree(
    places: Mapping[tuple[str, ...], str], levels: Sequence[str], on_conflict: OnConflict = OnConflict.ERROR
) -> tuple[LabelTree, dict[tuple[str, ...], int]]:
    """Build the tree of the paths that occur in a corpus.

    Args:
        places: each distinct path of D class names, with the place where it was first met; at least one.

    Returns the tree, and the finest class id of each path. Raises RequestError: fewer than two levels, or a
    class under two parents with `OnConflict.ERROR`.
    """
    if len(levels) < 2:
        raise RequestError(f"a hierarchy needs at least two levels, not just '{', '.join(levels)}'")
    prefixes = [sorted({path[: level + 1] for path in places}) for level in range(len(levels))]
    counted = [Counter(path[-1] for path in level) for level in prefixes]
    repeated = [{name for name, count in names.items() if count > 1} for names in counted]
    if on_conflict == OnConflict.ERROR and any(repeated):
        raise RequestError(_conflict_message(places, levels, repeated))
    ids = [{prefix: number for number, prefix in enumerate(level)} for level in prefixes]
    names = tuple(
        tuple(PATH_SEPARATOR.join(path) if path[-1] in names else path[-1] for path in level)
        for level, names in zip(prefixes, repeated, strict=True)
    )
    for level, own in zip(levels, names, strict=True):
        if twice := [name for name, count in Counter(own).items() if count > 1]:
            raise RequestError(
                f"two classes of level '{level}' would both be called '{twice[0]}': one by its name, one by "
                "its full path; rename one of them"
            )
    parents = tuple(
        np.array([coarser[path[:-1]] for path in level], np.int32)
        for coarser, level in zip(ids[:-1], prefixes[1:], strict=True)
    )
    return LabelTree(names, parents), ids[-1]


def _conflict_message(
    places: Mapping[tuple[str, ...], str], levels: Sequence[str], repeated: Sequence[set[str]]
) -> str:
    level = next(number for number, names in enumerate(repeated) if names)
    met: dict[str, dict[str, str]] = {}
    for path, place in places.items():
        if path[level] in repeated[level]:
            met.setdefault(path[level], {}).setdefault(PATH_SEPARATOR.join(path[:level]), place)
    offenders = [
        f"  '{name}' under " + " and ".join(f"'{parent}' ({place})" for parent, place in parents.items())
        for name, parents in list(met.items())[:SHOWN_OFFENDERS]
    ]
    if len(met) > SHOWN_OFFENDERS:
        offenders.append(f"  and {len(met) - SHOWN_OFFENDERS} more")
    name, parents = next(iter(met.items()))
    many = f"{len(met)} classes stand" if len(met) > 1 else "one class stands"
    example = PATH_SEPARATOR.join((next(iter(parents)), name))
    problem = (
        f"of level '{levels[level]}', {many} under more than one class of level '{levels[level - 1]}', "
        "and each must stand under exactly one:"
    )
    remedy = (
        f"Correct the labels, or let such classes be named by their full path ('{example}') "
        "with --on-conflict qualify."
    )
    return "\n".join((problem, *offenders, *_swapped(places, levels), remedy))


def _swapped(paths: Iterable[tuple[str, ...]], levels: Sequence[str]) -> list[str]:
    """A question, where a coarser level has more classes than a finer one."""
    counts = {level: len(set(names)) for level, names in zip(levels, zip(*paths, strict=True), strict=True)}
    ordered = sorted(levels, key=lambda level: counts[level])
    if [counts[level] for level in ordered] == list(counts.values()):
        return []
    said = ", ".join(f"'{level}' has {count} classes" for level, count in counts.items())
    return [f"From coarse to fine, {said}: are the levels swapped (--levels {','.join(ordered)})?"]
