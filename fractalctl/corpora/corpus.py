"""A corpus in memory: texts, the classes they belong to at every level, and the tree of those classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalctl.corpora.duplicates import repeated_rows
from fractalctl.corpora.tree import LabelTree


@dataclass(frozen=True, eq=False)
class Split:
    """The rows of one split.

    Args:
        texts: n texts.
        labels: (n, D) int32 class ids, coarse to fine.
        ids: n identifiers that say which row of the source each one is.
    """

    texts: list[str]
    labels: NDArray[np.int32]
    ids: list[str]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with hierarchical labels.

    Args:
        name: as in the feature store.
        levels: D names of the levels, coarse to fine.
        tree: the classes; grown from all rows of the source, so that ids do not depend on samples.
        splits: ``train``, ``test`` and where there is one ``validation``.
        notes: what a reader of results should know (rows left out, counts that differ from the published).
    """

    name: str
    levels: tuple[str, ...]
    tree: LabelTree
    splits: dict[str, Split]
    notes: tuple[str, ...] = ()

    @property
    def entropies(self) -> tuple[float, ...]:
        """H(L0), H(L1 | L0), ... on the training split, in bits (the paper's Table 1)."""
        return self.tree.entropies(self.splits["train"].labels)

    @property
    def duplicates(self) -> int | None:
        """How many test rows stand in the training split too, see `repeated_rows`; None without test rows."""
        train, test = self.splits["train"], self.splits.get("test")
        return int(repeated_rows(test.texts, train.texts).sum()) if test else None
