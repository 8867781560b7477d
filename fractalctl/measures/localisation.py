"""Localisation: what the first block knows alone against what all later blocks know without it."""

from typing import Any

import numpy as np

from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.evaluation import hits_of
from fractalctl.measures.steerability import accuracies
from fractalctl.measures.subject import Subject


def localisation(subject: Subject) -> dict[str, Any]:
    """k-NN with the first block alone and with blocks 2..J alone, per level (paper, Section 5.1).

    ``separation`` is (L0 first - L0 rest) - (L1 first - L1 rest), L1 standing for the finest level: positive
    where the first block is the better place for coarse classes, as far as the two levels differ. It is ours.

    Raises:
        RequestError: the head has a single block.
    """
    subject.needs_two_lengths("localisation")
    short, full = subject.dims[0], subject.dims[-1]

    def later_blocks(features: np.ndarray) -> Prefixes:
        return Prefixes.nested(np.ascontiguousarray(subject.embed(features).blocks[:, short:]))

    protocol, rows = subject.evaluator.protocol, subject.evaluator.rows
    hits = hits_of(later_blocks, rows, [full - short], protocol.k, subject.device)
    rest = {f"L{level}": float(share) for level, share in enumerate(accuracies(hits)[0])}
    first = dict(subject.accuracy[str(short)])
    gaps = [first[level] - rest[level] for level in first]
    return {
        "dimensions": {"first": [1, short], "rest": [short + 1, full]},
        "accuracy": {"first": first, "rest": rest},
        "separation": gaps[0] - gaps[-1],
    }
