"""The depth axis: hierarchies of three levels and more (paper, Section 7, Table 8 and Figure 10)."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.report.axes import (
    APART,
    asked,
    by_setting,
    is_papers,
    shown,
    slug,
    strategies_of,
    test_cells,
)
from fractalctl.report.figures import new_figure
from fractalctl.report.markdown import NOTHING, chance, pair
from fractalctl.report.measured import (
    PAPER_DIMS,
    SPREAD,
    decimals,
    draw_line,
    percent,
    published,
    tested,
    verdict,
)
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.paired import paired_t
from fractalctl.statistics.points import compare_levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATTERN = "ablation-depth*.json"


def section(documents: Sequence[Document]) -> Section:
    """The report's part on deeper hierarchies."""
    text = (
        "v5 places its prefixes between all levels. The gain of a level is its accuracy at full length less "
        "that at the first prefix; S of two levels is the finer one's gain less the coarser one's, so S_02 = "
        "S_01 + S_12. Zoom is monotone where every finer level gains more. Paired t tests over seeds; the "
        "outermost pair stands alone, Holm over the other pairs of a corpus."
    )
    parts: list[str | Table | Picture] = [text]
    claims: list[Claim] = []
    for name, members in by_setting(documents).items():
        compared = compare_levels(members)
        parts += [
            *_accuracy_tables(name, members),
            _pairs_table(name, members, compared),
            _picture(name, members),
        ]
        claims += [claim for one in members for claim in _claims(name, one, compared)]
    return Section("Depth", parts, claims)


def _accuracy_tables(name: str, documents: Sequence[Document]) -> Iterator[Table]:
    """One table for each choice of prefix lengths."""
    for dims in dict.fromkeys(tuple(one["dims"]) for one in documents):
        yield _accuracy_table(name, dims, [one for one in documents if tuple(one["dims"]) == dims])


def _accuracy_table(name: str, dims: Sequence[int], documents: Sequence[Document]) -> Table:
    rows = [
        [f"{one['corpus']}, L{level} ({classes})", strategy, *_accuracy_cells(one, strategy, level)]
        for one in documents
        for level, classes in enumerate(one["profile"]["classes"])
        for strategy in strategies_of(one)
    ]
    columns = ["level (classes)", "strategy", *(str(length) for length in dims), "gain"]
    columns += [f"paper {length}" for length in PAPER_DIMS]
    caption = (
        f"k-NN accuracy in % at each length and level, {SPREAD}, {name}; gains in points; queries: "
        f"{asked(documents)} (Table 8)."
    )
    sizes = "" if tuple(dims) == PAPER_DIMS else "-" + "-".join(map(str, dims))
    return Table(f"table-8-depth-{slug(name)}{sizes}", caption, columns, rows, left=2)


def _accuracy_cells(one: Document, strategy: str, level: int) -> list[str]:
    key = f"L{level}"
    runs = [run for run in one["runs"] if run["strategy"] == strategy]
    cells = [percent([run["accuracy"][str(length)][key] for run in runs]) for length in one["dims"]]
    theirs = _paper(one).get(strategy, {}).get(key)
    beside = [f"{value:.1f}" for value in theirs] if theirs else [NOTHING] * len(PAPER_DIMS)
    return [*cells, percent([run["gains"][key] for run in runs], "+"), *beside]


def _paper(document: Document) -> Mapping[str, Any]:
    """The paper's numbers, where they are of the same tree, lengths and protocol."""
    found: Mapping[str, Any] = published("axes")["depth"].get(document["corpus"], {})
    alike = is_papers(document) and tuple(document["dims"]) == PAPER_DIMS
    return found if alike and found.get("classes") == document["profile"]["classes"] else {}


def _pairs_table(name: str, documents: Sequence[Document], compared: Sequence[Comparison]) -> Table:
    rows = []
    for one in documents:
        for measure in one["runs"][0]["pairwise"]:
            row = _against_mrl(compared, one, measure)
            arms = [decimals(_pairwise(one, strategy, measure), 3, "+") for strategy in ("v5", "mrl")]
            rows.append([one["corpus"], measure, *arms, *test_cells(row), *_published(one, measure)])
    columns = ["corpus", "levels", "v5 S", "mrl S", "paired t", "p (Holm)", "paired d"]
    columns += ["paper v5 S", "paper mrl S", "paper t", "paper p", "paper d"]
    caption = f"S of every pair of levels, {SPREAD}, {name}; queries: {asked(documents)} (Section 7)."
    return Table(f"depth-pairs-{slug(name)}", caption, columns, rows, left=2)


