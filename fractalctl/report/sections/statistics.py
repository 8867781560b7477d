"""Tests of evaluations: arms against each other, pooled over corpora, what predicts S, other definitions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fractalctl.documents.pooled import Meta, Scaling
from fractalctl.documents.statistics import Statistics
from fractalctl.numbers import interval, number, p_phrase, percent, signed
from fractalctl.report import statistics_tables as of
from fractalctl.report.figures import COLOURS, frame, label_beside, new_figure, wrapped
from fractalctl.report.prose import notes, said
from fractalctl.report.results import Results, named, slug, where
from fractalctl.report.writers import markdown_text
from fractalctl.tables import Part, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("evaluations", "backbones")
"""Parts of a folder whose tests stand here; experiments have sections of their own."""
TABLES = (
    of.described_table, of.comparison_tables, of.equivalence_table, of.power_table, of.backbones_table,
    of.further_tests_table, of.query_table,
)  # fmt: skip
MOST_PAIRS = 4
"""Of arms, on which sentences and open tables can still be read."""
AXES = {
    "depth": "H(finest | coarsest), bits",
    "product": "H(finest | coarsest) x backbone's fine accuracy",
}
BLUE, VERMILION, GREY = COLOURS[0], COLOURS[2], "#555555"
NORMAL_QUANTILE = 1.959964
FONT_SIZE = 8
NUMBERS_END, WEIGHTS_END = 92, 126
"""Points right of a forest plot's axes at which the columns of numbers end."""


def build(results: Results) -> list[Section]:
    """The report's parts on tests, as far as something was tested; those that the user named come last."""
    known = [one for kind in KINDS for one in results.statistics if one.about and one.about.kind == kind]
    documents = [*known, *(one for one in results.statistics if one.about is None)]
    makers: dict[tuple[str, int], Callable[[Statistics], Iterable[Part]]] = {
        ("Comparisons", 40): _comparisons,
        ("Pooled over corpora", 50): _pooled,
        ("Scaling over corpora", 51): _scaling,
        ("Robustness of the measure", 52): _definitions,
    }
    made = {about: [part for one in documents for part in make(one)] for about, make in makers.items()}
    return [Section(title, parts, order) for (title, order), parts in made.items() if parts]


def _comparisons(document: Statistics) -> list[Part]:
    tables = [table for make in TABLES for table in make(document)]
    place = where(document) or "as they were named"
    lead = f"**{markdown_text(place)}.** {' '.join(said(document, 'methods'))}"
    remarks = notes(document)
    if tables and _many(document):
        caption = f"Notes on these tests, {len(remarks)}; {place}"
        told = Table(named(document, "notes"), caption, ["note"], [[note] for note in remarks], folded=True)
        folded = [replace(table, folded=True) for table in tables]
        return [lead, *of.signs_table(document), *folded, *([told] if remarks else [])]
    spoken = [*said(document, "comparisons"), *map(markdown_text, remarks)]
    return [lead, *spoken, *of.signs_table(document), *tables] if tables else []


def _many(document: Statistics) -> bool:
    """Whether there are too many pairs of arms for a sentence and an open table on each."""
    return len(of.pairs_of(document.comparisons)) > MOST_PAIRS


def _pooled(document: Statistics) -> list[Part]:
    pairs = [one.meta for one in document.over_corpora() if one.meta and one.meta.k > 1]
    if not pairs:
        return []
    tables = of.meta_tables(document, fewest=2)
    pictures = [_forest_picture(document, meta) for meta in pairs]
    if _many(document):
        folded = (replace(table, folded=True) for table in tables)
        drawn = (replace(picture, folded=True) for picture in pictures)
        return [*of.pooled_table(document), *drawn, *folded]
    return [*said(document, "pooled"), *tables, *pictures]


def _definitions(document: Statistics) -> list[Part]:
    found = document.robustness
    if found is None or len(found.units) < 2:
        return []
    note = [markdown_text(found.note)] if found.note else []
    return [*said(document, "definitions"), *note, *of.robustness_tables(document)]


def _scaling(document: Statistics) -> list[Part]:
    found = document.scaling
    if not found or found.n < of.FEWEST:
        return []
    caption = (
        f"Mean {found.metric} of {found.arm} per corpus, {where(document) or document.protocol}, against the "
        "depth of the label tree and its product with the accuracy of the backbone's own features."
    )
    top = max(found.points, key=lambda point: point.mean)
    alt = f"{caption} The largest mean is that of {top.label} ({signed(top.mean)})."
    picture = Picture(named(document, "scaling"), caption, lambda: _draw_scaling(found), alt)
    return [*said(document, "scaling"), *of.scaling_tables(document), picture]


