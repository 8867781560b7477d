"""Pictures of ablations."""

from collections.abc import Mapping
from statistics import mean
from typing import TYPE_CHECKING

from fractalctl.documents.ablation import Ablation
from fractalctl.report.figures import COLOURS, Lines, frame, intervals, legend, line_panels, look, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


AXES = {
    "capacity": "numbers per block",
    "noise": "wrong coarse labels (%)",
    "rows": "labelled rows of each finest class",
}
"""What an axis is called under a picture."""


def numeric(one: Ablation) -> bool:
    """Whether an axis has numbers, so that lines can be drawn along it."""
    return one.varied is not None and all(isinstance(value, int | float) for value in one.values)


def arms_of(one: Ablation) -> list[str]:
    """Labels, in the order of the runs."""
    return list(dict.fromkeys(run.arm for run in one.runs))


def values_figure(groups: Mapping[str, Ablation], places: Mapping[str, int]) -> "Figure":
    """S over the values of an axis, a panel per corpus; a line for each condition where words vary."""
    if numeric(first := next(iter(groups.values()))) and len(first.values) > 1:
        panels: dict[str, Lines] = {}
        for corpus, one in groups.items():
            x = [float(value) for value in one.values]
            columns = {arm: [_seeds(one, arm, value) for value in one.values] for arm in arms_of(one)}
            # zip ends with the shortest column: a seed that is not everywhere stands in the table alone
            panels[corpus] = {arm: (x, list(zip(*found, strict=False))) for arm, found in columns.items()}
        return line_panels(
            panels, places, AXES.get(first.axis, str(first.varied)), "steerability S", across=3, zero=True
        )
    conditions: dict[str, int] = {}
    values: dict[str, dict[str, list[float]]] = {}
    for corpus, one in groups.items():
        for run in one.runs:
            point = None if one.varied is None else run.point[one.varied]
            name = run.arm if point is None else f"{run.arm}, {point}"
            values.setdefault(corpus, {}).setdefault(name, []).append(run.steerability.s)
            # the same colour for an arm, and another filling for each value
            turn = 0 if point is None else len(COLOURS) * one.values.index(point)
            conditions[name] = places[run.arm] + turn
    return intervals(values, conditions, "steerability S")


def _seeds(one: Ablation, arm: str, value: object) -> list[float]:
    return [
        run.steerability.s for run in one.runs if run.arm == arm and run.point.get(str(one.varied)) == value
    ]


def over_depth_figure(groups: Mapping[str, Ablation], places: Mapping[str, int]) -> "Figure":
    """S at the smallest value of a corpus, against the depth of its tree; a point per corpus and arm."""
    figure = new_figure(6.0, 3.6)
    axes = figure.subplots()
    for corpus, one in groups.items():
        depth, tops = one.profile.h_l1_given_l0, []
        for arm in arms_of(one):
            if seeds := _seeds(one, arm, min(one.values, key=float)):
                tops.append(mean(seeds))
                axes.plot(depth, tops[-1], label=arm, **(look(places[arm]) | {"linestyle": "none"}))
        axes.annotate(
            corpus, (depth, max(tops)), (0, 6), textcoords="offset points", fontsize="small", ha="center"
        )
    frame(axes, zero=True, xlabel="H(finest | L0), bits", ylabel="steerability S")
    axes.margins(0.15)
    legend(figure)
    return figure


def gains_figure(groups: Mapping[str, Ablation]) -> "Figure":
    """What each level gains over the shortest prefix, a panel per corpus and arm."""
    panels: dict[str, Lines] = {}
    places: dict[str, int] = {}
    for corpus, one in groups.items():
        for arm in arms_of(one):
            runs = [run for run in one.runs if run.arm == arm]
            lengths = sorted(runs[0].accuracy, key=int)
            lines: dict[str, tuple[list[int], list[list[float]]]] = {}
            for level, classes in enumerate(one.profile.classes):
                shares = [[run.accuracy[length][f"L{level}"] for length in lengths] for run in runs]
                label = f"L{level} ({classes})"
                lines[label] = (
                    [*map(int, lengths)],
                    [[100 * (share - row[0]) for share in row] for row in shares],
                )
                places[label] = level
            panels[f"{corpus}, {arm}"] = lines
    return line_panels(panels, places, "dimensions", "gain (points)", across=3, zero=True)
