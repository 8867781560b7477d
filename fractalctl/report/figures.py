"""Figures of evaluations, drawn through matplotlib's objects: no display, no global state."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.errors import MissingExtraError
from fractalctl.heads.supervision import STRATEGIES
from store.files import write_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
"""Colours that people with any colour vision can tell apart (Okabe and Ito, 2008)."""
MARKERS = ("o", "s", "v", "^", "D", "P", "X")
FORMATS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""File formats with the metadata to leave out, so that equal figures are equal files."""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of a size in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("drawing figures", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: "Figure", path: Path) -> list[Path]:
    """Write a figure as PNG (200 dots per inch) and PDF; the same figure gives the same bytes.

    Args:
        figure: what to write.
        path: without a suffix.
    """
    from matplotlib import rc_context

    written = []
    for kind, metadata in FORMATS.items():
        target = path.with_name(f"{path.name}.{kind}")
        # Type 42 embeds TrueType fonts; many publishers refuse the default, Type 3.
        with write_aside(target) as aside, rc_context({"pdf.fonttype": 42}):
            figure.savefig(aside, format=kind, dpi=200, bbox_inches="tight", metadata=metadata)
        written.append(target)
    return written


def in_order(strategies: Iterable[str]) -> list[str]:
    """Strategies in the order of the table of strategies, others after them as they come."""
    known = list(STRATEGIES)
    return sorted(
        dict.fromkeys(strategies), key=lambda name: known.index(name) if name in known else len(known)
    )


def _look(strategy: str) -> dict[str, Any]:
    """The colour and marker of a strategy, the same in every figure."""
    known = list(STRATEGIES)
    place = known.index(strategy) if strategy in known else len(known) - 1
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def prefix_accuracy(groups: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> "Figure":
    """Accuracy against prefix length: a row per group, the coarsest level and the finest side by side.

    Lines are of v5 and mrl where one of them is there, else of every strategy. Points are means over
    seeds, bars 95 % confidence intervals of the mean (Student's t).

    Args:
        groups: (name, evaluation documents of one corpus, encoder and protocol).
    """
    figure = new_figure(8.0, 0.6 + 2.5 * len(groups))
    lines: dict[str, Any] = {}
    grid = figure.subplots(len(groups), 2, squeeze=False)
    for row, (name, documents) in zip(grid, groups, strict=True):
        levels = list(next(iter(documents[0]["accuracy"].values())))
        for axes, level in zip(row, (levels[0], levels[-1]), strict=True):
            lines |= _accuracy_lines(axes, documents, level)
            axes.set(title=f"{name}, {level}", xlabel="dimensions", ylabel="k-NN accuracy (%)")
    figure.legend(
        list(lines.values()), list(lines), loc="outside upper center", ncols=len(lines), frameon=False
    )
    return figure


def _accuracy_lines(axes: "Axes", documents: Sequence[dict[str, Any]], level: str) -> dict[str, Any]:
    """Draw a line per strategy; gives what stands for each in a legend."""
    dims = documents[0]["dims"]
    lines: dict[str, Any] = {}
    strategies = in_order(document["strategy"] for document in documents)
    for strategy in [name for name in ("v5", "mrl") if name in strategies] or strategies:
        chosen = [one["accuracy"] for one in documents if one["strategy"] == strategy]
        values = 100 * np.array([[table[str(dimension)][level] for dimension in dims] for table in chosen])
        look = _look(strategy)
        lines[strategy] = axes.errorbar(dims, values.mean(axis=0), half_width(values), capsize=3, **look)
    axes.set_xticks(dims)
    axes.grid(alpha=0.3)
    return lines


def half_width(values: np.ndarray) -> np.ndarray | None:
    """Half of the 95 % interval of the mean (Student's t) over the first axis; None for one value."""
    from scipy.stats import t

    seeds = len(values)
    if seeds < 2:
        return None
    return t.ppf(0.975, seeds - 1) * values.std(axis=0, ddof=1) / np.sqrt(seeds)


def steerability_bars(groups: Sequence[tuple[str, dict[str, list[float]]]]) -> "Figure":
    """Mean S per corpus and strategy, every seed a dot; bars are 95 % confidence intervals of the mean.

    Args:
        groups: (corpus, {strategy: S of each seed}).
    """
    strategies = in_order(name for _, values in groups for name in values)
    figure = new_figure(min(11.0, max(4.5, 2.2 + 0.5 * len(groups) * len(strategies))), 3.2)
    axes = figure.subplots()
    width = 0.8 / len(strategies)
    for place, strategy in enumerate(strategies):
        offset = (place - (len(strategies) - 1) / 2) * width
        held = [
            (x + offset, np.array(values[strategy]))
            for x, (_, values) in enumerate(groups)
            if strategy in values
        ]
        look = {"color": _look(strategy)["color"], "label": strategy}
        for x, seeds in held:
            half = half_width(seeds[:, None])
            axes.bar(x, seeds.mean(), width * 0.9, **look)
            axes.errorbar(x - width / 6, seeds.mean(), half, color="black", capsize=2, linewidth=1)
            axes.plot(np.full(len(seeds), x + width / 6), seeds, "k.", markersize=3.5)
            look["label"] = None
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(
        ylabel="steerability S",
        xticks=range(len(groups)),
        xticklabels=[name for name, _ in groups],
    )
    figure.legend(loc="outside right upper", frameon=False)
    return figure
