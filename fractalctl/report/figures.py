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
FORMATS = ("png", "pdf")


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
    written = []
    for kind in FORMATS:
        target = path.with_name(f"{path.name}.{kind}")
        metadata = {"CreationDate": None} if kind == "pdf" else {"Software": None}
        with write_aside(target) as aside:
            figure.savefig(aside, format=kind, dpi=200, metadata=metadata)
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


def prefix_accuracy(documents: Sequence[dict[str, Any]], title: str) -> "Figure":
    """Accuracy against prefix length, the coarsest level and the finest side by side, a line per strategy.

    Points are means over seeds, bars 95 % confidence intervals of the mean (Student's t).

    Args:
        documents: evaluation documents of one corpus, backbone and protocol.
        title: of the whole figure.
    """
    figure = new_figure(8.0, 3.2)
    dims = documents[0]["dims"]
    levels = list(documents[0]["accuracy"][str(dims[0])])
    panels = zip(figure.subplots(1, 2), (levels[0], levels[-1]), ("coarse", "fine"), strict=True)
    for axes, level, name in panels:
        for strategy in in_order(document["strategy"] for document in documents):
            chosen = [document["accuracy"] for document in documents if document["strategy"] == strategy]
            values = np.array([[table[str(dimension)][level] for dimension in dims] for table in chosen])
            _line(axes, dims, 100 * values, strategy)
        axes.set(title=f"{name} ({level})", xlabel="dimensions", ylabel="k-NN accuracy (%)", xticks=dims)
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.suptitle(title, fontsize="medium")
    return figure


def _line(axes: "Axes", dims: Sequence[int], values: np.ndarray, strategy: str) -> None:
    """Mean and interval of (seeds, J) values."""
    half = _half_width(values)
    axes.errorbar(dims, values.mean(axis=0), yerr=half, label=strategy, capsize=3, **_look(strategy))


def _half_width(values: np.ndarray) -> np.ndarray | None:
    """Half of the 95 % confidence interval of the mean over the first axis; None for one value."""
    from scipy.stats import t

    seeds = len(values)
    if seeds < 2:
        return None
    return t.ppf(0.975, seeds - 1) * values.std(axis=0, ddof=1) / np.sqrt(seeds)


def steerability_bars(groups: Sequence[tuple[str, dict[str, list[float]]]], title: str) -> "Figure":
    """Mean S per corpus and strategy, every seed a dot; bars are 95 % confidence intervals of the mean.

    Args:
        groups: (corpus, {strategy: S of each seed}).
        title: of the figure.
    """
    strategies = in_order(name for _, values in groups for name in values)
    figure = new_figure(max(4.5, 2.2 + 0.5 * len(groups) * len(strategies)), 3.2)
    axes = figure.subplots()
    width = 0.8 / len(strategies)
    for place, strategy in enumerate(strategies):
        offset = (place - (len(strategies) - 1) / 2) * width
        held = [
            (x + offset, np.array(values[strategy]))
            for x, (_, values) in enumerate(groups)
            if strategy in values
        ]
        for number, (x, seeds) in enumerate(held):
            label = strategy if number == 0 else None
            colour = _look(strategy)["color"]
            axes.bar(
                x,
                seeds.mean(),
                width * 0.9,
                yerr=_half_width(seeds[:, None]),
                capsize=3,
                color=colour,
                label=label,
            )
            axes.plot(
                np.full(len(seeds), x), seeds, linestyle="none", marker=".", color="black", markersize=4
            )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(
        title=title,
        ylabel="steerability S",
        xticks=range(len(groups)),
        xticklabels=[name for name, _ in groups],
    )
    figure.legend(loc="outside right upper", frameon=False)
    return figure
