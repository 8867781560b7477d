"""Routing queries by their granularity."""

from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING

from fractalctl.numbers import MISSING, listed, number, percents, signed
from fractalctl.report.figures import draw_lines, frame, half_width, legend, look, new_figure
from fractalctl.report.metrics import SPREAD, Shown, metric_groups
from fractalctl.report.results import Group, Measured, Results
from fractalctl.tables import Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVEN = 0.5
"""The workload that tables show: as many coarse queries as fine ones."""


def _groups(results: Results) -> list[Group]:
    return metric_groups(results, "routing")


def _tables(results: Results) -> list[Table]:
    """What an even mix gains and saves, and where adaptive routing is ahead of the best full length."""
    rows = []
    for group in _groups(results):
        full = {arm: [_at_even(row, _own_full(row)) for row in group.of(arm)] for arm in group.arms}
        best = max(full, key=lambda arm: mean(full[arm]))
        for arm in group.arms:
            found = group.of(arm)
            adaptive = [_at_even(row, row.result.adaptive) for row in found]
            gains = [a - b for a, b in zip(adaptive, full[arm], strict=True)]
            length = number(_at_even(found[0], found[0].result.mean_dimension), 0)
            shares = [percents(adaptive), percents(full[arm]), percents(gains, sign=True)]
            over_best = percents([mean(adaptive) - mean(full[best])], sign=True)
            rows.append([group.name, arm, length, *shares, best, over_best, _ahead(found, group.of(best))])
    columns = ["where", "arm", "mean length", "adaptive", "own full length", "gain", "best at full length"]
    caption = (
        "Mixed accuracy in % where half of the queries are coarse, and its gain in points over the same arm "
        "at full length and over the arm that is best at full length; the shares of coarse queries at which "
        f"the mean adaptive curve is no worse than that arm's. {SPREAD.capitalize()}."
    )
    return (
        [Table("routing", caption, [*columns, "gain on it", "ahead for alpha"], rows, left=2)] if rows else []
    )


def _at_even(row: Measured, curve: Sequence[float]) -> float:
    return float(curve[row.result.alphas.index(EVEN)])


def _own_full(row: Measured) -> Sequence[float]:
    curve: Sequence[float] = row.result.fixed[str(row.result.full)].mixed
    return curve


def _ahead(ours: Sequence[Measured], theirs: Sequence[Measured]) -> str:
    """Where the mean adaptive curve is no worse than others' mean at full length; both are straight lines."""
    from fractalctl.measures.metrics.routing import ahead

    curves = [row.result.adaptive for row in ours], [_own_full(row) for row in theirs]
    adaptive, fixed = ((mean(one[0] for one in side), mean(one[-1] for one in side)) for side in curves)
    found = ahead(adaptive, fixed)
    return MISSING if found is None else " to ".join(number(limit) for limit in dict.fromkeys(found))


def _picture(group: Group, places: dict[str, int]) -> Picture:
    caption = (
        f"{group.name}. Left: what adaptive routing gains on the same arm at full length, by the share of "
        "coarse queries; a band is the 95 % confidence interval over seeds. Right: an even mix, accuracy "
        "against mean length; lines join fixed lengths, stars route adaptively; bars are 95 % confidence "
        "intervals of the mean."
    )
    gains = {arm: 100 * mean(_gains(row)[-1] for row in group.of(arm)) for arm in group.arms}
    said = listed([f"{signed(gain, 1)} points with {arm}" for arm, gain in gains.items()])
    alt = f"{group.name}: where all queries are coarse, the shortest prefix changes accuracy by {said}."
    return Picture(f"routing-{group.slug}", caption, lambda: _draw(group, places), alt)


def _gains(row: Measured) -> list[float]:
    """Adaptive routing less full length at every share of coarse queries."""
    return [ours - full for ours, full in zip(row.result.adaptive, _own_full(row), strict=True)]


def _draw(group: Group, places: dict[str, int]) -> "Figure":
    import numpy as np

    figure, mixes = new_figure(9.5, 3.6), {}
    by_workload, even = figure.subplots(1, 2)
    for arm in group.arms:
        found, colour = group.of(arm), look(places[arm])["color"]
        alphas, gains = found[0].result.alphas, 100 * np.array([_gains(row) for row in found])
        middle, half = gains.mean(axis=0), half_width(gains)
        by_workload.plot(alphas, middle, color=colour)
        if half is not None:
            by_workload.fill_between(
                alphas, middle - half, middle + half, color=colour, alpha=0.15, linewidth=0
            )
        dims = [int(length) for length in found[0].result.fixed]
        fixed = [[100 * _at_even(row, one.mixed) for one in row.result.fixed.values()] for row in found]
        mixes[arm] = dims, fixed
        adaptive = 100 * mean(_at_even(row, row.result.adaptive) for row in found)
        star = {"marker": "*", "markersize": 13, "linestyle": "none", "markeredgecolor": "black", "zorder": 3}
        even.plot(_at_even(found[0], found[0].result.mean_dimension), adaptive, color=colour, **star)
    draw_lines(even, mixes, places)
    frame(by_workload, zero=True, xlabel="share of coarse queries", ylabel="gain on full length (points)")
    ticks = sorted({length for dims, _ in mixes.values() for length in dims})
    frame(even, xlabel="mean dimensions per query", ylabel="mixed accuracy (%), half coarse", xticks=ticks)
    legend(figure)
    return figure


SHOWN = (
    Shown(
        "routing",
        "Routing",
        82,
        "Adaptive routing answers coarse queries at the shortest prefix and fine ones at the full length. "
        "alpha is the share of coarse queries; it is known here which query is which.",
        _tables,
        _groups,
        _picture,
    ),
)
