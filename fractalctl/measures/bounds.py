"""What bits say for sure: intervals, Fano's inequality both ways, and the paper's Theorem 1."""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.optimize import brentq

from fractalctl.measures.steerability import INTERVAL_LEVEL


def estimate(values: np.ndarray) -> dict[str, Any]:
    """Mean over rows with its 95 % interval from the normal approximation.

    Entropies are means of -log2 of shares; to first order, taking the shares as given leaves their variance
    right (the delta method), so one interval holds for bits gained as well.
    """
    mean, half = float(values.mean()), 0.0
    if len(values) > 1:
        half = float(
            NormalDist().inv_cdf((1 + INTERVAL_LEVEL) / 2) * values.std(ddof=1) / math.sqrt(len(values))
        )
    return {"bits": mean, "interval": [mean - half, mean + half]}


def theorem_1(surprise: Mapping[str, np.ndarray], gains: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Is I(z_1; L0) > I(z_1; L1 | L0) (paper, Eq. 5)? L1 stands for all finer levels together.

    Both sides are known by lower bounds, and neither exceeds its entropy. So the inequality surely holds
    where the coarse bound exceeds H(L1 | L0), and surely fails where the fine bound exceeds H(L0), each with
    95 % confidence; else it is open, and the difference of the bounds only hints.

    Args:
        surprise: per quantity, coarsest first, -log2 of each row's share, (n,).
        gains: per quantity the bits gained by seeing the shortest prefix, (n,).
    """
    first, *finer = surprise
    coarse, h_coarse = gains[first], surprise[first]
    fine, h_fine = (np.sum([rows[name] for name in finer], axis=0) for rows in (gains, surprise))
    surely_holds = estimate(coarse - h_fine)["interval"][0] > 0
    surely_fails = estimate(fine - h_coarse)["interval"][0] > 0
    return {
        "coarse": estimate(coarse),
        "fine_given_coarse": estimate(fine),
        "difference": estimate(coarse - fine),
        "coarse_share": float(coarse.mean() / h_coarse.mean()) if h_coarse.any() else None,
        "fine_share": float(fine.mean() / h_fine.mean()) if h_fine.any() else None,
        "verdict": "holds" if surely_holds else "fails" if surely_fails else "open",
    }


def binary_entropy(share: float) -> float:
    """H2 in bits."""
    return -sum(part * math.log2(part) for part in (share, 1 - share) if part > 0)


def fano_bits(entropy: float, error: float, n_choices: int) -> float:
    """What an error rate alone proves: I(Z; Y) >= H(Y) - H2(error) - error log2(K - 1), at least 0.

    Args:
        entropy: bits, H(Y), or H(Y | X) for an error rate given X.
        error: of any classifier.
        n_choices: K, the most classes to choose from.

    References:
        Fano, Transmission of Information, 1961; Cover and Thomas, Elements of Information Theory, 2.10.
    """
    return max(0.0, entropy - _most_doubt(error, n_choices))


def fano_error(doubt: float, n_choices: int) -> float:
    """Least error rate of any classifier where H(Y | Z) is so many bits: H2(e) + e log2(K - 1) = doubt.

    A cross-entropy is no less than H(Y | Z), so with one in its place this is the least error if the prefix
    knows no more than the bound says.

    Args:
        doubt: bits.
        n_choices: K, the most classes to choose from.
    """
    most = 1 - 1 / n_choices
    if doubt <= 0 or n_choices < 2:
        return 0.0
    if doubt >= math.log2(n_choices):
        return most
    return float(brentq(lambda error: _most_doubt(error, n_choices) - doubt, 0.0, most))


def _most_doubt(error: float, n_choices: int) -> float:
    """Largest H(Y | Z) that an error rate allows."""
    return binary_entropy(error) + (error * math.log2(n_choices - 1) if n_choices > 1 else 0.0)
