"""The capacity axis: S over the size of a block (paper, Section 6.2 and Figure 6)."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from statistics import mean
from typing import TYPE_CHECKING

from fractalctl.report.axes import (
    APART,
    asked,
    by_arms,
    by_setting,
    draw_steerability,
    shown,
    slug,
    steerability_at,
    strategies_of,
    test_cells,
)
from fractalctl.report.figures import COLOURS, MARKERS, new_figure
from fractalctl.report.markdown import chance, number
from fractalctl.report.measured import SPREAD, decimals, published, tested, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.correlations import pearson, spearman
from fractalctl.statistics.points import USUAL_BLOCK, arm, compare_capacity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATTERN = "ablation-capacity*.json"
FEWEST = 3
"""Corpora below which a correlation over corpora says nothing at all."""


def section(documents: Sequence[Document]) -> Section:
    """The report's part on the capacity of a block."""
    text = (
        "Heads of as many blocks as ever, whose size alone varies (and with it the full length). v5 with mrl "
        "at every size, and v5 at 64 with v5 at each other size: paired t tests over seeds, Holm over the "
        "sizes of one corpus, separately for the two."
    )
    parts: list[str | Table | Picture] = [text]
    claims: list[Claim] = []
    for name, members in by_setting(documents).items():
        compared = compare_capacity(members)
        parts += [_table(name, members, compared), _picture(name, members)]
        claims += [_peak_claim(name, one, compared) for one in members if "v5" in strategies_of(one)]
        claims += _scaling_claims(name, members)
    return Section("Capacity", parts, claims)


def _table(name: str, documents: Sequence[Document], compared: Sequence[Comparison]) -> Table:
    rows, tests = [], by_arms(compared)
    for one in documents:
        for size in one["values"]:
            arms = [decimals(steerability_at(one, strategy, size), 3, "+") for strategy in ("v5", "mrl")]
            against = [
                test_cells(tests.get((one["corpus"], arm("v5", "block", size), arm("mrl", "block", size)))),
                test_cells(tests.get((one["corpus"], _usual(), arm("v5", "block", size))))[:2],
            ]
            rows.append([one["corpus"], size, size * len(one["dims"]), *arms, *against[0], *against[1]])
    columns = ["corpus", "block", "full length", "v5 S", "mrl S", "paired t", "p (Holm)", "paired d"]
    columns += [f"t, v5 at {USUAL_BLOCK} against it", "p of that (Holm)"]
    caption = f"S over the size of a block, {SPREAD}, {name}; queries: {asked(documents)} (Figure 6)."
    return Table(f"figure-6-capacity-{slug(name)}", caption, columns, rows)


def _usual() -> str:
    return arm("v5", "block", USUAL_BLOCK)


def _picture(name: str, documents: Sequence[Document]) -> Picture:
    several = len(documents) > 1
    figure = new_figure(10.5 if several else 6.5, 3.8)
    panels = figure.subplots(1, 2 if several else 1, squeeze=False)[0]
    lines = [
        (one, strategy, f"{one['corpus']}, {strategy}", colour, style)
        for colour, one in enumerate(documents)
        for style, strategy in enumerate(shown(one))
    ]
    for place, line in enumerate(lines):
        draw_steerability(panels[0], *line, shift=APART * (place - (len(lines) - 1) / 2))
    sizes = sorted({size for one in documents for size in one["values"]})
    panels[0].set(xlabel="numbers per block", ylabel="steerability S", xticks=sizes)
    caption = (
        f"Mean S over the size of a block, {name}; bars are 95 % confidence intervals of the mean over "
        "seeds, and lines stand apart only to show them"
    )
    if several:
        _over_corpora(panels[1], documents)
        caption += ". Right: S of v5 at the smallest block against the depth of the tree"
    for axes in panels:
        axes.axhline(0, color="black", linewidth=0.8)
        axes.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize="small")
    return Picture(f"figure-6-capacity-{slug(name)}", f"{caption} (Figure 6).", figure)


def _over_corpora(axes: "Axes", documents: Sequence[Document]) -> None:
    strategy = shown(documents[0])[0]
    size, found = _at_smallest(documents, strategy)
    for (one, value), colour, marker in zip(found, cycle(COLOURS), cycle(MARKERS), strict=False):
        depth = one["profile"]["h_l1_given_l0"]
        axes.plot(depth, value, marker, color=colour, markersize=8)
        axes.annotate(one["corpus"], (depth, value), (6, 6), textcoords="offset points", fontsize="small")
    axes.margins(0.2)
    axes.set(xlabel="H(finest | L0), bits", ylabel="steerability S", title=f"{strategy} at blocks of {size}")


def _at_smallest(documents: Sequence[Document], strategy: str) -> tuple[int, list[tuple[Document, float]]]:
    """The smallest block size that all corpora have, and mean S there of those that have the strategy.

    Where no size is common it is the first corpus's smallest.
    """
    common = set.intersection(*(set(one["values"]) for one in documents))
    size = min(common or documents[0]["values"])
    values = [(one, steerability_at(one, strategy, size)) for one in documents]
    return size, [(one, mean(found)) for one, found in values if found]


def _peak_claim(name: str, one: Document, compared: Sequence[Comparison]) -> Claim:
    theirs = published("axes")["capacity"]["peak"]
    claim = f"S is largest at the smallest block, {theirs} numbers (Section 6.2, Figure 6a)"
    means = {size: mean(steerability_at(one, "v5", size)) for size in one["values"]}
    peak, smallest = max(means, key=lambda size: means[size]), min(means)
    evidence = f"peak of {means[peak]:+.3f} at {peak}"
    row = by_arms(compared).get((one["corpus"], _usual(), arm("v5", "block", smallest)))
    where = f"{one['corpus']}, {name}"
    if row is None:
        return claim, where, verdict(peak == smallest, evidence)
    evidence += f"; {smallest}: {mean(row.values_b):+.3f}, {USUAL_BLOCK}: {mean(row.values_a):+.3f}, "
    return claim, where, tested(peak == smallest, row.p_adjusted, evidence + chance(row.p_adjusted))


def _scaling_claims(name: str, documents: Sequence[Document]) -> Iterator[Claim]:
    size, found = _at_smallest(documents, "v5")
    if len(found) < FEWEST:
        return
    paper = published("axes")["capacity"]
    depths, values = [one["profile"]["h_l1_given_l0"] for one, _ in found], [value for _, value in found]
    rho, r = spearman(depths, values), pearson(depths, values)
    claim = (
        f"at the smallest block S rises with H(L1|L0) (rho = {paper['rho']:.1f}, r = {paper['pearson']} over "
        "four corpora, Figure 6b)"
    )
    if rho.coefficient is None:
        return
    evidence = (
        f"blocks of {size}: rho = {rho.coefficient:.2f}, exact {chance(rho.p_exact)}; r = "
        f"{number(r.coefficient, '.2f')}, {chance(r.p)}; {len(found)} corpora"
    )
    yield claim, name, tested(rho.coefficient > 0, rho.p_exact, evidence)
