"""Another hierarchy, or other labels, over a feature set's features: what synthetic experiments train on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalctl.corpora.tree import LabelTree
from store import FeatureSet
from store.recipe import identity_of

Labels = NDArray[np.int32]


class RelabelledSet(FeatureSet):
    """A view of a feature set with other labels; features, texts and ids are the set's own, and not copied.

    Its identity is the SHA-256 of the set's identity and of what was changed.

    Args:
        base: the set that is looked at; may itself be a view.
        change: JSON values that, with the base, fix every label.
        labels: (n, D) int32 class ids by split, coarsest first; a split that is not there keeps its own.
        tree: the classes that labels count in; the set's own by default.

    Raises:
        ValueError: labels have another number of rows or levels than their split and the tree.
    """

    def __init__(
        self,
        base: FeatureSet,
        change: Mapping[str, Any],
        labels: Mapping[str, Labels],
        tree: LabelTree | None = None,
    ) -> None:
        self.__dict__.update(base.__dict__)
        tree = tree or LabelTree(base.class_names, base.parents)
        self.class_names, self.parents = tree.names, tree.parents
        self.identity = identity_of({"base": base.identity, "change": dict(change)})
        self._labels = {split: base.labels(split) for split in base.splits if split not in labels} | dict(
            labels
        )
        for split, found in self._labels.items():
            wanted = (self.n_rows(split), tree.depth)
            if found.shape != wanted:
                raise ValueError(f"{split}: labels of shape {found.shape}, expected {wanted}")

    @classmethod
    def under(cls, base: FeatureSet, tree: LabelTree, change: Mapping[str, Any]) -> "RelabelledSet":
        """Hang a set's finest classes, whose ids stay as they are, under another tree.

        Args:
            base: the set.
            tree: its finest level has the set's finest classes.
            change: JSON values that, with the base, fix the tree.
        """
        labels = {split: tree.lineage(base.labels(split)[:, -1]) for split in base.splits}
        return cls(base, change, labels, tree)

    def labels(self, split: str) -> Labels:
        """Class ids of a split, shape (n, D), int32, coarsest level first."""
        self._shape(split)
        return self._labels[split].copy()


def two_levels(names: Sequence[str], groups: NDArray[np.int32], group_names: Sequence[str]) -> LabelTree:
    """A tree of finest classes under groups.

    Args:
        names: of the K finest classes.
        groups: (K,) int32, the group of each.
        group_names: of the groups.
    """
    return LabelTree((tuple(group_names), tuple(names)), (groups,))