def _draw_scaling(found: Scaling) -> "Figure":
    figure = new_figure(10.0, 3.6)
    for axes, (name, label) in zip(figure.subplots(1, 2, sharey=True), AXES.items(), strict=True):
        points = sorted(found.points, key=lambda point: point.mean)
        for point in points:
            axes.plot(getattr(point, name), point.mean, "o", color=COLOURS[0])
        rho = found.predictors[name].spearman
        title = f"rho = {number(rho.coefficient)}, {p_phrase(rho.p)}"
        frame(axes, zero=True, xlabel=label, title=title)
        axes.margins(0.1)
        label_beside(axes, [(getattr(point, name), point.mean, point.label, "black") for point in points])
    figure.axes[0].set_ylabel(wrapped(f"{found.metric} of {found.arm}", 40))
    return figure


def _forest_picture(document: Statistics, meta: Meta) -> Picture:
    caption = (
        f"Paired d of {meta.a} over {meta.b} per corpus and pooled, {where(document) or document.protocol}; "
        "bars are 95 % intervals, squares are as large as the corpus's weight, the grey bar is where a new "
        "corpus is to be expected."
    )
    name = named(document, f"forest-{slug(meta.a)}-{slug(meta.b)}")
    above = sum(one.effect > 0 for one in meta.effects)
    alt = (
        f"{meta.a} over {meta.b}: the effect is above zero on {above} of {len(meta.effects)} corpora; "
        f"pooled d {number(meta.pooled)}, 95 % interval {interval(meta.ci)}."
    )
    return Picture(name, caption, lambda: forest_figure(meta), alt)


def forest_figure(meta: Meta) -> "Figure":
    """The effect on each corpus, the pooled effect, and what to expect of a new corpus.

    Squares are the effects, their area the weight in the pooled effect; bars are 95 % intervals; the diamond
    is the pooled effect with its interval, the bar below it the prediction interval.

    Raises MissingExtraError: matplotlib is not installed.
    """
    figure = new_figure(4.6, 1.2 + 0.24 * len(meta.effects))
    figure.set_layout_engine("none")  # the labels stand outside of the axes on purpose
    _draw_forest(figure.add_subplot(), meta)
    return figure


def _draw_forest(axes: "Axes", meta: Meta) -> None:
    pooled_row = len(meta.effects) + 0.4
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(meta.pooled, color=VERMILION, linewidth=0.8, linestyle=(0, (4, 3)))
    for row, (effect, weight) in enumerate(zip(meta.effects, meta.weights, strict=True)):
        half = NORMAL_QUANTILE * effect.se
        limits = effect.effect - half, effect.effect + half
        axes.plot(limits, [row, row], color=BLUE, linewidth=1.2)
        size = 70 * weight / max(meta.weights)
        axes.scatter([effect.effect], [row], s=size, marker="s", color=BLUE, zorder=3)
        _write(axes, row, effect.label, effect.effect, limits)
        _beside(axes, row, percent(weight), 1, WEIGHTS_END)
    low, high = meta.ci
    across = [low, meta.pooled, high, meta.pooled]
    axes.fill(across, [pooled_row + up for up in (0, -0.3, 0, 0.3)], color=VERMILION, zorder=3)
    _write(axes, pooled_row, "pooled", meta.pooled, meta.ci, fontweight="bold")
    bottom = pooled_row
    if meta.prediction_interval:
        bottom += 1
        axes.plot(meta.prediction_interval, [bottom] * 2, color=GREY, linewidth=3, solid_capstyle="butt")
        _write(axes, bottom, "prediction interval", None, meta.prediction_interval)
    _beside(axes, -1, "d [95 % CI]", 1, NUMBERS_END, color=GREY)
    _beside(axes, -1, "weight", 1, WEIGHTS_END, color=GREY)
    axes.set_ylim(bottom + 0.6, -1.4)
    axes.set_yticks([])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=FONT_SIZE)
    what = f"paired Cohen's d, {meta.a} - {meta.b}   (random effects, I² = {percent(meta.i2)})"
    axes.set_xlabel(wrapped(what, 80), fontsize=FONT_SIZE)


def _write(
    axes: "Axes", row: float, label: str, value: float | None, limits: Sequence[float], **style: Any
) -> None:
    """The label left of the axes, the numbers right of them, one line per row."""
    shown = "" if value is None else f"{number(value)} "
    _beside(axes, row, label, 0, -6, **style)
    _beside(axes, row, f"{shown}{interval(limits)}", 1, NUMBERS_END, **style)


def _beside(axes: "Axes", row: float, text: str, edge: int, points: float, **style: Any) -> None:
    """Right-aligned text that ends so many points from the left (0) or right (1) edge of the axes."""
    style |= {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": FONT_SIZE}
    axes.annotate(text, (edge, row), (points, 0), xycoords=axes.get_yaxis_transform(), **style)
