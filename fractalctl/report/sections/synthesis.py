"""Synthetic hierarchies: steerability against coarse entropy."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from fractalctl.documents.estimates import Peak, Quadratic
from fractalctl.documents.experiments import PartitionResult, Synthesis
from fractalctl.numbers import MISSING, interval, listed, mean_sd, number, p_value, percent, signed
from fractalctl.report.figures import COLOURS, MARKERS, frame, legend, look, new_figure, wrapped
from fractalctl.report.results import Results, corpus_names, setting_of, slug
from fractalctl.report.sections.answer import protocol_in_words
from fractalctl.report.statistics_tables import pairs_table
from fractalctl.statistics.observations import grouped
from fractalctl.tables import Part, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORDER = 70
ENTROPIES = {"h_l0": "H(L0), bits", "h_l1_given_l0": "H(L1|L0), bits"}
HALVES = {"delta_coarse": "coarse, L0@short - L0@full", "delta_fine": "fine, L1@full - L1@short"}
STAR: dict[str, Any] = {"marker": "*", "markersize": 13, "linestyle": "none", "markeredgecolor": "black"}


def build(results: Results) -> Section | None:
    """The report's part on synthetic hierarchies."""
    found = results.syntheses
    if not found:
        return None
    text = (
        "The finest classes are divided at random into K0 coarse ones whose sizes differ by one at most; "
        "texts and finest classes stay the same. A partition's S is the mean over training seeds. Parabolas "
        "go through the means of each K0. An inverted U must rise at the smallest H(L0) and fall at the "
        "largest (Lind and Mehlum, 2010); the interval of its vertex resamples partitions."
    )
    parts: list[Part] = [text, *overview_tables(found)]
    tested = [one for one in results.statistics if one.about and one.about.kind == "synthesis"]
    parts += [table for one in tested for table in pairs_table(one)]
    parts += [_curve_picture(*pair, results.places) for pair in zip(_places(found), found, strict=True)]
    parts += [_entropies_picture(members) for members in grouped(found, setting_of).values()]
    return Section("Synthetic hierarchies", parts, ORDER)


def _places(found: Sequence[Synthesis]) -> list[str]:
    return [f"{name}, {setting_of(one)}" for name, one in zip(corpus_names(found), found, strict=True)]


def overview_tables(found: Sequence[Synthesis]) -> list[Table]:
    """S at each number of coarse classes, and the parabolas through it."""
    arms = list(dict.fromkeys(arm for one in found for arm in one.arms))
    sizes, curves = [], []
    for where, one in zip(_places(found), found, strict=True):
        for size, partitions in by_size(one).items():
            spreads = [mean_sd(means_of(partitions, arm)) for arm in arms]
            sizes.append([where, size, *_profile(partitions), *spreads])
        own = [[run.steerability.s for run in one.natural.runs if run.arm == arm] for arm in arms]
        sizes.append([where, f"own {one.natural.coarse}", *_profile([one.natural]), *map(mean_sd, own)])
        known = [(name, curve, curve.quadratic) for name, curve in one.curves.items()]
        curves += [[where, name, *_curve_cells(curve, fit)] for name, curve, fit in known if fit]
    caption = (
        "Steerability over random partitions into K0 coarse classes, mean ± standard deviation over "
        "partitions; 'own' is the corpus's own coarse level, over training seeds. Entropies in bits, on the "
        f"training rows; {', '.join(dict.fromkeys(map(protocol_in_words, found)))}."
    )
    columns = ["where", "K0", "H(L0)", "H(L1|L0)", "branch", *(f"{arm} S" for arm in arms)]
    made = [Table("synthetic", caption, columns, sizes)]
    caption = (
        "Parabolas through mean S over H(L0): where they turn (bits), with 95 % intervals from resampled "
        "partitions and from the fit; how many of the resamples have a maximum within the data; slopes in S "
        "per bit at the smallest and the largest H(L0), and the larger of their one-sided p values."
    )
    columns = ["where", "S of", "R²", "vertex", "K0 there", "bootstrap", "delta method", "inside"]
    columns += ["first slope", "last slope", "p (inverted U)"]
    return [*made, *([Table("synthetic-curves", caption, columns, curves, left=2)] if curves else [])]


