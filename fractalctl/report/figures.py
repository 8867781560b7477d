"""What all figures share: looks, intervals and files; matplotlib's objects, without global state."""

import base64
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fractalctl.errors import MissingExtraError
from fractalctl.numbers import listed, number
from fractalctl.tables import visible
from store.files import write_aside

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
"""Colours that people with any colour vision can tell apart (Okabe and Ito, 2008)."""
MARKERS = ("o", "s", "v", "^", "D", "P", "X")
STYLES = ("-", "--", ":", "-.")
FORMATS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""File formats with the metadata to leave out, so that equal figures are equal files."""
MOST_PANELS = 3
"""Side by side."""
MOST_LINES = 4
"""In one panel of small multiples, beside the baseline."""
APART = 0.012
"""How far the bars of neighbouring lines stand apart, as a share of the axis."""
ROOM = 0.06
"""Height of a line of labels, as a share of the axis."""
ARROW = {"arrowstyle": "-", "linewidth": 0.5, "color": "0.6", "shrinkA": 1, "shrinkB": 3, "relpos": (0, 0.5)}
"""From the left end of a label, at half its height, to its point."""

Lines = Mapping[str, tuple[Sequence[float], Sequence[Sequence[float]]]]
"""By label: n positions, and a row of n values for each seed; one row alone has no interval."""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of a size in inches; MissingExtraError if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("drawing figures", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


@contextmanager
def _as_written(figure: "Figure") -> Iterator[None]:
    """Have names stand as they are: matplotlib takes what is between two dollar signs for a formula.

    Letters that its font does not have are drawn as boxes, which is no news.
    """
    from matplotlib.text import Text

    axes = [axis for one in figure.axes for axis in (one.xaxis, one.yaxis) if axis.get_scale() == "log"]
    powers = {id(label) for axis in axes for label in axis.get_ticklabels(which="both")}
    for text in figure.findobj(Text):
        if isinstance(text, Text) and id(text) not in powers:
            text.set_parse_math(False)
            text.set_text(visible(text.get_text()))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


_BOXES: "WeakKeyDictionary[Figure, Bbox]" = WeakKeyDictionary()


def _laid_out(figure: "Figure") -> "Bbox":
    """Lay a figure out, once for all formats; gives the part of it that is drawn on, in inches."""
    if figure not in _BOXES:
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        _BOXES[figure] = figure.get_tightbbox().padded(0.1)
    return _BOXES[figure]


def figure_paths(path: Path) -> list[Path]:
    """Where `save_figure` writes a figure: beside a path, with or without one of the suffixes."""
    stem = path.with_suffix("") if path.suffix[1:] in FORMATS else path
    return [stem.with_name(f"{stem.name}.{kind}") for kind in FORMATS]


def save_figure(figure: "Figure", path: Path) -> list[Path]:
    """Write a figure as PNG (200 dots per inch) and PDF; the same figure gives the same bytes.

    Args:
        path: with or without one of the suffixes ``.png`` and ``.pdf``.
    """
    from matplotlib import rc_context

    written = figure_paths(path)
    for target, (kind, metadata) in zip(written, FORMATS.items(), strict=True):
        # Type 42 embeds TrueType fonts; many publishers refuse the default, Type 3.
        with write_aside(target) as aside, rc_context({"pdf.fonttype": 42}), _as_written(figure):
            figure.savefig(aside, format=kind, dpi=200, bbox_inches=_laid_out(figure), metadata=metadata)
    return written


def svg(figure: "Figure") -> str:
    """A figure as SVG in base64; its identifiers are fixed, so that equal figures are equal bytes."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "fractalctl"}), _as_written(figure):
        metadata = {"Date": None, "Creator": None}
        figure.savefig(stream, format="svg", bbox_inches=_laid_out(figure), metadata=metadata)
    return base64.b64encode(stream.getvalue()).decode()


def wrapped(text: str, width: int = 26) -> str:
    """A label on as many lines as it takes, broken where a part of it ends.

    >>> wrapped("v5-dims=4x8x12x16-epochs=2-learning_rate=0.01").splitlines()
    ['v5-dims=4x8x12x16-', 'epochs=2-', 'learning_rate=0.01']
    """
    lines = [""]
    for part in re.split(r"(?<=[-,/ ])", text):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def look(place: int) -> dict[str, Any]:
    """Colour, marker and line of one of many: seven colours, then the same with other lines."""
    colour, turn = COLOURS[place % len(COLOURS)], place // len(COLOURS)
    style = {
        "color": colour,
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": STYLES[turn % len(STYLES)],
    }
    return style | {"markerfacecolor": "white" if turn % 2 else colour}


