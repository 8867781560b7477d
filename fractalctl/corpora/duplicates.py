"""Rows of one split that stand in another: a head has seen them with their answers."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def repeated_rows(texts: Sequence[str], reference: Iterable[str]) -> NDArray[np.bool_]:
    """Find the texts that also stand in a reference, but for case and surrounding space.

    Most encoders do not see the difference that is left aside.

    Args:
        texts: n texts, such as those of the test rows.
        reference: texts to look for, such as those of the training rows.

    Returns:
        (n,) bool.

    >>> repeated_rows(["Who was Galileo ? ", "Why ?"], ["who was Galileo ?"])
    array([ True, False])
    """
    known = set(map(_essence, reference))
    return np.fromiter((_essence(text) in known for text in texts), np.bool_, len(texts))


def _essence(text: str) -> str:
    return text.strip().casefold()
