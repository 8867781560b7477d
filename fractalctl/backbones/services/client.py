"""What every client of a service gives and hides."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LONGEST = 300
"""Characters of a service's own message that are passed on."""


@dataclass(frozen=True)
class Answer:
    """What a service said to one request, unchecked.

    Attributes:
        vectors: one for each text, in the order of the texts.
        tokens: that it counted; None where it does not say.
    """

    vectors: Sequence[Sequence[float] | NDArray[np.float64]]
    tokens: int | None


class Client(Protocol):
    """A service's official client, with its errors in our words."""

    simultaneous: int
    """Requests that may be under way at a time."""

    def embed(self, texts: Sequence[str]) -> Answer:
        """Ask for the vectors of texts, again and again where that may help.

        Raises:
            RequestError: the service refuses the request, its model or its key.
            UnreachableError: it does not answer.
            FractalError: it fails, or answers nonsense.
        """

    def close(self) -> None:
        """Ask for nothing more."""


def without_keys(message: str) -> str:
    """A foreign message in one line of bounded length, without any of the keys that it may repeat."""
    for name, value in os.environ.items():
        if name.startswith(("OPENAI_", "OLLAMA_")) and name.endswith("KEY") and value.strip():
            message = message.replace(value.strip(), "***")
    return " ".join(message.split())[:LONGEST]
