"""Steerability between any two levels, for hierarchies of three levels and more (paper, Section 7)."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np


def gains(accuracy: np.ndarray) -> np.ndarray:
    """What each level gains from the dimensions after the first prefix: a[J, l] - a[1, l].

    Args:
        accuracy: (J, D) fractions, prefixes by levels, coarsest first.

    Returns:
        (D,) float64.
    """
    return np.subtract(accuracy[-1], accuracy[0])


def pairwise_steerability(accuracy: np.ndarray) -> dict[str, float]:
    """S of every pair of levels l < m, as if there were no others.

    S_lm = (l@1 - l@J) + (m@J - m@1), the gain of level m over that of level l; so S_02 = S_01 + S_12, and at
    D = 2 S_01 is S.

    Args:
        accuracy: (J, D) fractions, prefixes by levels, coarsest first.

    Returns:
        ``{"S_01": ..., "S_02": ..., "S_12": ...}``.
    """
    gained = gains(accuracy)
    return {
        f"S_{coarser}{finer}": float(gained[finer] - gained[coarser])
        for coarser, finer in combinations(range(len(gained)), 2)
    }


def monotone_zoom(accuracy: np.ndarray) -> float:
    """Share of adjacent levels of which the finer one gains more from further dimensions; 1 is a clean ramp.

    The paper shows monotone zoom in Figure 10 without a formula; this is ours. Unlike `s_mono` a tie counts
    against it.

    Args:
        accuracy: (J, D) fractions, prefixes by levels, coarsest first; D >= 2.
    """
    return float((np.diff(gains(accuracy)) > 0).mean())


def level_measures(accuracy: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """All of these from the ``accuracy`` of an evaluation document.

    Returns:
        ``gains`` by level, ``pairwise`` by pair, ``monotone_zoom``.
    """
    table = np.array([list(row.values()) for row in accuracy.values()])
    return {
        "gains": {f"L{level}": float(gain) for level, gain in enumerate(gains(table))},
        "pairwise": pairwise_steerability(table),
        "monotone_zoom": monotone_zoom(table),
    }
