"""Routing queries by their granularity (paper, Section 7 and Figure 11)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.measures.routing import ahead
from fractalctl.report.figures import COLOURS, MARKERS, new_figure
from fractalctl.report.measured import (
    SPREAD,
    Contest,
    Group,
    decimals,
    groups,
    larger,
    percent,
    published,
    verdict,
)
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATTERN = "evaluation-*.json"
METRIC = "routing"
PAPER_PROTOCOL = "loo"
EVEN = 0.5
"""The workload of the paper's gain: as many coarse queries as fine ones."""


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on routing; None where no evaluation has the metric."""
    found = groups(documents, METRIC)
    if not found:
        return None
    text = (
        "Adaptive routing answers coarse queries at the shortest prefix and fine ones at the full length. "
        "alpha is the share of coarse queries; it is known here which query is which."
    )
    return Section("Routing", [text, *tables(documents), *map(_picture, found)], _claims(found))


def tables(documents: Sequence[Document]) -> list[Table]:
    """From where on adaptive routing is ahead of mrl, and what an even mix gains and saves."""
    rows, paper = [], published(METRIC)
    for group in groups(documents, METRIC):
        theirs = paper.get(group.corpus) if group.condition == PAPER_PROTOCOL else None
        for name in group.strategies:
            length = decimals(group.values(name, _mean_dimension)[:1], 0)
            adaptive, fixed = (percent(group.values(name, read)) for read in (_adaptive, _own_full))
            rivals = _compared(group, name)
            gain = percent([_gain(part) for part in rivals], "+")
            beside = _paper_cells(theirs if name == "v5" else None)
            rows.append([group.where, name, length, adaptive, fixed, gain, _ahead_text(rivals), *beside])
    if not rows:
        return []
    caption = (
        "Mixed accuracy in % where half of the queries are coarse, and its gain over mrl at full length in "
        "points; the shares of coarse queries at which the mean adaptive curve is no worse than mrl's. "
        f"{SPREAD.capitalize()}."
    )
    columns = [
        "where",
        "strategy",
        "mean length",
        "adaptive",
        "own full length",
        "gain on mrl",
        "ahead for alpha",
    ]
    return [Table(METRIC, caption, [*columns, "paper gain", "paper ahead"], rows, left=2)]


def _paper_cells(theirs: Mapping[str, float] | None) -> list[str]:
    return [f"{theirs['gain']:+.1f}", f"{theirs['ahead_from']:.2f} to 1"] if theirs else ["-", "-"]


def _at_even(part: Mapping[str, Any], curve: Sequence[float]) -> float:
    return float(curve[part["alphas"].index(EVEN)])


def _adaptive(part: Mapping[str, Any]) -> float:
    return _at_even(part, part["adaptive"])


def _own_full(part: Mapping[str, Any]) -> float:
    return _at_even(part, part["fixed"][str(part["full"])]["mixed"])


def _mean_dimension(part: Mapping[str, Any]) -> float:
    return _at_even(part, part["mean_dimension"])


def _gain(part: Mapping[str, Any]) -> float:
    return _adaptive(part) - _at_even(part, part["mrl"]["mixed"])


def _compared(group: Group, strategy: str) -> list[Mapping[str, Any]]:
    """Parts of a strategy's heads that were held against mrl."""
    parts = [document[METRIC] for document in group.documents if document["strategy"] == strategy]
    return [part for part in parts if part["mrl"]]


def mean_ahead(parts: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Where the mean adaptive curve is no worse than the mean of mrl's; both are straight lines."""
    ours, theirs = (
        np.mean([(curve[0], curve[-1]) for curve in curves], axis=0)
        for curves in ([part["adaptive"] for part in parts], [part["mrl"]["mixed"] for part in parts])
    )
    return ahead((ours[0], ours[1]), (theirs[0], theirs[1]))


def _ahead_text(parts: Sequence[Mapping[str, Any]]) -> str:
    if not parts:
        return "-"
    if (found := mean_ahead(parts)) is None:
        return "none"
    return f"{found[0]:.2f} to {found[1]:.2f}" if found[0] < found[1] else f"only {found[0]:.2f}"


def _picture(group: Group) -> Picture:
    figure = new_figure(9.0, 3.4)
    by_workload, even = figure.subplots(1, 2)
    _workloads(by_workload, group)
    _even_mix(even, group)
    for axes in (by_workload, even):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize="small")
    caption = (
        f"{group.where}. Left: mixed accuracy against the share of coarse queries. Right: an even mix, "
        "accuracy against mean length; lines join fixed lengths, the star routes adaptively. Means over "
        "seeds; bands and bars are one standard deviation (Figure 11)."
    )
    return Picture(f"figure-11-routing-{group.slug}", caption, figure)


