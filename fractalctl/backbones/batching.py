"""Which texts go through the model together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Distinct(NamedTuple):
    """Texts without repetitions, and the way back."""

    texts: list[str]
    """Each text once, in order of first appearance."""
    positions: NDArray[np.int64]
    """(n,) position in ``texts`` of each of the n original texts."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each of the distinct texts appears."""
        return np.bincount(self.positions, minlength=len(self.texts))


def distinct(texts: Sequence[str]) -> Distinct:
    """Find repeated texts, so that each is encoded once.

    >>> distinct(["b", "a", "b"])
    Distinct(texts=['b', 'a'], positions=array([0, 1, 0]))
    """
    places: dict[str, int] = {}
    positions = [places.setdefault(text, len(places)) for text in texts]
    return Distinct(list(places), np.array(positions, dtype=np.int64))


def token_batches(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
    """Divide rows into batches of similar length with at most ``budget`` tokens each, padding included.

    Similar lengths keep padding rare; a bounded number of tokens, rather than of rows, keeps what passes
    between layers within the processor's cache whether texts are short or long. The longest come first, so
    that several workers end at about the same time and a batch too large for memory shows at once.

    Args:
        lengths: (n,) number of tokens of each row, at least 1.
        budget: tokens per batch; a longer row is a batch of its own.

    Returns:
        Row numbers of each batch; every row is in exactly one.
    """
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        rows = max(1, budget // int(lengths[order[start]]))
        batches.append(order[start : start + rows])
        start += rows
    return batches
