"""What bits say for sure: entropies with their error, Fano's inequality both ways, the paper's Theorem 1."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
from scipy.optimize import brentq

from fractalctl.measures.steerability import INTERVAL_LEVEL


class Bits(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over rows.

    Attributes:
        bits: the mean.
        interval: 95 %, from the normal approximation.
    """

    bits: float
    interval: tuple[float, float]


class Entropy(msgspec.Struct, frozen=True, kw_only=True):
    """An entropy in bits, estimated from rows.

    Attributes:
        plug_in: of the shares among the rows; too small in expectation.
        corrected: with Miller and Madow's correction, about right on average.
        most: an upper limit with 95 % confidence, whatever the distribution; see `estimated_entropy`.
    """

    plug_in: float
    corrected: float
    most: float


class Theorem1(msgspec.Struct, frozen=True, kw_only=True):
    """The paper's Eq. 5, I(z_1; L0) > I(z_1; L1 | L0); L1 stands for all finer levels together.

    Attributes:
        dimension: length of z_1, the shortest prefix.
        coarse: lower bound on I(z_1; L0).
        fine_given_coarse: lower bound on I(z_1; L1 | L0).
        difference: of the two bounds; a hint, no proof.
        h_coarse: H(L0), which I(z_1; L0) cannot exceed.
        h_fine_given_coarse: H(L1 | L0), which I(z_1; L1 | L0) cannot exceed.
        coarse_share: the coarse bound as a share of H(L0); None where that is zero.
        fine_share: the fine bound as a share of H(L1 | L0); None where that is zero.
        verdict: ``holds`` or ``fails`` where that is sure with 95 % confidence, else ``open``.
    """

    dimension: int
    coarse: Bits
    fine_given_coarse: Bits
    difference: Bits
    h_coarse: Entropy
    h_fine_given_coarse: Entropy
    coarse_share: float | None
    fine_share: float | None
    verdict: Literal["holds", "fails", "open"]


def estimate(values: np.ndarray) -> Bits:
    """Mean over rows with its 95 % interval from the normal approximation.

    Entropies are means of -log2 of shares; to first order, taking the shares as given leaves their variance
    right (the delta method), so one interval holds for bits gained as well.
    """
    mean, half = float(values.mean()), 0.0
    if len(values) > 1:
        quantile = NormalDist().inv_cdf((1 + INTERVAL_LEVEL) / 2)
        half = float(quantile * values.std(ddof=1) / math.sqrt(len(values)))
    return Bits(bits=mean, interval=(mean - half, mean + half))


def estimated_entropy(surprise: np.ndarray, freedom: int) -> Entropy:
    """H(Y), or H(Y | X), of the population that the rows were drawn from.

    The plug-in estimate is too small: at 500 rows of 150 classes by about 0.2 bits. How many classes there
    are is known here (the tree names them), and with the number known the error has a limit that no
    distribution exceeds: log2(1 + (K - 1) / n) bits (Paninski). ``most`` adds that limit and the interval of
    the mean. Miller and Madow's (K - 1) / (2 n ln 2), Chao and Shen's coverage, or a prior over distributions
    (NSB) are about right on average, for most distributions, and so are below the truth about half the time:
    good as an estimate (``corrected`` is the first of them), not as the safe side of a verdict.

    For H(Y | X) the limit holds for each x with its own rows and classes; by concavity of the logarithm, all
    together they stay below log2(1 + sum over x of (K_x - 1) / n).

    Args:
        surprise: (n,) -log2 of the share of each row's class, among the rows of the same x where there is
            one.
        freedom: K - 1, or the sum of K_x - 1.

    References:
        Paninski, Estimation of entropy and mutual information, Neural Computation 15, 2003, Proposition 1;
        Miller, Note on the bias of information estimates, 1955.
    """
    rows, found = len(surprise), estimate(surprise)
    return Entropy(
        plug_in=found.bits,
        corrected=found.bits + freedom / (2 * rows * math.log(2)),
        most=found.interval[1] + largest_bias(freedom, rows),
    )


def largest_bias(freedom: int, rows: int) -> float:
    """Bits by which a plug-in entropy can be too small in expectation, see `estimated_entropy`."""
    return math.log2(1 + freedom / rows)


def theorem_1(
    surprise: Mapping[str, np.ndarray],
    gains: Mapping[str, np.ndarray],
    classes: Sequence[int],
    dimension: int,
) -> Theorem1:
    """Is I(z_1; L0) > I(z_1; L1 | L0)? L1 stands for all finer levels together.

    Both sides are known by lower bounds, and neither exceeds its entropy. So the inequality surely holds
    where the coarse bound exceeds H(L1 | L0), and surely fails where the fine bound exceeds H(L0), else it is
    open. The bounds are made with plug-in entropies, which errs on the safe side; the entropies on the other
    side of a comparison are given all the bias that they may have. Rows are paired, so each comparison has
    one interval.

    Args:
        surprise: per quantity, coarsest first, -log2 of each row's share, (n,).
        gains: per quantity the bits gained by seeing the shortest prefix, (n,).
        classes: how many there are at each level of the tree, coarsest first.
        dimension: of the shortest prefix.
    """
    first, *finer = surprise
    coarse, h_coarse = gains[first], surprise[first]
    fine, h_fine = (np.sum([rows[name] for name in finer], axis=0) for rows in (gains, surprise))
    free_coarse, free_fine = classes[0] - 1, classes[-1] - classes[0]
    rows = len(h_coarse)
    holds = estimate(coarse - h_fine).interval[0] > largest_bias(free_fine, rows)
    fails = estimate(fine - h_coarse).interval[0] > largest_bias(free_coarse, rows)
    return Theorem1(
        dimension=dimension,
        coarse=estimate(coarse),
        fine_given_coarse=estimate(fine),
        difference=estimate(coarse - fine),
        h_coarse=estimated_entropy(h_coarse, free_coarse),
        h_fine_given_coarse=estimated_entropy(h_fine, free_fine),
        coarse_share=float(coarse.mean() / h_coarse.mean()) if h_coarse.any() else None,
        fine_share=float(fine.mean() / h_fine.mean()) if h_fine.any() else None,
        verdict="holds" if holds else "fails" if fails else "open",
    )


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
