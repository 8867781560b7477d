"""Arms side by side: which of them no other one beats, as tables and drawn over leakage."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from fractalctl.documents.compare import ArmAtPlace, ArmsCompared, MeanValue, PlaceCompared, Untrained
from fractalctl.numbers import MISSING, listed, number, p_value, percent, signed, spread
from fractalctl.report.figures import COLOURS, frame, legend, mean_interval, new_figure, wrapped
from fractalctl.report.results import Results, slug
from fractalctl.report.writers import markdown_text
from fractalctl.statistics.side_by_side import FLOAT32_BYTES
from fractalctl.tables import Explorer, Part, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "short_coarse": "{coarse} at the shortest prefix (%)",
    "full_fine": "{fine} at full length (%)",
    "leakage": "leakage: {fine} by a linear probe of the prefix (%), less is better",
    "kept_64": "neighbours kept by a shortlist of 64 (%)",
}
"""The criteria as they are drawn, with the name of each axis."""
ORDER = 35
SHARES = ("short_coarse", "short_fine", "full_coarse", "full_fine")
DETAILS = ("seeds", "kept 1 %", "R@1 cascade", "R@1 full", "bytes", "head kB")
"""Columns that a terminal has no room for."""
NAMES = {
    "S": "S", "lossless_S": "lossless S", "short_coarse": "coarse, prefix", "full_fine": "fine, whole",
    "leakage": "leakage", "kept_64": "kept",
}  # fmt: skip
"""What tables call the measures that arms are tested and ranked by."""
EXPLAINED = (
    "Leakage is what a linear probe of the shortest prefix tells of the finest class; kept, the share of "
    "queries whose nearest neighbour at full length survives a shortlist by that prefix; cost, multiply-adds "
    "over those of full search. An arm is on the frontier where no other one is at least as good in coarse "
    "accuracy of the prefix, fine accuracy of the whole, leakage (less is better) and kept (64), and better "
    "in one, by means over seeds; 'maybe' is beaten by no more than chance, or by too few seeds to tell. "
    "Lossless S is S less what the arm falls short of the best flat classifier of the coarsest level (at the "
    "shortest prefix) and of the finest (at full length)."
)


def draw_frontier(document: ArmsCompared) -> "Figure":
    """A row of panels for each place, one for each criterion, in it a line for each arm.

    Arms on the frontier are on top, those that leak least first. Dashed lines are the backbone cut, dotted
    ones its principal components.
    """
    most = max(len(place.arms) for place in document.places)
    figure = new_figure(12.0, (1.2 + 0.2 * most) * len(document.places))
    grid = figure.subplots(len(document.places), len(PANELS), squeeze=False, sharey="row")
    for row, place in zip(grid, document.places, strict=True):
        levels = dict(zip(("coarse", "fine"), place.titles or place.levels, strict=True))
        arms = sorted(place.arms, key=lambda one: (bool(one.dominated_by), one.measures["leakage"].mean))
        for axes, (measure, name) in zip(row, PANELS.items(), strict=True):
            _panel(axes, arms, measure)
            for one, style in zip(_alike(place), ("--", ":"), strict=False):
                if measure in one.measures:
                    axes.axvline(100 * one.measures[measure], color="0.4", linestyle=style, label=one.name)
            frame(axes, xlabel=name.format(**levels))
        row[0].set_yticks(range(len(arms)), labels=[wrapped(one.arm) for one in arms], fontsize="small")
        row[0].set(ylim=(len(arms) - 0.5, -0.5), title=place.label)
    legend(figure)
    return figure


def _alike(place: PlaceCompared) -> list[Untrained]:
    """What needs no training, where all arms have its lengths."""
    return place.untrained if len({tuple(one.dims) for one in place.arms}) == 1 else []


def _panel(axes: "Axes", arms: Sequence[ArmAtPlace], measure: str) -> None:
    """One criterion: means with 95 % intervals over seeds; arms on the frontier are filled."""
    for place, one in enumerate(arms):
        value, colour = one.measures[measure], "0.45" if one.dominated_by else COLOURS[0]
        style: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 5, "capsize": 2}
        style["markerfacecolor"] = "white" if one.dominated_by else colour
        axes.errorbar(100 * value.mean, place, xerr=_bars(value), linestyle="none", **style)


def _bars(value: MeanValue) -> list[list[float]] | None:
    """Lengths of the two halves of an interval, in points."""
    if value.ci is None:
        return None
    return [[100 * (value.mean - value.ci[0])], [100 * (value.ci[1] - value.mean)]]


def build(results: Results) -> Section | None:
    """The report's part on the frontier."""
    parts = [part for one in results.compared for part in _parts(one)]
    return Section("The frontier", [EXPLAINED, Explorer(results.compared), *parts], ORDER) if parts else None