def half_width(values: "np.ndarray") -> "np.ndarray | None":
    """Half of the 95 % interval of the mean (Student's t) over the first axis; None for one value."""
    import numpy as np
    from scipy.stats import t

    if len(values) < 2:
        return None
    half: np.ndarray = t.ppf(0.975, len(values) - 1) * values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return half


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of the mean (Student's t); None for less than two values."""
    import numpy as np

    half = half_width(np.array(values))
    return None if half is None else (float(np.mean(values) - half), float(np.mean(values) + half))


def line_panels(panels: Mapping[str, Lines], places: Mapping[str, int], xlabel: str, ylabel: str) -> "Figure":
    """Panels of lines through means over seeds, with 95 % confidence intervals of the mean (Student's t).

    Panels of a row have one range.

    Args:
        panels: lines by the title of their panel.
        places: of labels, see `look`; a label without one, such as a baseline's, is a grey line.
    """
    rows, across = -(-len(panels) // MOST_PANELS), min(len(panels), MOST_PANELS)
    figure = new_figure(1.6 + 3.4 * across, 0.4 + 2.7 * rows)
    grid = figure.subplots(rows, across, squeeze=False, sharey="row").ravel()
    for axes, (title, lines) in zip(grid, panels.items(), strict=False):
        draw_lines(axes, lines, places)
        frame(axes, zero=True, title=title, xlabel=xlabel, xticks=_ticks(lines))
    for axes in grid[::across]:
        axes.set_ylabel(wrapped(ylabel, 32))
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    legend(figure)
    return figure


def _ticks(lines: Lines) -> list[float]:
    return sorted({x for found, _ in lines.values() for x in found})


def row_panels(rows: Mapping[str, Lines], places: Mapping[str, int], xlabel: str, ylabel: str) -> "Figure":
    """Small multiples: a row for each title, and a few lines in each panel, the baseline in all of them.

    More panels than a page has room for stand below, in further rows for the same titles.

    Args:
        rows: lines by the title of their row; all panels of a title have one range.
        places: see `line_panels`.
    """
    labels = dict.fromkeys(label for lines in rows.values() for label in lines if label in places)
    few = [list(labels)[first : first + MOST_LINES] for first in range(0, len(labels), MOST_LINES)] or [[]]
    across, bands = min(len(few), MOST_PANELS), -(-len(few) // MOST_PANELS)
    figure = new_figure(1.3 + max(4.2, 2.9 * across), bands * (0.9 + 2.3 * len(rows)))
    grid = figure.subplots(len(rows) * bands, across, squeeze=False, sharex=True)
    for place, (title, lines) in enumerate(rows.items()):
        panels = grid[place :: len(rows)].ravel()
        for axes, members in zip(panels, few, strict=False):
            shown = {name: found for name, found in lines.items() if name not in places or name in members}
            if axes is not panels[0]:
                axes.sharey(panels[0])
            draw_lines(axes, shown, places)
            frame(axes, xticks=_ticks(lines), xlabel=xlabel if place == len(rows) - 1 else "")
            axes.tick_params(labelbottom=place == len(rows) - 1, labelleft=axes in panels[::across])
        for axes in panels[::across]:
            axes.set_ylabel(f"{wrapped(title, 24)}\n{wrapped(ylabel, 24)}")
        for axes in panels[len(few) :]:
            axes.set_axis_off()
    for axes, members in zip(grid[:: len(rows)].ravel(), few, strict=False):
        _legend_above(axes, members, places)
    return figure


def _legend_above(axes: "Axes", members: Sequence[str], places: Mapping[str, int]) -> None:
    """These lines, then those that have no place, such as a baseline's."""
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    others = [name for name in handles if name not in places]
    known = [name for name in (*members, *others) if name in handles]
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "frameon": False}
    axes.legend([handles[name] for name in known], [*map(wrapped, known)], fontsize="small", **above)


def highest(rows: Mapping[str, Lines]) -> str:
    """What lines show, in words: which is the highest in each row at its two ends; NaN is no value.

    >>> highest({"area": {"a": ([64, 256], [[90.0, 91.0]]), "b": ([64, 256], [[80.0, 95.0]])}})
    'area: the highest are a at 64 (90.0) and b at 256 (95.0).'
    """
    told = []
    for title, lines in rows.items():
        ends = dict.fromkeys(_ticks(lines)[end] for end in (0, -1))
        tops = []
        for end in ends:
            means = {
                label: mean(float(seed[list(x).index(end)]) for seed in seeds)
                for label, (x, seeds) in lines.items()
                if end in x
            }
            having = {label: value for label, value in means.items() if not isnan(value)}
            if having:
                top = max(having, key=lambda label: having[label])
                tops.append(f"{top} at {end:g} ({number(having[top], 1)})")
        if tops:
            told.append(f"{title}: the highest {'are' if len(tops) > 1 else 'is'} {listed(tops)}.")
    return " ".join(told)


def draw_lines(axes: "Axes", lines: Lines, places: Mapping[str, int]) -> None:
    """Lines in one panel, see `line_panels`; they stand apart a little, so that their bars can be told."""
    import numpy as np

    ends = [x for found, _ in lines.values() for x in found]
    step, first = APART * (max(ends) - min(ends)), (1 - len(lines)) / 2
    for turn, (label, (x, seeds)) in enumerate(lines.items()):
        values = np.array(seeds, dtype=float)
        if label in places:
            apart = np.array(x) + step * (first + turn)
            style = {"capsize": 2, "markersize": 4, "linewidth": 1.2, "elinewidth": 0.8} | look(places[label])
            axes.errorbar(apart, values.mean(axis=0), half_width(values), label=label, **style)
        else:
            axes.plot(x, values.mean(axis=0), color="0.45", linestyle="--", linewidth=1.2, label=label)


def intervals(
    groups: Mapping[str, Mapping[str, Sequence[float]]], places: Mapping[str, int], xlabel: str
) -> "Figure":
    """A panel for each group, in it a line for each name: the mean with its 95 % interval, every seed a dot.

    Args:
        groups: values by group (such as a corpus), then by name (such as an arm).
        places: of every name, see `look`.
        xlabel: what the values are.
    """
    import numpy as np

    names = [name for name in places if any(name in group for group in groups.values())]
    across = min(4, len(groups))
    rows = -(-len(groups) // across)
    figure = new_figure(1.5 + 2.6 * across, rows * (0.9 + 0.21 * len(names)))
    grid = figure.subplots(rows, across, squeeze=False, sharey=True, sharex=True).ravel()
    for axes, (title, group) in zip(grid, groups.items(), strict=False):
        frame(axes, title=title)
        axes.axvline(0, color="black", linewidth=0.8)
        for place, name in enumerate(names):
            if name not in group:
                continue
            values, style = np.array(group[name]), look(places[name])
            axes.plot(values, np.full(len(values), place), ".", color="0.6", markersize=4, zorder=1)
            style |= {"linestyle": "none", "capsize": 2, "markersize": 5, "zorder": 2}
            half = half_width(values[:, None])
            axes.errorbar(values.mean(), place, xerr=half, **style)
    grid[0].set_yticks(range(len(names)), labels=[*map(wrapped, names)])
    for axes in grid:
        axes.tick_params(axis="y", labelsize="small")
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    for axes in grid[len(groups) :]:
        axes.set_axis_off()
    for axes in grid[max(0, len(groups) - across) : len(groups)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel(xlabel, fontsize="medium")
    return figure


def frame(axes: "Axes", *, zero: bool = False, **named: Any) -> None:
    """Titles, labels and ticks of a panel, with a light grid, and a line at zero where that matters."""
    if zero:
        axes.axhline(0, color="black", linewidth=0.8)
    axes.grid(alpha=0.3)
    axes.set(**{name: wrapped(text, 32) if isinstance(text, str) else text for name, text in named.items()})


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


def legend(figure: "Figure") -> None:
    """One legend for all panels; what stands in several of them stands in it once."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    how: dict[str, Any] = {"loc": "outside right upper", "frameon": False, "fontsize": "small"}
    figure.legend(list(found.values()), list(map(wrapped, found)), **how)