def _workloads(axes: "Axes", group: Group) -> None:
    """The first shown strategy, adaptive and fixed at both ends, and mrl at its full length."""
    name = group.shown[0]
    parts = [document[METRIC] for document in group.documents if document["strategy"] == name]
    curves = [(f"{name}, adaptive", [part["adaptive"] for part in parts], 0, "-")]
    for key, style in (("short", ":"), ("full", "--")):
        length = str(parts[0][key])
        fixed = [part["fixed"][length]["mixed"] for part in parts]
        curves.append((f"{name}, {length} fixed", fixed, 0, style))
    if rivals := _compared(group, name):
        label = f"mrl, {rivals[0]['mrl']['dimension']} fixed"
        curves.append((label, [part["mrl"]["mixed"] for part in rivals], 1, "--"))
    for label, found, place, style in curves:
        values, colour = 100 * np.array(found), COLOURS[place]
        middle, spread = values.mean(axis=0), values.std(axis=0, ddof=1) if len(values) > 1 else 0.0
        axes.plot(parts[0]["alphas"], middle, color=colour, linestyle=style, label=label)
        axes.fill_between(
            parts[0]["alphas"], middle - spread, middle + spread, color=colour, alpha=0.15, linewidth=0
        )
    axes.set(xlabel="alpha, share of coarse queries", ylabel="mixed accuracy (%)", title="by workload")


def _even_mix(axes: "Axes", group: Group) -> None:
    """Accuracy against mean length for each shown strategy."""
    for place, name in enumerate(group.shown):
        parts = [document[METRIC] for document in group.documents if document["strategy"] == name]
        dims = [int(one) for one in parts[0]["fixed"]]
        fixed = 100 * np.array(
            [[_at_even(part, curve["mixed"]) for curve in part["fixed"].values()] for part in parts]
        )
        adaptive = 100 * np.array([[_adaptive(part)] for part in parts])
        look: dict[str, Any] = {"color": COLOURS[place], "capsize": 3}
        axes.errorbar(dims, fixed.mean(axis=0), _deviation(fixed), marker=MARKERS[place], label=name, **look)
        axes.errorbar(
            [_mean_dimension(parts[0])], adaptive.mean(axis=0), _deviation(adaptive), marker="*",
            markersize=12, linestyle="none", label=f"{name}, adaptive", **look,
        )  # fmt: skip
    axes.set(xlabel="mean dimensions per query", title="an even mix", xticks=dims)


def _deviation(values: np.ndarray) -> np.ndarray | None:
    return values.std(axis=0, ddof=1) if len(values) > 1 else None


def _claims(found: Sequence[Group]) -> list[Claim]:
    contests, ranges, paper = [], [], published(METRIC)
    for group in found:
        parts = _compared(group, "v5")
        if not parts:
            continue
        against = {
            one["seed"]: _at_even(one[METRIC], one[METRIC]["mrl"]["mixed"])
            for one in group.documents
            if one["strategy"] == "v5" and one[METRIC]["mrl"]
        }
        contests.append(Contest(group.where, group.by_seed("v5", _adaptive), against, group.condition))
        if theirs := paper.get(group.corpus):
            ranges.append((group, parts, theirs["ahead_from"]))
    beaten = larger("adaptive v5 beats mrl at full length on an even mix (Section 7)", contests, _accuracies)
    return [*beaten, *(_from_claim(*one) for one in ranges)]


def _accuracies(adaptive: float, mrl: float) -> str:
    return f"{100 * adaptive:.1f} % against {100 * mrl:.1f} %"


def _from_claim(group: Group, parts: Sequence[Mapping[str, Any]], ahead_from: float) -> Claim:
    claim = f"adaptive v5 is ahead of mrl wherever alpha >= {ahead_from} (Section 7, Figure 11)"
    where = mean_ahead(parts)
    held = where is not None and where[0] <= ahead_from and where[1] == 1
    return claim, group.where, verdict(held, f"mean curves: ahead for alpha {_ahead_text(parts)}")
