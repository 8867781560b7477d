"""Tests along an axis: strategies at each of its points, one strategy at several, pairs of levels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fractalctl.statistics.comparisons import Comparison, Pair, compare, corrected
from fractalctl.statistics.observations import Observation, first_seen
from fractalctl.statistics.reading import encoder_of

USUAL_BLOCK = 64
"""Numbers per block in all of the paper but its Figure 6."""

Run = Mapping[str, Any]


def arm(strategy: str, varied: str, value: Any) -> str:
    """What a strategy at one point is called in comparisons: ``v5 at block 16``."""
    return f"{strategy} at {varied} {value}"


def compare_capacity(documents: Sequence[Mapping[str, Any]]) -> list[Comparison]:
    """The tests of the axis ``capacity``: v5 with mrl at every block size, and with itself at 64."""
    return compare_strategies(documents, "block") + compare_points(documents, "block", USUAL_BLOCK)


def compare_noise(documents: Sequence[Mapping[str, Any]]) -> list[Comparison]:
    """The tests of the axis ``noise``: v5 with mrl at every share of noise, and with itself without any."""
    return compare_strategies(documents, "noise") + compare_points(documents, "noise", 0)


def compare_strategies(documents: Sequence[Mapping[str, Any]], varied: str) -> list[Comparison]:
    """The first strategy (v5 where it is there) against each other one at every point, paired over seeds.

    Holm over the points and strategies of one corpus.

    Args:
        documents: ablation files of one axis and protocol, one per corpus.
        varied: the key of a run that says at which point it lies.

    Returns:
        Comparisons in the order of corpora, then of points; none where a file has one strategy.
    """
    observations = _observations(documents, lambda run: arm(run["strategy"], varied, run[varied]))
    first, *others = _strategies(documents)
    points = _points(documents, varied)
    pairs = [(arm(first, varied, point), arm(other, varied, point)) for point in points for other in others]
    return _compared(observations, pairs)


def compare_points(documents: Sequence[Mapping[str, Any]], varied: str, reference: Any) -> list[Comparison]:
    """The first strategy (v5 where it is there) at a reference against itself at every other point.

    Paired over seeds; Holm over the points of one corpus.

    Args:
        documents: ablation files of one axis and protocol, one per corpus.
        varied: the key of a run that says at which point it lies.
        reference: that key's value at the point of reference.

    Returns:
        Comparisons in the order of corpora, then of points; none where the reference was not run.
    """
    observations = _observations(documents, lambda run: arm(run["strategy"], varied, run[varied]))
    first, points = _strategies(documents)[0], _points(documents, varied)
    if reference not in points:
        return []
    base = arm(first, varied, reference)
    return _compared(
        observations, [(base, arm(first, varied, point)) for point in points if point != reference]
    )


def compare_levels(documents: Sequence[Mapping[str, Any]]) -> list[Comparison]:
    """The first strategy (v5 where it is there) against each other one in S of every pair of levels.

    Paired over seeds. The outermost pair is a family of its own, as the paper tests S_02 alone; Holm over
    all other pairs of one corpus. Files may differ in their levels.

    Args:
        documents: files of the axis ``depth``, one per corpus.

    Returns:
        Comparisons of the outermost pairs, then of the others (``metric`` is ``S_01`` and so on).
    """
    first, *others = _strategies(documents)
    names = first_seen(name for one in documents for run in one["runs"] for name in run["pairwise"])
    rows: list[Comparison] = []
    for name in sorted(names):
        having = [one for one in documents if name in one["runs"][0]["pairwise"]]
        observations = _observations(having, lambda run: run["strategy"], lambda run: run["pairwise"])
        pairs = _present(observations, [(first, other) for other in others])
        rows += compare(observations, pairs, metric=name) if pairs else []
    widest = {one["corpus"]: f"S_0{one['levels'] - 1}" for one in documents}
    outer, inner = (
        [row for row in rows if (row.metric == widest[row.unit.corpus]) is wanted] for wanted in (True, False)
    )
    return corrected(outer, "holm", ["corpus"]) + corrected(inner, "holm", ["corpus"])


def _strategies(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    found = first_seen(run["strategy"] for one in documents for run in one["runs"])
    return sorted(found, key=lambda name: name != "v5")


def _points(documents: Iterable[Mapping[str, Any]], varied: str) -> list[Any]:
    return first_seen(run[varied] for one in documents for run in one["runs"])


def _observations(
    documents: Iterable[Mapping[str, Any]],
    name: Callable[[Run], str],
    metrics: Callable[[Run], Mapping[str, float]] = lambda run: {"S": run["steerability"]["S"]},
) -> list[Observation]:
    return [
        Observation(
            document["corpus"],
            name(run),
            run["seed"],
            metrics(run),
            backbone=encoder_of(document),
            protocol=document["protocol"],
        )
        for document in documents
        for run in document["runs"]
    ]


def _present(observations: Sequence[Observation], pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that some corpus has both arms of."""
    arms = {(one.unit, one.strategy) for one in observations}
    units = {one.unit for one in observations}
    return [(a, b) for a, b in pairs if any((unit, a) in arms and (unit, b) in arms for unit in units)]


def _compared(observations: Sequence[Observation], pairs: Iterable[Pair]) -> list[Comparison]:
    present = _present(observations, pairs)
    return compare(observations, present, correction="holm", families=["corpus"]) if present else []
