"""What each unit does to a pooled effect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fractalctl.errors import RequestError
from fractalctl.statistics.meta import Pooled, checked_effects, pool


@dataclass(frozen=True)
class Influence:
    """What one unit does to a pooled effect.

    Attributes:
        label: the unit.
        weight: its share in the pooled effect.
        residual: (effect - pooled without it) over the standard error of that difference; beyond +-2 it is
            unusual.
        cooks_distance: squared shift of the pooled effect without it, in squared standard errors.
        without: the pooling of all the others.
    """

    label: str
    weight: float
    residual: float
    cooks_distance: float
    without: Pooled


def influence(
    effects: ArrayLike, variances: ArrayLike, labels: Sequence[str], method: str = "dersimonian-laird"
) -> list[Influence]:
    """Leave-one-out: pool without each unit in turn, tau^2 estimated anew each time.

    residual = (y_i - pooled_-i) / sqrt(v_i + tau^2_-i + se_-i^2); distance = (pooled - pooled_-i)^2 / se^2.

    Raises:
        RequestError: fewer than two units, or as `pool`.

    References:
        Viechtbauer and Cheung, Research Synthesis Methods 1, 2010.

    >>> [round(unit.without.pooled, 3) for unit in influence([0.1, 0.3, 0.8], [0.01, 0.02, 0.02], "abc")]
    [0.55, 0.443, 0.175]
    """
    y, v = checked_effects(effects, variances)
    if len(y) < 2:
        raise RequestError("leave-one-out needs at least two units")
    whole = pool(y, v, method)
    units = []
    for i, label in enumerate(labels):
        rest = np.arange(len(y)) != i
        without = pool(y[rest], v[rest], method)
        spread = math.sqrt(v[i] + without.tau2 + without.se**2)
        shift = whole.pooled - without.pooled
        units.append(
            Influence(
                label,
                whole.weights[i],
                float(y[i] - without.pooled) / spread,
                (shift / whole.se) ** 2,
                without,
            )
        )
    return units
