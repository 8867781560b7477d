"""Fewer rows, or other features, of a feature set: what experiments that train the encoder work on."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.tuning import LowerStates, TunableEncoder
from store import FeatureSet
from store.recipe import identity_of


class SampledSet(FeatureSet):
    """A view of a feature set with some rows of its train split; all else is the set's own.

    Its identity is the SHA-256 of the set's identity and of the rows.

    Args:
        base: the set that is looked at; may itself be a view.
        rows: (m,) rows of the train split.
    """

    def __init__(self, base: FeatureSet, rows: NDArray[np.int64]) -> None:
        self.__dict__.update(base.__dict__)
        self._base, self._rows = base, rows
        self._shapes = {**self._shapes, "train": (len(rows), base.dimension)}
        self.identity = identity_of({"base": base.identity, "change": {"train": rows.tolist()}})

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split, (n, h) float32; those of the train split are a copy."""
        found = self._base.features(split)
        return found[self._rows] if split == "train" else found

    def labels(self, split: str) -> NDArray[np.int32]:
        """Class ids of a split, (n, D) int32, coarsest level first."""
        found = self._base.labels(split)
        return found[self._rows] if split == "train" else found

    def ids(self, split: str) -> list[str]:
        """The names by which the rows of a split are known outside."""
        found = self._base.ids(split)
        return [found[row] for row in self._rows] if split == "train" else found

    def texts(self, split: str, rows: Iterable[int] | None = None) -> list[str]:
        """The texts of a split, or of some of its rows."""
        if split != "train":
            return self._base.texts(split, rows)
        return self._base.texts(split, self._rows if rows is None else self._rows[list(rows)])


class RecomputedSet(FeatureSet):
    """A view of a feature set whose features come from an encoder as it is now; all else is the set's own.

    Args:
        base: the set that is looked at; may itself be a view.
        encoder: gives the features.
        states: of the texts of each split, or of its first texts.
    """

    def __init__(self, base: FeatureSet, encoder: TunableEncoder, states: Mapping[str, LowerStates]) -> None:
        self.__dict__.update(base.__dict__)
        self._base, self._encoder, self._states = base, encoder, states

    def features(self, split: str) -> NDArray[np.float32]:
        """Features (n, h) float32 of the texts that the split has states of, computed at every call."""
        states = self._states[split]
        return self._encoder.features(states, np.arange(len(states.texts.positions)))

    def labels(self, split: str) -> NDArray[np.int32]:
        """Class ids (n, D) int32 of the same rows."""
        return self._base.labels(split)[: len(self._states[split].texts.positions)]
