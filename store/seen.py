"""Texts that finished feature sets hold already, and the features that they have there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.catalogue import FeatureStore
from store.errors import StoreError
from store.features import FeatureSet


class Seen:
    """Features of texts that one encoder has encoded before, read from the sets that hold them when used."""

    def __init__(self) -> None:
        self.sets: list[FeatureSet] = []
        self._arrays: list[NDArray[np.float32]] = []
        self._places: dict[str, tuple[int, int]] = {}

    def __contains__(self, text: str) -> bool:
        return text in self._places

    def __len__(self) -> int:
        return len(self._places)

    def unseen(self, texts: Sequence[str]) -> list[str]:
        """Those of the texts that no set holds, in their order, repetitions included."""
        return [text for text in texts if text not in self._places]

    def complete(self, texts: Sequence[str], fresh: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features (n, h) of n texts: those of ``unseen(texts)`` are given, the others are in the sets."""
        if len(fresh) == len(texts):
            return fresh
        features = np.empty((len(texts), self._arrays[0].shape[1]), dtype=np.float32)
        rest = iter(fresh)
        for row, text in enumerate(texts):
            if place := self._places.get(text):
                features[row] = self._arrays[place[0]][place[1]]
            else:
                features[row] = next(rest)
        return features

    def check(self) -> None:
        """See that no set was changed while it was read, as `FeatureSet.check`."""
        for one in self.sets:
            one.check()

    def add(self, features: FeatureSet, wanted: set[str]) -> None:
        """Take up the wanted texts of a set that no earlier one holds; none where it cannot be read."""
        arrays = list(self._arrays)
        places: dict[str, tuple[int, int]] = {}
        for split in features.splits:
            for row, text in enumerate(features.texts(split)):
                if text in wanted and text not in self._places:
                    places.setdefault(text, (len(arrays), row))
            arrays.append(features.features(split))
        if places:
            self._places |= places
            self._arrays = arrays
            self.sets.append(features)


def find_seen(
    store: FeatureStore,
    backbone: Mapping[str, Any],
    observed: Mapping[str, Any],
    texts: set[str],
    damaged: Callable[[StoreError], None] = lambda _: None,
) -> Seen:
    """Look for texts in all finished sets that one encoder made, of whatever corpus.

    Another backbone (its part of a recipe) makes other features, and features of other weights, versions or
    devices, as ``observed`` when loading it, are never put into one set. ``damaged`` is called with the error
    of each set that cannot be read; it is left out.
    """
    seen = Seen()
    for features in sorted(store.sets(damaged), key=lambda one: one.path):
        recorded = features.recipe["observed"]
        same = all(name in recorded and recorded[name] == value for name, value in observed.items())
        if not same or features.recipe["backbone"]["identity"] != dict(backbone):
            continue
        try:
            seen.add(features, texts)
        except StoreError as error:
            damaged(error)
        if len(seen) == len(texts):
            break
    return seen
