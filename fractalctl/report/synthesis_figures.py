"""Pictures of synthetic hierarchies."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from fractalctl.documents.estimates import Peak
from fractalctl.documents.synth import PartitionResult, Synthesis
from fractalctl.report.figures import COLOURS, MARKERS, frame, legend, look, new_figure, wrapped
from fractalctl.report.results import grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENTROPIES = {"h_l0": "H(L0), bits", "h_l1_given_l0": "H(L1|L0), bits"}
HALVES = {"delta_coarse": "coarse, L0@short - L0@full", "delta_fine": "fine, L1@full - L1@short"}
STAR: dict[str, Any] = {"marker": "*", "markersize": 13, "linestyle": "none", "markeredgecolor": "black"}


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
        sizes = {
            size: mean(part.profile.h_l0 for part in partitions) for size, partitions in by_size(one).items()
        }
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
            axes.plot(
                [partition.profile.h_l0],
                means_of([partition], arm, measure),
                markersize=3,
                alpha=0.5,
                **marks,
            )
        large.append(
            (mean(part.profile.h_l0 for part in partitions), mean(means_of(partitions, arm, measure)))
        )
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
