"""Feature sets with other labels, fewer rows or other features than the file that they look at."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fractalctl.backbones.tuning import LowerStates, TunableEncoder
from fractalctl.corpora.tree import LabelTree
from store import FeatureSet
from store.recipe import identity_of

Labels = NDArray[np.int32]
Rows = NDArray[np.int64]


class _View(FeatureSet):
    """A feature set that is another one but for what a subclass gives; nothing is copied.

    Its identity is the SHA-256 of the set's identity and of what was changed.

    Args:
        base: the set that is looked at; may itself be a view.
        change: JSON values that, with the base, fix what is different.
    """

    def __init__(self, base: FeatureSet, change: Mapping[str, Any]) -> None:
        self.__dict__.update(base.__dict__)
        self._base = base
        self.identity = identity_of({"base": base.identity, "change": dict(change)})

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split, (n, h) float32."""
        return self._base.features(split)

    def labels(self, split: str) -> Labels:
        """Class ids of a split, (n, D) int32, coarsest level first."""
        return self._base.labels(split)

    def ids(self, split: str) -> list[str]:
        """The names by which the rows of a split are known outside."""
        return self._base.ids(split)

    def texts(self, split: str, rows: Iterable[int] | None = None) -> list[str]:
        """The texts of a split, or of some of its rows."""
        return self._base.texts(split, rows)


class RelabelledSet(_View):
    """A view of a feature set with other labels.

    Args:
        base: the set that is looked at.
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
        super().__init__(base, change)
        tree = tree or LabelTree(base.class_names, base.parents)
        self.class_names, self.parents = tree.names, tree.parents
        kept = {split: base.labels(split) for split in base.splits if split not in labels}
        self._labels = kept | dict(labels)
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
        """Class ids of a split, (n, D) int32, coarsest level first."""
        self._shape(split)
        return self._labels[split].copy()


class SampledSet(_View):
    """A view of a feature set with some rows of some splits.

    Args:
        base: the set that is looked at.
        rows: (m,) rows by split; a split that is not there keeps all.
    """

    def __init__(self, base: FeatureSet, rows: Mapping[str, Rows]) -> None:
        super().__init__(base, {split: chosen.tolist() for split, chosen in rows.items()})
        self._rows = dict(rows)
        sampled = {split: (len(chosen), base.dimension) for split, chosen in rows.items()}
        self._shapes = self._shapes | sampled

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split, (n, h) float32; those of a sample are a copy."""
        found = super().features(split)
        return found[self._rows[split]] if split in self._rows else found

    def labels(self, split: str) -> Labels:
        """Class ids of a split, (n, D) int32, coarsest level first."""
        found = super().labels(split)
        return found[self._rows[split]] if split in self._rows else found

    def ids(self, split: str) -> list[str]:
        """The names by which the rows of a split are known outside."""
        found = super().ids(split)
        return [found[row] for row in self._rows[split]] if split in self._rows else found

    def texts(self, split: str, rows: Iterable[int] | None = None) -> list[str]:
        """The texts of a split, or of some of its rows."""
        if split not in self._rows:
            return super().texts(split, rows)
        chosen = self._rows[split]
        return super().texts(split, chosen if rows is None else chosen[list(rows)])


class RecomputedSet(_View):
    """A view of a feature set whose features an encoder computes at every call.

    Args:
        base: the set that is looked at.
        encoder: gives the features. Its trained layers, as they are now, are part of the identity: make a
            view for every state of an encoder.
        states: what enters those layers, for the texts of each split.
    """

    def __init__(self, base: FeatureSet, encoder: TunableEncoder, states: Mapping[str, LowerStates]) -> None:
        layers = {name: _digest(tensor) for name, tensor in encoder.weights().items()}
        super().__init__(base, {"layers": layers})
        self._encoder, self._states = encoder, states

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split, (n, h) float32, computed at every call."""
        states = self._states[split]
        return self._encoder.features(states, np.arange(len(states.texts.positions)))


def _digest(tensor: torch.Tensor) -> str:
    """SHA-256, in hexadecimal, of a tensor's numbers."""
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


def two_levels(names: Sequence[str], groups: Labels, group_names: Sequence[str]) -> LabelTree:
    """A tree of finest classes under groups.

    Args:
        names: of the K finest classes.
        groups: (K,) int32, the group of each.
        group_names: of the groups.
    """
    return LabelTree((tuple(group_names), tuple(names)), (groups,))