def _pairwise(one: Document, strategy: str, measure: str) -> list[float]:
    return [run["pairwise"][measure] for run in one["runs"] if run["strategy"] == strategy]


def _against_mrl(compared: Sequence[Comparison], one: Document, measure: str) -> Comparison | None:
    wanted = (one["corpus"], measure, "v5", "mrl")
    return next((row for row in compared if (row.unit.corpus, row.metric, row.a, row.b) == wanted), None)


def _published(one: Document, measure: str) -> list[str]:
    theirs = _paper(one).get(measure)
    if not theirs:
        return [NOTHING] * 5
    tests = [f"{theirs['t']:.1f}", f"{theirs['p']:.3f}", f"{theirs['cohens_d']:.1f}"]
    return [pair(theirs["v5"]), pair(theirs["mrl"]), *tests]


def _picture(name: str, documents: Sequence[Document]) -> Picture:
    columns = max(len(shown(one)) for one in documents)
    figure = new_figure(4.2 * columns, 0.3 + 3.0 * len(documents))
    grid = figure.subplots(len(documents), columns, squeeze=False, sharey="row")
    for row, one in zip(grid, documents, strict=True):
        for axes, strategy in zip(row, shown(one), strict=False):
            _panel(axes, one, strategy)
        for axes in row[len(shown(one)) :]:
            axes.set_axis_off()
    caption = (
        f"What each level gains over the shortest prefix, {name}; means over seeds, bars are 95 % confidence "
        "intervals of the mean (Figure 10)."
    )
    return Picture(f"figure-10-depth-{slug(name)}", caption, figure)


def _panel(axes: "Axes", one: Document, strategy: str) -> None:
    runs = [run for run in one["runs"] if run["strategy"] == strategy]
    classes, span = one["profile"]["classes"], one["dims"][-1] - one["dims"][0]
    for level, number in enumerate(classes):
        table = np.array(
            [[run["accuracy"][str(length)][f"L{level}"] for length in one["dims"]] for run in runs]
        )
        apart = np.array(one["dims"]) + APART * span * (level - (len(classes) - 1) / 2)
        draw_line(axes, apart, 100 * (table - table[:, :1]), f"L{level} ({number})", level)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.grid(alpha=0.3)
    axes.set(
        title=f"{one['corpus']}, {strategy}", xlabel="dimensions", ylabel="gain (points)", xticks=one["dims"]
    )
    axes.legend(frameon=False, fontsize="small")


def _claims(name: str, one: Document, compared: Sequence[Comparison]) -> Iterator[Claim]:
    where, strategies = f"{one['corpus']}, {name}", strategies_of(one)
    if "v5" in strategies:
        claim = "each finer level gains more from further dimensions under v5 (Section 7, Figure 10)"
        yield claim, where, _ramp(one)
    row = _against_mrl(compared, one, f"S_0{one['levels'] - 1}")
    if row:
        a, b = mean(row.values_a), mean(row.values_b)
        evidence = f"S {a:+.3f} against {b:+.3f}, {chance(row.p_adjusted)}"
        claim = "between the outermost levels v5 is steerable beyond mrl (Section 7)"
        yield claim, where, tested(a > b, row.p_adjusted, evidence)
    if "mrl" in strategies:
        flat, found = published("axes")["depth"]["clinc"]["flat"], _mean_gains(one, "mrl")
        level = max(found, key=lambda key: abs(found[key]))
        claim = f"mrl is flat: no level gains more than {100 * flat:.1f} points (Section 7, Table 8)"
        yield claim, where, verdict(abs(found[level]) <= flat, f"{level} gains {100 * found[level]:+.1f}")


def _ramp(one: Document) -> str:
    """Whether every adjacent pair of levels is in order; the largest p speaks for all together."""
    found = _mean_gains(one, "v5")
    steps = [_pairwise(one, "v5", f"S_{level}{level + 1}") for level in range(one["levels"] - 1)]
    p_values = [paired_t(step).p for step in steps]
    p = None if None in p_values else max(value for value in p_values if value is not None)
    points = ", ".join(f"{level} {100 * gain:+.1f}" for level, gain in found.items())
    zoom = mean(run["monotone_zoom"] for run in one["runs"] if run["strategy"] == "v5")
    evidence = f"gains in points {points}; {zoom:.0%} of the steps of all seeds rise, {chance(p)}"
    return tested(all(mean(step) > 0 for step in steps), p, evidence)


def _mean_gains(one: Document, strategy: str) -> dict[str, float]:
    runs = [run["gains"] for run in one["runs"] if run["strategy"] == strategy]
    return {level: mean(gains[level] for gains in runs) for level in runs[0]}
