"""Routing: coarse queries answered at the shortest prefix, fine ones at the full length."""

from typing import Any

from fractalctl.measures.subject import Accuracy, Sibling, Subject, coarse_and_fine

STEPS = 20
ALPHAS = tuple(step / STEPS for step in range(STEPS + 1))
"""Shares of coarse queries in a workload."""

Ends = tuple[float, float]
"""Accuracy on fine queries and on coarse ones: a mixed accuracy is the straight line between them."""


def routing(subject: Subject) -> dict[str, Any]:
    """Mixed accuracy against the share of coarse queries (paper, Section 7 and Figure 11).

    Adaptive routing is held against the same head at each fixed length, and against mrl at its full length
    where that sibling is there.

    Raises:
        RequestError: the head has a single prefix length, so there is nothing to route between.
    """
    subject.needs_two_lengths("routing")
    short, full = subject.dims[0], subject.dims[-1]
    coarse, fine = coarse_and_fine(subject.accuracy)
    adaptive = subject.accuracy[str(full)][fine], subject.accuracy[str(short)][coarse]
    mrl = subject.siblings.get("mrl")
    return {
        "short": short,
        "full": full,
        "mean_dimension": mixed((full, short)),
        "adaptive": mixed(adaptive),
        "fixed": {
            str(dimension): _rival(adaptive, subject.accuracy, dimension) for dimension in subject.dims
        },
        "mrl": mrl and _against(adaptive, mrl),
    }


def mixed(ends: tuple[float, float]) -> list[float]:
    """Workload means at each share of coarse queries: (1 - alpha) * fine + alpha * coarse."""
    return [(1 - alpha) * ends[0] + alpha * ends[1] for alpha in ALPHAS]


def ahead(adaptive: Ends, rival: Ends) -> tuple[float, float] | None:
    """Smallest and largest share of coarse queries at which adaptive routing is no worse; None for nowhere.

    >>> ahead((0.75, 1.0), (0.875, 0.875))
    (0.5, 1.0)
    """
    at_0, at_1 = (ours - theirs for ours, theirs in zip(adaptive, rival, strict=True))
    if at_0 < 0 and at_1 < 0:
        return None
    if at_0 >= 0 and at_1 >= 0:
        return 0.0, 1.0
    crossing = at_0 / (at_0 - at_1)
    return (crossing, 1.0) if at_1 >= 0 else (0.0, crossing)


def _rival(adaptive: Ends, accuracy: Accuracy, dimension: int) -> dict[str, Any]:
    """Every query at one fixed length."""
    coarse, fine = coarse_and_fine(accuracy)
    ends = accuracy[str(dimension)][fine], accuracy[str(dimension)][coarse]
    found = ahead(adaptive, ends)
    return {"dimension": dimension, "mixed": mixed(ends), "ahead": found and list(found)}


def _against(adaptive: Ends, mrl: Sibling) -> dict[str, Any]:
    rival = _rival(adaptive, mrl.document["accuracy"], mrl.head.dims[-1])
    return {**rival, "head_identity": mrl.head.identity}
