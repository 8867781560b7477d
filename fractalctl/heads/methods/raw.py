"""The backbone cut: the first d numbers of the feature as they are, a floor for every comparison."""

from typing import TYPE_CHECKING

import numpy as np

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import LinearMap
from fractalctl.heads.settings import MethodSettings

if TYPE_CHECKING:
    from fractalctl.heads.examples import Examples


class Raw(LinearMap):
    """The first d columns of the feature, zeros where it has fewer."""

    name = "raw"
    source = "no training: what truncation does to the backbone itself"

    def solve(self, examples: "Examples", settings: MethodSettings) -> tuple[np.ndarray, np.ndarray]:
        """The identity, cut."""
        width = examples.input_dimension
        return np.eye(width, settings.dimension), np.zeros(settings.dimension)


STRATEGIES = (Strategy("raw", Raw(), meaning="the backbone's own feature, cut"),)