def _parts(document: ArmsCompared) -> list[Part]:
    named = {name for place in document.places for name in (place.label, *(one.arm for one in place.arms))}
    notes = [markdown_text(f"{_begun(note, named)}.") for note in document.notes]
    return [*tables(document), *notes, *(_picture(place, document) for place in document.places)]


def _begun(note: str, named: Collection[str]) -> str:
    """A note as a sentence; what begins with a name stays as it is."""
    return note if note.startswith(tuple(named)) else f"{note[:1].upper()}{note[1:]}"


def _picture(place: PlaceCompared, document: ArmsCompared) -> Picture:
    """One place, every criterion."""
    caption = (
        f"{place.label}, protocol {document.protocol}: the four criteria of the frontier. Arms on it are "
        "filled and stand on top, those that leak least first. Means with 95 % intervals over seeds; lines: "
        "the backbone cut (dashed) and its principal components (dotted)."
    )
    best = [one.arm for one in place.arms if not one.dominated_by]
    alt = f"The frontier of {place.label}: {len(best)} of {len(place.arms)} arms are on it ({listed(best)})."
    alone = msgspec.structs.replace(document, places=[place])
    name = slug(f"frontier-{place.label}-{_where(document)}")
    return Picture(name, caption, lambda: draw_frontier(alone), alt)


def _where(document: ArmsCompared) -> str:
    backbones = dict.fromkeys(place.backbone or "" for place in document.places)
    return slug("-".join([*backbones, document.protocol]))


def tables(document: ArmsCompared) -> list[Table]:
    """Arms at every place, then tests against the reference, then ranks over corpora."""
    found = [_place(place, document) for place in document.places]
    found += [_tests(document)] if document.tests else []
    return [*found, *([_rankings(document)] if any(one.p is not None for one in document.rankings) else [])]


def brief_tables(document: ArmsCompared) -> list[Table]:
    """The same as a terminal shows them."""
    return [table.in_brief() for table in tables(document)]


def _place(place: PlaceCompared, document: ArmsCompared) -> Table:
    """All arms at one place, each measure with half of its 95 % interval over seeds."""
    dims = {tuple(one.dims) for one in place.arms}
    short, full = (str(next(iter(dims))[end]) if len(dims) == 1 else words
                   for end, words in ((0, "short"), (-1, "full")))  # fmt: skip
    coarse, fine = place.titles or place.levels
    columns = [
        "arm", "frontier", "seeds", f"{coarse}@{short}", f"{fine}@{short}", f"{coarse}@{full}",
        f"{fine}@{full}", "S", "lossless S", "leakage", "kept 64", "kept 1 %", "R@1 cascade", "R@1 full",
        "cost", "bytes", "head kB",
    ]  # fmt: skip
    rows = [*map(_row, place.arms), *(_untrained_row(one, len(dims) > 1) for one in place.untrained)]
    called = dict(zip(place.levels, (coarse, fine), strict=True))
    sized = any(row[-1] != MISSING for row in rows)
    flat = [f"{called[one.level]} {percent(one.accuracy, 1)} ({one.source})" for one in place.references]
    caption = (
        f"{place.label}, {document.protocol}: {place.n_queries} queries, {place.n_reference} rows answer. "
        "In %, but S and cost; ± is half of the 95 % interval over seeds; R@1 and cost of a shortlist of 64. "
        f"Flat classifiers for lossless S: {', '.join(flat) or 'none'}. Bytes of a vector"
        f"{', kB of weights' if sized else ''}."
    )
    name = slug(f"frontier-{place.label}-{document.protocol}")
    brief = [column for column in columns if column not in (f"{coarse}@{full}", *DETAILS)]
    made = Table(name, caption, columns, rows, brief=brief, marks={"yes": "good"})
    return made if sized else made.without(["head kB"])


