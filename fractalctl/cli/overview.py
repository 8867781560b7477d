"""Evaluations and comparisons at a glance, as the terminal shows them; the report has every figure."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from fractalctl.documents.measured import Accuracy, Features
from fractalctl.numbers import MISSING, interval, mean_sd, number, p_value, percents, signed
from fractalctl.tables import Table

if TYPE_CHECKING:
    from fractalctl.documents.evaluation import Evaluation
    from fractalctl.documents.statistics import Comparison

CUT = "backbone, cut"
"""Row of the backbone's own features at the lengths of the heads."""
Item = TypeVar("Item")


def evaluation_tables(evaluations: "Sequence[Evaluation]") -> list[Table]:
    """Steerability and the accuracies that it is made of: a row per feature set and arm, means over seeds.

    Each feature set ends with the backbone cut to the same lengths, which is what training has to beat.
    Evaluations at other lengths or of another depth have a table of their own.
    """
    shapes = _grouped(evaluations, lambda one: (tuple(one.dims), len(one.profile.classes)))
    return [_evaluations(group) for group in shapes]


def _evaluations(evaluations: "Sequence[Evaluation]") -> Table:
    first = evaluations[0]
    levels = ("L0", f"L{len(first.profile.classes) - 1}")
    places = [(level, str(length)) for level in levels for length in (first.dims[0], first.dims[-1])]
    titles = feature_titles(one.features for one in evaluations)
    rows = []
    for own in _grouped(evaluations, lambda one: one.features.identity):
        measured = own[0]
        start = [titles[measured.features.identity]]
        arms = _grouped(own, lambda one: (one.trained_on.identity, one.arm, repr(one.settings)))
        rows += [[*start, *_arm(group, places)] for group in arms]
        cut = measured.profile.truncated
        cells = [signed(_steerability(cut, places)), *_shares([cut], places)]
        rows.append([*start, CUT, MISSING, measured.n_queries, *cells])
    return Table(
        "evaluations",
        f"k-NN accuracy in %, protocol {first.protocol}, k = {first.k}; S with its SD over seeds, of a "
        "single one with its 95 % interval over queries",
        ["features", "arm", "seeds", "queries", "S", *(f"{level}@{length}" for level, length in places)],
        rows,
        left=2,
    )


def _arm(group: "Sequence[Evaluation]", places: Sequence[tuple[str, str]]) -> list[object]:
    """One arm's cells; heads that were trained on another set say so."""
    first = group[0]
    values = [one.steerability.s for one in group]
    alone = f" {interval(first.steerability.intervals['S'], 3)}" if len(group) == 1 else ""
    moved = first.trained_on.identity != first.features.identity
    source = f" (trained on {first.trained_on.corpus}/{first.trained_on.name})" if moved else ""
    shares = _shares([one.accuracy for one in group], places)
    return [first.arm + source, len(group), first.n_queries, mean_sd(values) + alone, *shares]


def _shares(accuracies: Sequence[Accuracy], places: Sequence[tuple[str, str]]) -> list[str]:
    return [percents([one[length][level] for one in accuracies]) for level, length in places]


def _steerability(accuracy: Accuracy, places: Sequence[tuple[str, str]]) -> float:
    short_coarse, full_coarse, short_fine, full_fine = (accuracy[length][level] for level, length in places)
    return (short_coarse - full_coarse) + (full_fine - short_fine)


def feature_titles(sets: Iterable[Features]) -> dict[str, str]:
    """What to call feature sets, by identity; of several with one name each shows its own."""
    found = {one.identity: f"{one.corpus}/{one.name}" for one in sets}
    names = list(found.values())
    return {
        identity: f"{name} ({identity[:8]})" if names.count(name) > 1 else name
        for identity, name in found.items()
    }


def comparison_table(caption: str, comparisons: "Sequence[Comparison]") -> Table:
    """Paired comparisons, a row each."""
    rows = [
        [
            one.label,
            f"{one.a} vs {one.b}" + ("" if one.metric == "S" else f", {one.metric}"),
            f"{signed(one.mean_a)} vs {signed(one.mean_b)}",
            number(one.t, 1),
            p_value(one.p if one.correction is None else one.p_adjusted),
            one.family_size,
            number(one.cohens_d, 1),
        ]
        for one in comparisons
    ]
    columns = ["corpus", "condition", "mean", "t", "p adjusted", "of m tests", "d"]
    return Table("comparisons", caption, columns, rows, left=2)


def _grouped(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    """Items that share a key, in the order in which the keys come first."""
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
