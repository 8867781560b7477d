"""Retrieval by prefix."""

from collections.abc import Sequence

from fractalctl.numbers import percents
from fractalctl.report.figures import highest, row_panels
from fractalctl.report.metrics import SPREAD, Shown, by_dims, metric_groups
from fractalctl.report.results import Group, Measured, Results
from fractalctl.tables import Picture, Table

DEPTHS = ("5", "10", "20")


def _groups(results: Results) -> list[Group]:
    """The protocol plays no part: only which rows were taken does."""
    return metric_groups(
        results, "retrieval", lambda row: f"{row.result.n_queries + row.result.n_documents} test rows"
    )


def _rate(row: Measured, length: int, level: str, k: str = "1") -> float:
    return float(row.result.hit_rate[str(length)][level][k])


def _rates_table(lengths: str, groups: Sequence[Group]) -> Table:
    """Hit rate at 1 by prefix."""
    dims, rows = groups[0].first.dims, []
    for group, level, arm, found in (
        (g, level, arm, g.of(arm)) for g in groups for level in g.levels for arm in g.arms
    ):
        shares = [percents([_rate(row, d, level) for row in found]) for d in dims]
        rises = [_rate(row, dims[-1], level) - _rate(row, dims[0], level) for row in found]
        rows.append([group.name, group.titles[level], arm, *shares, percents(rises, sign=True)])
    columns = ["where", "level", "arm", *(f"@{d}" for d in dims), "ramp (points)"]
    return Table(
        f"retrieval-{lengths}", f"Hit rate at 1 in % at each prefix length, {SPREAD}.", columns, rows, left=3
    )


def _depth_table(lengths: str, groups: Sequence[Group]) -> Table:
    """How hits and ranks go on at the two ends."""
    dims, rows = groups[0].first.dims, []
    ends = list(dict.fromkeys((dims[0], dims[-1])))
    for group, level, arm, found in (
        (g, level, arm, g.of(arm)) for g in groups for level in g.ends for arm in g.arms
    ):
        cells = []
        for d in ends:
            cells += [percents([_rate(row, d, level, k) for row in found]) for k in DEPTHS]
            cells.append(percents([row.result.mrr[str(d)][level] for row in found]))
        rows.append([group.name, group.titles[level], arm, *cells])
    heads = [f"{what} @{d}" for d in ends for what in (*(f"hit {k}" for k in DEPTHS), "MRR")]
    caption = (
        f"Hit rates at 5, 10, 20 and mean reciprocal rank in % at the shortest and the full length, {SPREAD}."
    )
    return Table(
        f"retrieval-depth-{lengths}", caption, ["where", "level", "arm", *heads], rows, left=3, folded=True
    )


def _picture(group: Group, places: dict[str, int]) -> Picture:
    dims = group.first.dims
    panels = {
        group.titles[level]: {
            arm: (dims, [[100 * _rate(row, d, level) for d in dims] for row in group.of(arm)])
            for arm in group.arms
        }
        for level in group.ends
    }
    caption = f"{group.name}: hit rate at 1 at each prefix length, mean over seeds with 95 % intervals."
    labels = "dimensions", "hit rate at 1 (%)"
    name, alt = f"retrieval-{group.slug}", f"Hit rate at 1, {group.name}. {highest(panels)}"
    return Picture(name, caption, lambda: row_panels(panels, places, *labels), alt)


SHOWN = (
    Shown(
        "retrieval",
        "Retrieval",
        80,
        "The test rows are split in half at random: one half asks, the other is searched by cosine, every "
        "prefix normalised anew. The hit rate at k is the share of queries with a document of their class "
        "among the first k.",
        by_dims(_groups, _rates_table, _depth_table),
        _groups,
        _picture,
    ),
)
