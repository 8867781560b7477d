"""Routing: coarse queries answered at the shortest prefix, fine ones at the full length."""

import msgspec

from fractalctl.documents.measured import Accuracy
from fractalctl.measures.metrics import Metric, Subject, coarse_and_fine

STEPS = 20
ALPHAS = tuple(step / STEPS for step in range(STEPS + 1))  # shares of coarse queries in a workload
Ends = tuple[float, float]
"""Accuracy on fine queries and on coarse ones: a mixed accuracy is the straight line between them."""


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """Every query answered at one fixed length.

    Attributes:
        dimension: that length.
        mixed: accuracy at each alpha.
        ahead: smallest and largest alpha at which adaptive routing is no worse; None for nowhere.
        head_identity: of a matched head; None for the head itself.
    """

    dimension: int
    mixed: list[float]
    ahead: tuple[float, float] | None
    head_identity: str | None = None


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Mixed accuracy over the share of coarse queries.

    Attributes:
        alphas: shares of coarse queries.
        short: length at which coarse queries are answered.
        full: length at which fine ones are.
        mean_dimension: at each alpha.
        adaptive: accuracy at each alpha.
        fixed: the same head at each fixed length.
        mrl: the matched mrl head at its full length; None where there is none.
    """

    alphas: list[float]
    short: int
    full: int
    mean_dimension: list[float]
    adaptive: list[float]
    fixed: dict[str, Rival]
    mrl: Rival | None


def routing(subject: Subject) -> Routing:
    """Mixed accuracy against the share of coarse queries (paper, Section 7 and Figure 11).

    RequestError where the head has a single length.
    """
    subject.needs_two_lengths("routing")
    short, full = subject.dims[0], subject.dims[-1]
    coarse, fine = coarse_and_fine(subject.accuracy)
    adaptive = subject.accuracy[str(full)][fine], subject.accuracy[str(short)][coarse]
    mrl = subject.matched.get("mrl")
    return Routing(
        alphas=list(ALPHAS),
        short=short,
        full=full,
        mean_dimension=mixed((full, short)),
        adaptive=mixed(adaptive),
        fixed={str(dimension): _rival(adaptive, subject.accuracy, dimension) for dimension in subject.dims},
        mrl=_rival(adaptive, mrl.evaluation.accuracy, mrl.head.dims[-1], mrl.head.identity) if mrl else None,
    )


def mixed(ends: Ends) -> list[float]:
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


def _rival(adaptive: Ends, accuracy: Accuracy, dimension: int, head_identity: str | None = None) -> Rival:
    """Every query at one fixed length."""
    coarse, fine = coarse_and_fine(accuracy)
    ends = accuracy[str(dimension)][fine], accuracy[str(dimension)][coarse]
    return Rival(
        dimension=dimension, mixed=mixed(ends), ahead=ahead(adaptive, ends), head_identity=head_identity
    )


METRIC = Metric("routing", Routing, routing, {"alphas": list(ALPHAS)}, uses=("mrl",))
