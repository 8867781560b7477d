"""What a reader of the numbers should know about how they came about."""

from collections.abc import Sequence

from fractalctl.statistics.comparisons import Comparison, Pair, arms_of
from fractalctl.statistics.equivalence import ALPHA
from fractalctl.statistics.observations import Observation, first_seen


def notes_on(
    read: Sequence[Observation],
    chosen: Sequence[Observation],
    rows: Sequence[Comparison],
    pairs: Sequence[Pair],
) -> list[str]:
    """The notes of a document.

    Args:
        read: all measurements that were given.
        chosen: those of the protocol and backbone that were taken.
        rows: the comparisons made of them.
        pairs: the strategies that were to be compared.
    """
    return [*_protocol(read, chosen), *_left_out(chosen, pairs), *_uncorrected(rows), *_few_seeds(rows)]


def _protocol(read: Sequence[Observation], chosen: Sequence[Observation]) -> list[str]:
    found = sorted({one.protocol for one in read})
    if len(found) < 2:
        return []
    note = f"evaluations under {' and '.join(found)} were found and '{chosen[0].protocol}' was taken: "
    return [note + "S under one protocol is never compared with S under another"]


def _left_out(chosen: Sequence[Observation], pairs: Sequence[Pair]) -> list[str]:
    units = first_seen(one.unit for one in chosen)
    return [
        f"{unit.label(units)} was not measured with both {a} and {b} and is left out"
        for unit in units
        for a, b in pairs
        if not all(arms_of(chosen, unit, (a, b)))
    ]


def _uncorrected(rows: Sequence[Comparison]) -> list[str]:
    largest = max(row.family_size for row in rows)
    if rows[0].correction or largest < 2:
        return []
    return [f"p values are not corrected, though {largest} tests make a family (--holm corrects them)"]


def _few_seeds(rows: Sequence[Comparison]) -> list[str]:
    least = min(row.permutation.minimum_p for row in rows)
    if least <= ALPHA:
        return []
    note = (
        f"with so few seeds no pattern of signs gives p < {least:.3g}: Wilcoxon's and the permutation test "
    )
    return [note + f"cannot reach {ALPHA}, and the t test leans on normal differences"]
