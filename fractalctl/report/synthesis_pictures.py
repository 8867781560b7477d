"""Pictures of synthetic hierarchies (paper, Figures 5 and 8)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.report.figures import COLOURS, MARKERS, new_figure
from fractalctl.report.measured import ARMS
from fractalctl.report.partitions import Experiment, entropy_of, means_of
from fractalctl.report.sections import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENTROPIES = {"h_l0": "H(L0), bits", "h_l1_given_l0": "H(L1|L0), bits"}
HALVES = {"delta_coarse": "coarse, L0@short - L0@full", "delta_fine": "fine, L1@full - L1@short"}


def curve_picture(one: Experiment) -> Picture:
    """S over coarse entropy with its parabola and vertex, the paper's beside it, and the halves of S."""
    panels = 3 if one.paper_curve else 2
    figure = new_figure(4.0 * panels, 3.8)
    axes = figure.subplots(1, panels)
    shown = [name for name in ARMS if name in one.strategies] or one.strategies
    for place, name in enumerate(shown):
        _points(axes[0], one, name, "S", place)
        _parabola(axes[0], one.curve(name), place)
    _vertex(axes[0], one.curve(shown[0]))
    _own_level(axes[0], one, shown[0])
    _frame(axes[0], one, "steerability S, here")
    if one.paper_curve:
        _paper(axes[1], one.paper["S"], one.paper_curve)
        _frame(axes[1], one, "steerability S, in the paper")
    for place, (measure, label) in enumerate(HALVES.items(), start=2):
        _points(axes[-1], one, shown[0], measure, place, label)
    _frame(axes[-1], one, f"halves of S, {shown[0]}")
    caption = (
        f"{one.where}: S over random partitions into K0 coarse classes. Small marks are partitions (means "
        "over training seeds), large ones the means of each K0; lines are parabolas through these, bands "
        "95 % of resampled partitions. The dashed line is the vertex, the grey strip its 95 % bootstrap "
        "interval; the star is the corpus's own coarse level (Figure 5)."
    )
    caption += " The paper's panel has another scale." if one.paper_curve else ""
    return Picture(f"figure-5-synthetic-{one.slug}", caption, figure)


def _points(
    axes: "Axes", one: Experiment, strategy: str, measure: str, place: int, label: str | None = None
) -> None:
    """Every partition, and the mean of each K0."""
    look: dict[str, Any] = {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": "none"}
    for size, partitions in one.sizes.items():
        values = means_of(partitions, strategy, measure)
        x = [partition["profile"]["h_l0"] for partition in partitions]
        axes.plot(x, values, markersize=3, alpha=0.5, **look)
        name = (label or strategy) if size == min(one.sizes) else None
        axes.plot(np.mean(x), np.mean(values), markersize=7, label=name, **look)


def _parabola(axes: "Axes", curve: Mapping[str, Any] | None, place: int) -> None:
    if curve is None:
        return
    band = curve["band"]
    axes.plot(band["x"], band["y"], color=COLOURS[place])
    if band["low"]:
        axes.fill_between(band["x"], band["low"], band["high"], color=COLOURS[place], alpha=0.15, linewidth=0)


def _vertex(axes: "Axes", curve: Mapping[str, Any] | None) -> None:
    """Where the parabola peaks, if it does so within the data."""
    if curve is None or curve["quadratic"]["kind"] != "maximum" or not curve["quadratic"]["inside"]:
        return
    axes.axvline(curve["quadratic"]["vertex"], color=COLOURS[0], linestyle="--", linewidth=1)
    if curve["bootstrap"]["ci"]:
        axes.axvspan(*curve["bootstrap"]["ci"], color="black", alpha=0.08, linewidth=0)


def _own_level(axes: "Axes", one: Experiment, strategy: str) -> None:
    natural = one.document["natural"]
    axes.plot(
        natural["profile"]["h_l0"], means_of([natural], strategy), marker="*", markersize=13,
        linestyle="none", markerfacecolor="none", markeredgecolor="black", label="own coarse level",
    )  # fmt: skip


def _paper(axes: "Axes", theirs: Mapping[str, Any], curve: Mapping[str, Any]) -> None:
    """The paper's Table 5, and the parabola through it."""
    x = [row["h_l0"] for row in theirs.values()]
    for place, name in enumerate(ARMS):
        look: dict[str, Any] = {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": "none"}
        axes.plot(x, [row[name] for row in theirs.values()], markersize=7, label=name, **look)
    _parabola(axes, curve, 0)
    _vertex(axes, curve)


def _frame(axes: "Axes", one: Experiment, name: str) -> None:
    """Bits below, numbers of coarse classes above."""
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel=ENTROPIES["h_l0"], ylabel=name)
    above = axes.secondary_xaxis("top")
    places = [entropy_of(partitions) for partitions in one.sizes.values()]
    above.set_xticks(places, labels=[str(size) for size in one.sizes])
    above.set_xlabel("K0")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, frameon=False, fontsize="small")


def entropies_picture(experiments: Sequence[Experiment]) -> Picture:
    """S of v5 over either entropy, random partitions and natural hierarchies together."""
    figure = new_figure(10.0, 3.8)
    for axes, (key, label) in zip(figure.subplots(1, 2, sharey=True), ENTROPIES.items(), strict=True):
        for place, one in enumerate(experiments):
            _corpus(axes, one, key, place)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set(xlabel=label)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("steerability S")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    first = experiments[0]
    caption = (
        f"{first.setting}: mean S over training seeds against both entropies. Lines join the means of "
        "random partitions of each K0, bars are standard deviations over partitions, stars are the corpora's "
        "own coarse levels. As both entropies sum to that of the "
        "finest classes, the two panels mirror each other for the random partitions of one corpus (Figure 8)."
    )
    return Picture(f"figure-8-entropies-{first.setting_slug}", caption, figure)


def _corpus(axes: "Axes", one: Experiment, key: str, place: int) -> None:
    strategy = one.strategies[0]
    groups = list(one.sizes.values())
    values = [means_of(group, strategy) for group in groups]
    middle, spread = (
        [np.mean(found) for found in values],
        [np.std(found, ddof=len(found) > 1) for found in values],
    )
    look: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)]}
    marker, corpus = MARKERS[place % len(MARKERS)], one.document["corpus"]
    x = [entropy_of(group, key) for group in groups]
    axes.errorbar(x, middle, spread, marker=marker, label=f"{corpus}, random", linewidth=1, capsize=3, **look)
    natural = one.document["natural"]
    axes.plot(
        natural["profile"][key], means_of([natural], strategy), marker="*", markersize=14, linestyle="none",
        markeredgecolor="black", label=f"{corpus}, own", **look,
    )  # fmt: skip