def _row(one: ArmAtPlace) -> list[object]:
    """One arm's cells."""
    standing = "yes" if not one.dominated_by else "no" if one.clearly else "maybe"
    size = MISSING if one.head_bytes is None else number(one.head_bytes / 1000, 0)
    shown = [_shown(one, name) for name in SHARES]
    shown += [_shown(one, name, 1, 3) for name in ("S", "lossless_S")]
    shown += [_shown(one, name) for name in ("leakage", "kept_64", "kept_1%", "cascade_64", "recall_at_1")]
    cost = number(one.measures["cost_64"].mean)
    return [one.arm, standing, len(one.seeds), *shown, cost, one.bytes_per_vector, size]


def _untrained_row(one: Untrained, several: bool) -> list[object]:
    """What training has to beat; with its lengths where arms of several stand in the table."""
    name = f"{one.name} to {listed([*map(str, one.dims)])}" if several else one.name
    shown = [number(100 * one.measures[share], 1) for share in SHARES]
    size = FLOAT32_BYTES * one.dims[-1]
    return [name, *[MISSING] * 2, *shown, signed(one.measures["S"]), *[MISSING] * 7, size, MISSING]


def _shown(one: ArmAtPlace, name: str, scale: float = 100, decimals: int = 1) -> str:
    """A measure with half of its interval."""
    if name not in one.measures:
        return MISSING
    value = one.measures[name]
    limits = mean_interval(value.values)
    half = None if limits is None else scale * (limits[1] - value.mean)
    return spread(scale * value.mean, half, decimals, sign=scale == 1)


def _tests(document: ArmsCompared) -> Table:
    """Differences from the reference with adjusted p values: a row for each place and arm."""
    found = {(one.label, one.a, one.metric): one for one in document.tests}
    rows = []
    for label, arm in dict.fromkeys((one.label, one.a) for one in document.tests):
        row: list[object] = [label, arm]
        for metric in NAMES:
            test = found.get((label, arm, metric))
            row.append(MISSING if test is None else _difference(test.difference, test.p_adjusted, metric))
        rows.append(row)
    caption = (
        f"Every arm less {document.reference}, mean over paired seeds, with the p of a paired t test, "
        "adjusted by Holm over the arms of a corpus. In points, but S."
    )
    name = f"frontier-tests-{_where(document)}"
    return Table(name, caption, ["where", "arm", *NAMES.values()], rows, left=2, folded=True)


def _difference(value: float, p: float | None, metric: str) -> str:
    shown = signed(value) if metric in ("S", "lossless_S") else signed(100 * value, 1)
    return f"{shown} ({p_value(p)})"


def _rankings(document: ArmsCompared) -> Table:
    """Mean ranks of arms over corpora, Friedman's test and the critical difference."""
    ranked = [one for one in document.rankings if one.statistic is not None]
    arms = list(dict.fromkeys(arm for one in ranked for arm in one.arms))
    rows: list[Sequence[object]] = []
    for one in ranked:
        ranks = dict(zip(one.arms, one.mean_ranks, strict=True))
        cells = [number(ranks.get(arm)) for arm in arms]
        tested = [p_value(one.p), number(one.critical_difference)]
        rows.append([NAMES[one.measure], len(one.corpora), *tested, *cells])
    caption = (
        "Mean rank of each arm over corpora, 1 the best; p of Friedman's test; mean ranks that differ by the "
        f"critical difference (Nemenyi, {document.alpha}) differ significantly."
    )
    columns = ["by", "corpora", "p", "CD", *arms]
    brief = None if len(arms) <= 12 else columns[:4]
    return Table(f"frontier-ranks-{_where(document)}", caption, columns, rows, brief=brief, folded=True)
