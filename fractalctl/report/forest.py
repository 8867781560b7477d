"""A forest plot: the effect on each corpus, the pooled effect, and what to expect of a new corpus."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fractalctl.report.figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#555555"
"""Of the palette of Okabe and Ito, which people with any colour vision can tell apart."""

NORMAL_QUANTILE = 1.959964
FONT_SIZE = 8
NUMBERS_END, WEIGHTS_END = 92, 126
"""Points right of the axes at which the columns of numbers end."""

SUFFIXES = (".png", ".pdf")


def draw_forest(meta: Mapping[str, Any], path: Path) -> list[Path]:
    """Draw `forest_figure` as PNG and PDF.

    Args:
        meta: see there.
        path: where to draw, with or without one of the suffixes ``.png`` and ``.pdf``.

    Returns:
        The two files written.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return save_figure(forest_figure(meta), path.with_suffix("") if path.suffix in SUFFIXES else path)


def forest_figure(meta: Mapping[str, Any]) -> "Figure":
    """The block ``meta`` of ``stats.json`` as a forest plot.

    Squares are the effects, their area the weight in the pooled effect; bars are 95 % intervals; the
    diamond is the pooled effect with its interval, the bar below it the prediction interval.

    Args:
        meta: the block, as `fractalctl.statistics.analyse` makes it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = new_figure(4.6, 1.2 + 0.24 * len(meta["effects"]))
    figure.set_layout_engine("none")  # the labels stand outside of the axes on purpose
    _draw(figure.add_subplot(), meta)
    return figure


def _draw(axes: "Axes", meta: Mapping[str, Any]) -> None:
    effects, weights = meta["effects"], meta["weights"]
    pooled_row = len(effects) + 0.4
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(meta["pooled"], color=VERMILION, linewidth=0.8, linestyle=(0, (4, 3)))
    for row, (effect, weight) in enumerate(zip(effects, weights, strict=True)):
        _draw_effect(axes, row, effect, weight / max(weights))
        half = NORMAL_QUANTILE * effect["se"]
        _write(
            axes,
            row,
            effect["label"],
            effect["effect"],
            (effect["effect"] - half, effect["effect"] + half),
            weight,
        )
    _draw_diamond(axes, pooled_row, meta["pooled"], meta["ci"])
    _write(axes, pooled_row, "pooled", meta["pooled"], meta["ci"], None, bold=True)
    bottom = pooled_row
    if meta["prediction_interval"]:
        bottom += 1
        axes.plot(meta["prediction_interval"], [bottom] * 2, color=GREY, linewidth=3, solid_capstyle="butt")
        _write(axes, bottom, "prediction interval", None, meta["prediction_interval"], None)
    _frame(axes, meta, bottom)


def _limits(effect: Mapping[str, Any]) -> tuple[float, float]:
    half = NORMAL_QUANTILE * effect["se"]
    return effect["effect"] - half, effect["effect"] + half


def _draw_effect(axes: "Axes", row: float, effect: Mapping[str, Any], relative_weight: float) -> None:
    axes.plot(_limits(effect), [row, row], color=BLUE, linewidth=1.2)
    axes.scatter([effect["effect"]], [row], s=70 * relative_weight, marker="s", color=BLUE, zorder=3)


def _draw_diamond(axes: "Axes", row: float, centre: float, limits: Sequence[float]) -> None:
    low, high = limits
    axes.fill([low, centre, high, centre], [row, row - 0.3, row, row + 0.3], color=VERMILION, zorder=3)


def _write(
    axes: "Axes",
    row: float,
    label: str,
    value: float | None,
    limits: Sequence[float],
    weight: float | None,
    *,
    bold: bool = False,
) -> None:
    """The label left of the axes, the numbers right of them, one line per row."""
    style = {"fontweight": "bold"} if bold else {}
    number = "" if value is None else f"{value:.2f} "
    _beside(axes, row, label, 0, -6, **style)
    _beside(axes, row, f"{number}[{limits[0]:.2f}, {limits[1]:.2f}]", 1, NUMBERS_END, **style)
    if weight is not None:
        _beside(axes, row, f"{100 * weight:.0f} %", 1, WEIGHTS_END, **style)


def _beside(axes: "Axes", row: float, text: str, edge: int, points: float, **style: Any) -> None:
    """Right-aligned text that ends so many points from the left (0) or right (1) edge of the axes."""
    axes.annotate(
        text,
        (edge, row),
        (points, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=FONT_SIZE,
        **style,
    )


def _frame(axes: "Axes", meta: Mapping[str, Any], bottom: float) -> None:
    _beside(axes, -1, "d [95 % CI]", 1, NUMBERS_END, color=GREY)
    _beside(axes, -1, "weight", 1, WEIGHTS_END, color=GREY)
    axes.set_ylim(bottom + 0.6, -1.4)
    axes.set_yticks([])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=FONT_SIZE)
    heterogeneity = f"random effects, I² = {100 * meta['i2']:.0f} %"
    axes.set_xlabel(f"paired Cohen's d, {meta['a']} - {meta['b']}   ({heterogeneity})", fontsize=FONT_SIZE)
