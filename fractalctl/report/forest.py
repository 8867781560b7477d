"""A forest plot: the effect on each corpus, the pooled effect, and what to expect of a new corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fractalctl.documents.pooled import CorpusEffect, Meta
from fractalctl.numbers import interval, number, percent
from fractalctl.report.figures import COLOURS, new_figure, save_figure, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREY = COLOURS[0], COLOURS[2], "#555555"
NORMAL_QUANTILE = 1.959964
FONT_SIZE = 8
NUMBERS_END, WEIGHTS_END = 92, 126
"""Points right of the axes at which the columns of numbers end."""


def draw_forest(meta: Meta, path: Path) -> list[Path]:
    """Draw `forest_figure` as PNG and PDF, whichever of both suffixes the path has; gives the two files.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return save_figure(forest_figure(meta), path)


def forest_figure(meta: Meta) -> "Figure":
    """Effects pooled over corpora as a forest plot.

    Squares are the effects, their area the weight in the pooled effect; bars are 95 % intervals; the diamond
    is the pooled effect with its interval, the bar below it the prediction interval.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = new_figure(4.6, 1.2 + 0.24 * len(meta.effects))
    figure.set_layout_engine("none")  # the labels stand outside of the axes on purpose
    _draw(figure.add_subplot(), meta)
    return figure


def _draw(axes: "Axes", meta: Meta) -> None:
    pooled_row = len(meta.effects) + 0.4
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(meta.pooled, color=VERMILION, linewidth=0.8, linestyle=(0, (4, 3)))
    for row, (effect, weight) in enumerate(zip(meta.effects, meta.weights, strict=True)):
        limits = _limits(effect)
        axes.plot(limits, [row, row], color=BLUE, linewidth=1.2)
        size = 70 * weight / max(meta.weights)
        axes.scatter([effect.effect], [row], s=size, marker="s", color=BLUE, zorder=3)
        _write(axes, row, effect.label, effect.effect, limits, weight)
    low, high = meta.ci
    across = [low, meta.pooled, high, meta.pooled]
    axes.fill(across, [pooled_row + up for up in (0, -0.3, 0, 0.3)], color=VERMILION, zorder=3)
    _write(axes, pooled_row, "pooled", meta.pooled, meta.ci, None, bold=True)
    bottom = pooled_row
    if meta.prediction_interval:
        bottom += 1
        axes.plot(meta.prediction_interval, [bottom] * 2, color=GREY, linewidth=3, solid_capstyle="butt")
        _write(axes, bottom, "prediction interval", None, meta.prediction_interval, None)
    _frame(axes, meta, bottom)


def _limits(effect: CorpusEffect) -> tuple[float, float]:
    half = NORMAL_QUANTILE * effect.se
    return effect.effect - half, effect.effect + half


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
    shown = "" if value is None else f"{number(value)} "
    _beside(axes, row, label, 0, -6, **style)
    _beside(axes, row, f"{shown}{interval(limits)}", 1, NUMBERS_END, **style)
    if weight is not None:
        _beside(axes, row, percent(weight), 1, WEIGHTS_END, **style)


def _beside(axes: "Axes", row: float, text: str, edge: int, points: float, **style: Any) -> None:
    """Right-aligned text that ends so many points from the left (0) or right (1) edge of the axes."""
    style |= {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": FONT_SIZE}
    axes.annotate(text, (edge, row), (points, 0), xycoords=axes.get_yaxis_transform(), **style)


def _frame(axes: "Axes", meta: Meta, bottom: float) -> None:
    _beside(axes, -1, "d [95 % CI]", 1, NUMBERS_END, color=GREY)
    _beside(axes, -1, "weight", 1, WEIGHTS_END, color=GREY)
    axes.set_ylim(bottom + 0.6, -1.4)
    axes.set_yticks([])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=FONT_SIZE)
    what = f"paired Cohen's d, {meta.a} - {meta.b}   (random effects, I² = {percent(meta.i2)})"
    axes.set_xlabel(wrapped(what, 80), fontsize=FONT_SIZE)
