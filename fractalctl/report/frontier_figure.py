"""The frontier drawn: what each arm gains at which leakage, with labels that never lie on each other."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fractalctl.documents.compare import ArmsCompared, MeanValue, PlaceCompared
from fractalctl.report.figures import frame, look, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "short_coarse": "{coarse} at the shortest prefix (%)",
    "full_fine": "{fine} at full length (%)",
    "kept_64": "neighbours kept by a shortlist of 64 (%)",
}
"""What is drawn over leakage, with the name of its axis."""
ROOM = 0.06
"""Height of a line of labels, as a share of the axis."""
ARROW = {"arrowstyle": "-", "linewidth": 0.5, "color": "0.6", "shrinkA": 1, "shrinkB": 3, "relpos": (0, 0.5)}
"""From the left end of a label, at half its height, to its point."""


def draw_frontier(document: ArmsCompared, places: Mapping[str, int] | None = None) -> "Figure":
    """A row of panels for each place: three criteria over leakage; arms on the frontier are filled.

    Args:
        document: arms side by side.
        places: of arms' labels, see `fractalctl.report.figures.look`; None: in the order of the document.
    """
    arms = dict.fromkeys(one.arm for place in document.places for one in place.arms)
    known = places or {arm: place for place, arm in enumerate(arms)}
    most = max(len(place.arms) for place in document.places)
    figure = new_figure(13.0, max(3.4, 0.8 + 0.15 * most) * len(document.places))
    grid = figure.subplots(len(document.places), len(PANELS), squeeze=False)
    for row, place in zip(grid, document.places, strict=True):
        for axes, (measure, name) in zip(row, PANELS.items(), strict=True):
            _panel(axes, place, measure, known)
            levels = dict(zip(("coarse", "fine"), place.titles or place.levels, strict=True))
            xlabel = f"leakage: {(place.titles or place.levels)[1]} by a linear probe of the prefix (%)"
            frame(axes, title=place.label, xlabel=xlabel, ylabel=name.format(**levels))
    return figure


def _panel(axes: "Axes", place: PlaceCompared, measure: str, places: Mapping[str, int]) -> None:
    """One criterion over leakage: means with 95 % intervals over seeds, labels in a column beside."""
    ends: list[tuple[float, float, str, str]] = []
    for one in place.arms:
        x, y = one.measures["leakage"], one.measures[measure]
        style = look(places[one.arm])
        colour, fill = style["color"], "white" if one.dominated_by else style["color"]
        marks: dict[str, Any] = {"color": colour, "marker": style["marker"], "markerfacecolor": fill}
        marks |= {"markersize": 6, "elinewidth": 0.8, "linestyle": "none"}
        axes.errorbar(100 * x.mean, 100 * y.mean, yerr=_bars(y), xerr=_bars(x), **marks)
        ends.append((100 * x.mean, 100 * y.mean, one.arm, colour))
    axes.margins(0.08)
    label_beside(axes, ends)


def label_beside(axes: "Axes", points: Sequence[tuple[float, float, str, str]]) -> None:
    """Write names in a column right of a panel, none on another, each with a line to its point.

    Args:
        axes: with all else drawn; its range stays.
        points: x, y, name and colour.
    """
    low, high = axes.get_ylim()
    ordered = sorted(points, key=lambda point: point[1])
    heights = spaced([(y - low) / (high - low) for _, y, _, _ in ordered])
    for (x, y, name, colour), height in zip(ordered, heights, strict=True):
        words: dict[str, Any] = {"color": colour, "fontsize": 7, "va": "center"}
        axes.annotate(name, (x, y), (1.03, height), textcoords="axes fraction", arrowprops=ARROW, **words)
    axes.set_ylim(low, high)


def _bars(value: MeanValue) -> list[list[float]] | None:
    """Lengths of the two halves of an interval, in points."""
    if value.ci is None:
        return None
    return [[100 * (value.mean - value.ci[0])], [100 * (value.ci[1] - value.mean)]]


def spaced(wanted: Sequence[float], room: float = ROOM) -> list[float]:
    """Heights of labels, each as near to the rising one wanted as leaves room for all between 0 and 1.

    >>> [round(height, 3) for height in spaced([0.5, 0.5, 0.9], 0.1)]
    [0.45, 0.55, 0.9]
    """
    room = min(room, 1 / max(1, len(wanted) - 1))
    groups: list[tuple[float, int]] = []
    for height in wanted:
        groups.append((height, 1))
        while (
            len(groups) > 1 and _lowest(groups[-1], room) < _lowest(groups[-2], room) + groups[-2][1] * room
        ):
            (above, several), (below, others) = groups.pop(), groups.pop()
            groups.append(((above * several + below * others) / (several + others), several + others))
    return [_lowest(group, room) + place * room for group in groups for place in range(group[1])]


def _lowest(group: tuple[float, int], room: float) -> float:
    """Height of the lowest label of a group around its mean height, all of them between 0 and 1."""
    middle, count = group
    return min(max(middle - (count - 1) * room / 2, 0.0), 1 - (count - 1) * room)