def _profile(partitions: Sequence[PartitionResult]) -> list[str]:
    """Entropies and branching factor."""
    classes = partitions[0].profile.classes
    entropies = [mean(getattr(one.profile, key) for one in partitions) for key in ("h_l0", "h_l1_given_l0")]
    return [*map(number, entropies), number(classes[-1] / classes[0], 1)]


def _curve_cells(curve: Peak, fit: Quadratic) -> list[str]:
    bootstrap, slopes = curve.bootstrap, curve.slopes
    there = MISSING if fit.vertex is None or not 0 <= fit.vertex <= 30 else number(2**fit.vertex, 0)
    turns = number(fit.vertex) + (" (minimum)" if fit.kind == "minimum" else "")
    resampled = [interval(bootstrap.ci if bootstrap else None), interval(fit.vertex_ci)]
    inside = percent(bootstrap.share_inside if bootstrap else None)
    slope = [signed(slopes.low), signed(slopes.high), p_value(slopes.p)] if slopes else [MISSING] * 3
    return [number(fit.r2, 3), turns, there, *resampled, inside, *slope]


def _curve_picture(where: str, one: Synthesis, places: dict[str, int]) -> Picture:
    caption = (
        f"{where}: S over random partitions into K0 coarse classes. Small marks are partitions (means over "
        "training seeds), large ones the means of each K0; lines are parabolas through these, bands 95 % of "
        "resampled partitions. A dashed line is the vertex of a maximum, the strip its 95 % bootstrap "
        "interval; stars are the corpus's own coarse level. Right: the halves of S of the arm with the "
        "largest S."
    )
    tops = []
    for arm in one.arms:
        known = {size: means_of(found, arm) for size, found in by_size(one).items()}
        sizes = {size: mean(means) for size, means in known.items() if means}
        top = max(sizes, key=lambda size: sizes[size])
        tops.append(f"{arm} at {top} coarse classes ({signed(sizes[top])})")
    alt = f"{where}: S is largest with {listed(tops)}."
    return Picture(f"synthetic-{slug(where)}", caption, lambda: curve_figure(one, places), alt)


def _entropies_picture(found: Sequence[Synthesis]) -> Picture:
    names, setting = corpus_names(found), setting_of(found[0])
    caption = (
        f"{setting}: mean S over training seeds against both entropies, of the arm with the largest S. Lines "
        "join the means of random partitions of each K0, bars are standard deviations over partitions, "
        "stars are the corpora's own coarse levels. As both entropies sum to that of the finest classes, "
        "the two panels mirror each other for the random partitions of one corpus."
    )
    return Picture(f"synthetic-entropies-{slug(setting)}", caption, lambda: entropies_figure(found, names))


def by_size(one: Synthesis) -> dict[int, list[PartitionResult]]:
    """Partitions by number of coarse classes."""
    return grouped(one.partitions, lambda partition: partition.coarse)


def means_of(partitions: Sequence[PartitionResult], arm: str, measure: str = "s") -> list[float]:
    """A measure's mean over training seeds, for each partition that has the arm."""
    found = [[run for run in partition.runs if run.arm == arm] for partition in partitions]
    return [mean(getattr(run.steerability, measure) for run in runs) for runs in found if runs]


def _largest(found: Sequence[Synthesis]) -> str:
    """The arm with the largest mean S over all partitions."""
    runs = grouped(
        (run for one in found for partition in one.partitions for run in partition.runs), lambda run: run.arm
    )
    return max(runs, key=lambda arm: mean(run.steerability.s for run in runs[arm]))


