"""Retrieval by prefix (paper, Table 7 and Figure 9)."""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import mean
from typing import Any

import numpy as np

from fractalctl.report.figures import new_figure
from fractalctl.report.measured import (
    PAPER_DIMS,
    SPREAD,
    Contest,
    Group,
    by_dims,
    draw_line,
    groups,
    larger,
    percent,
    published,
    verdict,
)
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table

PATTERN = "evaluation-*.json"
METRIC = "retrieval"
DEPTHS = ("5", "10", "20")
POINTS_ALIKE = 1


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on retrieval; None where no evaluation has the metric."""
    found = _groups(documents)
    if not found:
        return None
    text = (
        "The test rows are split in half at random: one half asks, the other is searched by cosine, every "
        "prefix normalised anew. Recall@k is the share of queries with a document of their class among the "
        "first k."
    )
    return Section("Retrieval", [text, *tables(documents), *map(_picture, found)], _claims(found))


def tables(documents: Sequence[Document]) -> list[Table]:
    """Recall@1 by prefix, and how recall and rank go on at the two ends."""
    made = []
    for dims, found in by_dims(_groups(documents)):
        lengths = "-".join(map(str, dims))
        made += [_recall_table(dims, found, lengths), _depth_table(dims, found, lengths)]
    return made


def _groups(documents: Sequence[Document]) -> list[Group]:
    return groups(documents, METRIC, _condition)


def _condition(document: Document) -> str:
    part = document[METRIC]
    return f"{part['n_queries'] + part['n_documents']} test rows"


def recall_at(part: Mapping[str, Any], dimension: int, level: str, k: str = "1") -> float:
    """One recall of an evaluation's part."""
    return float(part["recall"][str(dimension)][level][k])


def ramp(part: Mapping[str, Any], dims: Sequence[int], level: str) -> float:
    """How much Recall@1 rises from the shortest prefix to the full length."""
    return recall_at(part, dims[-1], level) - recall_at(part, dims[0], level)


def _recall_table(dims: Sequence[int], found: Sequence[Group], lengths: str) -> Table:
    paper = published(METRIC) if tuple(dims) == PAPER_DIMS else {}
    rows = []
    for group in found:
        for level in group.levels:
            for name in group.strategies:
                shares = [percent(group.values(name, partial(_read, d, level))) for d in dims]
                rise = percent(group.values(name, partial(_read_ramp, dims, level)), "+")
                theirs = paper.get(group.corpus, {}).get(level, {}).get(name)
                shown = ", ".join(f"{share:.1f}" for share in theirs) if theirs else "-"
                rows.append([group.where, level, name, *shares, rise, *([shown] if paper else [])])
    columns = ["where", "level", "strategy", *(f"@{d}" for d in dims), "ramp (points)"]
    caption = f"Recall@1 in % at each prefix length, {SPREAD} (Table 7)."
    return Table(
        f"table-7-retrieval-{lengths}", caption, [*columns, *(["paper"] if paper else [])], rows, left=3
    )


def _read(dimension: int, level: str, part: Mapping[str, Any]) -> float:
    return recall_at(part, dimension, level)


def _read_ramp(dims: Sequence[int], level: str, part: Mapping[str, Any]) -> float:
    return ramp(part, dims, level)


def _depth_table(dims: Sequence[int], found: Sequence[Group], lengths: str) -> Table:
    ends = list(dict.fromkeys((dims[0], dims[-1])))
    columns = ["where", "level", "strategy"]
    for d in ends:
        columns += [*(f"R@{k}, {d}" for k in DEPTHS), f"MRR, {d}"]
    rows = []
    for group in found:
        for level in group.levels:
            for name in group.strategies:
                cells = []
                for d in ends:
                    parts = [one[METRIC] for one in group.documents if one["strategy"] == name]
                    cells += [percent([recall_at(part, d, level, k) for part in parts]) for k in DEPTHS]
                    cells.append(percent([part["mrr"][str(d)][level] for part in parts]))
                rows.append([group.where, level, name, *cells])
    caption = f"Recall@5, 10, 20 and mean reciprocal rank in % at the shortest and the full length, {SPREAD}."
    return Table(f"retrieval-depth-{lengths}", caption, columns, rows, left=3)


def _picture(group: Group) -> Picture:
    figure = new_figure(8.0, 3.2)
    ends = (group.levels[0], group.levels[-1])
    for axes, level in zip(figure.subplots(1, 2), ends, strict=True):
        for place, name in enumerate(group.shown):
            parts = [one[METRIC] for one in group.documents if one["strategy"] == name]
            values = np.array([[recall_at(part, d, level) for d in group.dims] for part in parts])
            draw_line(axes, group.dims, 100 * values, name, place)
        axes.set(title=level, xlabel="dimensions", ylabel="Recall@1 (%)", xticks=group.dims)
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    caption = (
        f"{group.where}: Recall@1 at each prefix length, mean over seeds; bars are 95 % confidence intervals "
        "of the mean (Figure 9)."
    )
    return Picture(f"figure-9-retrieval-{group.slug}", caption, figure)


def _claims(found: Sequence[Group]) -> list[Claim]:
    both = [group for group in found if {"v5", "mrl"} <= set(group.strategies)]
    contests = []
    for group in both:
        read = partial(_read_ramp, group.dims, group.levels[-1])
        contests.append(Contest(group.where, group.by_seed("v5", read), group.by_seed("mrl", read)))
    steeper = larger("v5's fine Recall@1 ramps more steeply than mrl's (Table 7)", contests, _ramps)
    return [*steeper, *(_coarse_alike(group) for group in both)]


def _ramps(v5: float, mrl: float) -> str:
    times = f", {v5 / mrl:.1f} times" if mrl > 0 else ""
    return f"{100 * v5:+.1f} points against {100 * mrl:+.1f}{times}"


def _coarse_alike(group: Group) -> Claim:
    """The paper's 97.9 % and 98.1 % at 256 dimensions."""
    read = partial(_read, group.dims[-1], group.levels[0])
    v5, mrl = (100 * mean(group.values(name, read)) for name in ("v5", "mrl"))
    claim = f"v5 and mrl retrieve coarse classes alike at full length, within {POINTS_ALIKE} point (Figure 9)"
    return claim, group.where, verdict(abs(v5 - mrl) <= POINTS_ALIKE, f"{v5:.1f} % and {mrl:.1f} %")
