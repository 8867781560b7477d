"""Localisation: what the first block knows alone against what all later blocks know without it."""

import msgspec
import numpy as np

from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.evaluation import accuracy_table
from fractalctl.measures.metrics import ByLevel, Metric, Subject


class Dimensions(msgspec.Struct, frozen=True, kw_only=True):
    """First and last dimension of both places, counted from 1.

    Attributes:
        first: of the first block.
        rest: of all later ones.
    """

    first: tuple[int, int]
    rest: tuple[int, int]


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """k-NN accuracy by level at both places.

    Attributes:
        first: with the first block alone.
        rest: with all later ones alone.
    """

    first: ByLevel
    rest: ByLevel


class Localisation(msgspec.Struct, frozen=True, kw_only=True):
    """Where classes can be told.

    Attributes:
        dimensions: of both places.
        accuracy: at both places.
        separation: (L0 first - L0 rest) - (L1 first - L1 rest), L1 standing for the finest level: positive
            where the first block is the better place for coarse classes, as far as the two levels differ. It
            is ours.
    """

    dimensions: Dimensions
    accuracy: Places
    separation: float


def localisation(subject: Subject) -> Localisation:
    """k-NN with the first block alone and with blocks 2..J alone, per level (paper, Section 5.1).

    RequestError where the head has a single block, or no blocks at all.
    """
    subject.needs_two_lengths("localisation")
    subject.head.needs_columns("localisation")
    short, full = subject.dims[0], subject.dims[-1]

    def later_blocks(features: np.ndarray) -> Prefixes:
        return Prefixes.nested(np.ascontiguousarray(subject.embed(features).blocks[:, short:]))

    length = full - short
    rest = accuracy_table(subject.evaluator.hits(later_blocks, [length]), [length])[str(length)]
    first = subject.accuracy[str(short)]
    gaps = [first[level] - rest[level] for level in first]
    return Localisation(
        dimensions=Dimensions(first=(1, short), rest=(short + 1, full)),
        accuracy=Places(first=first, rest=rest),
        separation=gaps[0] - gaps[-1],
    )


METRIC = Metric("localisation", Localisation, localisation)
