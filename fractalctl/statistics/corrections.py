"""Corrections of p values for multiple testing. What has no p value stays so and does not count."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.statistics.samples import finite

PValues = NDArray[np.float64]


def bonferroni(p: PValues) -> PValues:
    """Family-wise error rate, any dependence: min(1, m p) (Dunn, 1961).

    >>> bonferroni(np.array([0.01, 0.04, 0.5]))
    array([0.03, 0.12, 1.  ])
    """
    return np.minimum(1.0, len(p) * p)


def holm(p: PValues) -> PValues:
    """Family-wise error rate, any dependence, step-down: max over j <= i of (m - j + 1) p_(j).

    Never weaker than Bonferroni (Holm, Scandinavian Journal of Statistics 6, 1979).

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _restored(stepped, order)


def hochberg(p: PValues) -> PValues:
    """Family-wise error rate, step-up: min over j >= i of (m - j + 1) p_(j).

    Never weaker than Holm, but only valid for independent or positively dependent tests (Hochberg,
    Biometrika 75, 1988).

    >>> hochberg(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.04, 0.04])
    """
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    return _restored(np.minimum.accumulate(stepped[::-1])[::-1], order)


def benjamini_hochberg(p: PValues) -> PValues:
    """False discovery rate under independence or positive dependence: min over j >= i of m p_(j) / j.

    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(10)
    array([0.03, 0.04, 0.04])
    """
    return np.asarray(stats.false_discovery_control(p, method="bh"))


def benjamini_yekutieli(p: PValues) -> PValues:
    """False discovery rate under any dependence: Benjamini-Hochberg times 1 + 1/2 + ... + 1/m.

    Benjamini and Yekutieli, Annals of Statistics 29, 2001.

    >>> benjamini_yekutieli(np.array([0.01, 0.04, 0.03])).round(4)
    array([0.055 , 0.0733, 0.0733])
    """
    return np.asarray(stats.false_discovery_control(p, method="by"))


def _restored(sorted_values: PValues, order: NDArray[np.intp]) -> PValues:
    values = np.empty_like(sorted_values)
    values[order] = np.minimum(1.0, sorted_values)
    return values


CORRECTIONS: dict[str, Callable[[PValues], PValues]] = {
    "holm": holm,
    "bonferroni": bonferroni,
    "hochberg": hochberg,
    "bh": benjamini_hochberg,
    "by": benjamini_yekutieli,
}
"""Every correction by the name of its option."""


def adjust(p_values: Sequence[float | None], correction: str) -> list[float | None]:
    """Correct one family of p values; None (no test was possible) stays None and is no member.

    Args:
        p_values: (m,) raw p values.
        correction: a key of `CORRECTIONS`.

    Returns:
        (m,) adjusted p values in the same order, each at least the raw one.

    Raises:
        RequestError: no such correction, or a p value outside [0, 1].

    >>> adjust([0.01, None, 0.04], "bonferroni")
    [0.02, None, 0.08]
    """
    if correction not in CORRECTIONS:
        raise RequestError(f"no correction '{correction}'; there are {', '.join(CORRECTIONS)}")
    known = [position for position, p in enumerate(p_values) if p is not None]
    adjusted: list[float | None] = [None] * len(p_values)
    if not known:
        return adjusted
    values = finite([p for p in p_values if p is not None], "p values")
    if values.min() < 0 or values.max() > 1:
        raise RequestError(f"p values lie between 0 and 1, found {values.min():.4g} to {values.max():.4g}")
    for position, value in zip(known, CORRECTIONS[correction](values), strict=True):
        adjusted[position] = float(value)
    return adjusted
