"""Two ways of doing the same work, timed in turn in one process."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

ROUNDS = 5


def compare(
    benchmark,
    what: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    name: str,
    goal: float,
    per: float = 1.0,
) -> None:
    """Time both alternately, and record the median ratio peer / ours as ``times_faster``.

    Args:
        benchmark: pytest-benchmark's fixture; its own figures are of ``ours``.
        what: it is that is timed.
        ours: what the project does.
        peer: what somebody would do without it.
        name: the peer's name.
        goal: the ratio that is aimed at.
        per: units of ours that one unit of the peer is compared with (runs of a fleet, say).
    """
    ours(), peer()
    if benchmark.disabled:
        return
    ratios = []
    for _ in range(ROUNDS):
        started = perf_counter()
        ours()
        middle = perf_counter()
        peer()
        ratios.append((perf_counter() - middle) * per / (middle - started))
    benchmark.extra_info.update(
        {
            "what": what,
            "peer": name,
            "rounds": ROUNDS,
            "times_faster": round(median(ratios), 2),
            "lowest": round(min(ratios), 2),
            "highest": round(max(ratios), 2),
            "goal": goal,
        }
    )
    benchmark.pedantic(ours, rounds=ROUNDS)
