"""Evaluations and comparisons at a glance, as the terminal shows them; the report has every figure."""

from collections.abc import Iterable, Sequence
from statistics import mean
from typing import TYPE_CHECKING

from fractalctl.documents.measured import Accuracy, Features
from fractalctl.numbers import MISSING, interval, listed, mean_sd, number, p_value, percent, signed
from fractalctl.report.results import Results
from fractalctl.report.sections.answer import Places, answer_tables, baselines_of, shares
from fractalctl.statistics.observations import grouped
from fractalctl.tables import Table

if TYPE_CHECKING:
    from fractalctl.documents.evaluation import Evaluation
    from fractalctl.documents.head import Capacity
    from fractalctl.documents.statistics import Comparison
    from fractalctl.heads.head import Head

ENOUGH = 6
"""Held-out rows of a class, one of which asks: as many as vote must be left."""


def evaluation_tables(evaluations: "Sequence[Evaluation]") -> list[Table]:
    """What was asked, then steerability and the accuracies that it is made of.

    The latter has a row per feature set and arm, means over seeds, and calls levels by their names where all
    corpora have the same. Each feature set ends with what training has to beat: the backbone cut to the same
    lengths, and its principal components. Levels between the two that S is made of come last, where a narrow
    terminal leaves them out. Evaluations at other lengths, of another depth or protocol have a table of their
    own.
    """
    shapes = grouped(
        evaluations, lambda one: (tuple(one.dims), len(one.profile.classes), one.protocol)
    ).values()
    return [*answer_tables(Results(evaluations=evaluations)), *map(_evaluations, shapes)]


def _evaluations(evaluations: "Sequence[Evaluation]") -> Table:
    first = evaluations[0]
    levels = [f"L{level}" for level in range(len(first.profile.classes))]
    coarse, *between, fine = levels
    ends = [str(length) for length in (first.dims[0], first.dims[-1])]
    places = [(level, length) for level in (coarse, fine) for length in ends]
    further = [(level, length) for level in between for length in ends]
    titles = feature_titles(one.features for one in evaluations)
    rows = []
    for own in grouped(evaluations, lambda one: one.features.identity).values():
        measured = own[0]
        start = [titles[measured.features.identity]]
        arms = grouped(own, lambda one: (one.trained_on.identity, one.arm, repr(one.settings))).values()
        rows += [[*start, *_arm(group, places, further)] for group in arms]
        for name, accuracy in baselines_of(own).items():
            cells = [signed(_steerability(accuracy, places)), *shares([accuracy], places)]
            rows.append([*start, name, *cells, MISSING, measured.n_queries, *shares([accuracy], further)])
    named = {tuple(one.profile.titles) for one in evaluations}
    called = dict(zip(levels, first.profile.titles if len(named) == 1 else levels, strict=True))
    shown, last = ([f"{called[level]}@{at}" for level, at in group] for group in (places, further))
    return Table(
        "evaluations",
        f"k-NN accuracy in %, protocol {first.protocol}, k = {first.k}; S with its SD over seeds, of a "
        "single one with its 95 % interval over queries",
        ["features", "arm", "S", *shown, "seeds", "queries", *last],
        rows,
        left=2,
    )


def _arm(group: "Sequence[Evaluation]", places: Places, further: Places) -> list[object]:
    """One arm's cells; heads that were trained on another set say so."""
    first = group[0]
    values = [one.steerability.s for one in group]
    alone = f" {interval(first.steerability.intervals['S'], 3)}" if len(group) == 1 else ""
    moved = first.trained_on.identity != first.features.identity
    source = f" (trained on {first.trained_on.corpus}/{first.trained_on.name})" if moved else ""
    cells, last = (shares([one.accuracy for one in group], which) for which in (places, further))
    return [first.arm + source, mean_sd(values) + alone, *cells, len(group), first.n_queries, *last]


def _steerability(accuracy: Accuracy, places: Places) -> float:
    short_coarse, full_coarse, short_fine, full_fine = (accuracy[length][level] for level, length in places)
    return (short_coarse - full_coarse) + (full_fine - short_fine)


def held_out_lines(heads: "Sequence[Head]", levels: Sequence[str], n_rows: int) -> list[str]:
    """How often the full length of each arm is right on rows that training held out, means over seeds.

    These rows ask each other alone, so that a class with few of them is hardly ever found; that is said.

    Args:
        n_rows: of the training split.
    """
    lines, are_few = [], False
    for own in grouped(heads, lambda head: head.arm).values():
        documents = [head.document for head in own if head.document.history]
        if not documents:
            continue
        epochs = [one.history[(one.best_epoch or len(one.history)) - 1] for one in documents]
        right = [
            f"{name} [L{level}] right {percent(mean(epoch.validation[f'L{level}'] for epoch in epochs), 1)}"
            for level, name in enumerate(levels)
        ]
        lines.append(
            f"  {own[0].arm}: at {own[0].dims[-1]} numbers, {listed(right)} of held-out training rows"
        )
        held_out = n_rows * documents[0].settings.get("holdout", 0.0)
        are_few = are_few or held_out < ENOUGH * len(documents[0].classes[-1])
    if are_few:
        lines.append(
            "  Held-out rows ask each other, and so few of a class are seldom found: test rows tell more"
        )
    return lines


def capacity_lines(capacity: "Capacity", levels: Sequence[str]) -> list[str]:
    """Which length each level was given, and its capacity curve."""
    lines = []
    for level, (name, curve) in enumerate(zip(levels, capacity.accuracy, strict=True)):
        shown = ", ".join(f"{length} {percent(share, 1)}" for length, share in curve.items())
        lines.append(f"  {name} [L{level}] has {capacity.chosen[level]} numbers; right by length: {shown}")
    return lines


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