def curve_figure(one: Synthesis, places: dict[str, int]) -> "Figure":
    """S over coarse entropy with its parabolas and their vertices; beside it the halves of the largest S."""
    figure, arm = new_figure(10.0, 4.0), _largest([one])
    left, right = figure.subplots(1, 2)
    for name in one.arms:
        style = look(places[name])
        _points(left, one, name, "s", style, name)
        if name in one.curves:
            _parabola(left, one.curves[name], style["color"])
        if own := means_of([one.natural], name):
            left.plot(one.natural.profile.h_l0, own[0], color=style["color"], **STAR)
    for place, (measure, label) in enumerate(HALVES.items(), start=3):
        _points(right, one, arm, measure, look(place), label)
    for axes, name in ((left, "steerability S"), (right, f"halves of S, {arm}")):
        frame(axes, zero=True, xlabel=ENTROPIES["h_l0"], ylabel=name)
        sizes = {size: mean(part.profile.h_l0 for part in own) for size, own in by_size(one).items()}
        above = axes.secondary_xaxis("top")
        above.set_xticks(list(sizes.values()), labels=[str(size) for size in sizes])
        above.set_xlabel("K0")
    legend(figure)
    return figure


def _points(axes: "Axes", one: Synthesis, arm: str, measure: str, style: dict[str, Any], label: str) -> None:
    """Every partition, and the mean of each K0."""
    marks, large = style | {"linestyle": "none"}, []
    for partitions in by_size(one).values():
        for partition in partitions:
            means = means_of([partition], arm, measure)
            axes.plot([partition.profile.h_l0], means, markersize=3, alpha=0.5, **marks)
        entropy = mean(part.profile.h_l0 for part in partitions)
        large.append((entropy, mean(means_of(partitions, arm, measure))))
    axes.plot(*zip(*large, strict=True), markersize=7, label=label, **marks)


def _parabola(axes: "Axes", curve: Peak, colour: str) -> None:
    """The curve, its band, and where it has a maximum within the data."""
    if band := curve.band:
        axes.plot(band.x, band.y, color=colour)
        if band.low and band.high:
            axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.15, linewidth=0)
    fit = curve.quadratic
    if fit and fit.kind == "maximum" and fit.inside and fit.vertex is not None:
        axes.axvline(fit.vertex, color=colour, linestyle="--", linewidth=1)
        if curve.bootstrap and curve.bootstrap.ci:
            limits = (min(curve.band.x), max(curve.band.x)) if curve.band else curve.bootstrap.ci
            shown = [min(max(end, limits[0]), limits[1]) for end in curve.bootstrap.ci]
            axes.axvspan(*shown, color=colour, alpha=0.08, linewidth=0)


def entropies_figure(found: Sequence[Synthesis], labels: Sequence[str]) -> "Figure":
    """The largest S over either entropy, random partitions and natural hierarchies together."""
    figure, arm = new_figure(10.0, 3.8), _largest(found)
    for axes, (key, label) in zip(figure.subplots(1, 2, sharey=True), ENTROPIES.items(), strict=True):
        for place, (one, corpus) in enumerate(zip(found, labels, strict=True)):
            groups = list(by_size(one).values())
            values = [means_of(partitions, arm) for partitions in groups]
            x = [mean(getattr(partition.profile, key) for partition in partitions) for partitions in groups]
            spread = [stdev(seeds) if len(seeds) > 1 else 0.0 for seeds in values]
            style: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)]}
            marks = style | {"marker": MARKERS[place % len(MARKERS)], "linewidth": 1, "capsize": 3}
            axes.errorbar(x, [mean(seeds) for seeds in values], spread, label=f"{corpus}, random", **marks)
            own = means_of([one.natural], arm)
            axes.plot(getattr(one.natural.profile, key), own[0], label=f"{corpus}, own", **style, **STAR)
        frame(axes, zero=True, xlabel=label)
    figure.axes[0].set_ylabel(wrapped(f"steerability S of {arm}", 40))
    legend(figure)
    return figure
