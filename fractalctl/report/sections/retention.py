"""What shorter lengths keep and save."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from fractalctl.numbers import mean_sd, number, percents
from fractalctl.report.figures import highest, row_panels
from fractalctl.report.metrics import SPREAD, Shown, by_dims, metric_groups
from fractalctl.report.results import Group, Results
from fractalctl.tables import Picture, Table

KINDS = {"retained_accuracy": "k-NN accuracy", "retained_hit_rate_at_10": "hit rate at 10"}


def _groups(results: Results) -> list[Group]:
    return metric_groups(results, "retention")


def _sides(group: Group) -> dict[str, list[Mapping[str, Any]]]:
    """Per embedding its part of every seed; the backbone is the same for all heads."""
    sides = {"backbone, cut": [group.rows[0].result.backbone]}
    return sides | {arm: [row.result.head for row in group.of(arm)] for arm in group.arms}


def _kept_table(lengths: str, groups: Sequence[Group]) -> Table:
    dims = sorted({int(d) for group in groups for side in _sides(group).values() for d in side[0]})
    rows = []
    keys = [(one, kind, level) for one in groups for kind in KINDS for level in one.ends]
    for group, kind, level in keys:
        for name, parts in _sides(group).items():
            shares = [[getattr(part[str(d)], kind)[level] for part in parts if str(d) in part] for d in dims]
            kept = [percents([share for share in found if share is not None]) for found in shares]
            rows.append([group.name, KINDS[kind], group.titles[level], name, *kept])
    columns = ["where", "quality", "level", "embedding", *(f"@{d}" for d in dims)]
    caption = f"% of the full length's quality that each length keeps, {SPREAD}."
    return Table(f"retention-{lengths}", caption, columns, rows, left=4)


def _cost_table(lengths: str, groups: Sequence[Group]) -> Table:
    rows = []
    for group in groups:
        first = group.rows[0].result
        times = [row.result.measured_here.microseconds_per_query for row in group.rows]
        full = mean(one[str(group.first.dims[-1])] for one in times)
        for d in map(str, group.first.dims):
            length, spent = first.head[d], [one[d] for one in times]
            cells = [length.bytes_per_document, number(length.relative_cost), mean_sd(spent, 1, sign=False)]
            rows.append(
                [group.name, d, *cells, number(full / mean(spent), 1), first.measured_here.n_reference]
            )
    caption = (
        "Bytes per document (float32), numbers read and multiplied by exact search against the full length, "
        "and the measured time of exact k-NN in blocks of queries: on the machine that evaluated, mean ± "
        "standard deviation over heads. Few rows are searched here; see the latency benchmark for indexes "
        "of realistic size."
    )
    columns = ["where", "length", "bytes", "relative cost", "microseconds per query", "times faster", "rows"]
    return Table(f"retention-cost-{lengths}", caption, columns, rows, folded=True)


def _picture(group: Group, places: dict[str, int]) -> Picture:
    panels = {
        group.titles[level]: {
            name: ([*map(int, parts[0])], [_kept(part, level) for part in parts])
            for name, parts in _sides(group).items()
        }
        for level in group.ends
    }  # fmt: skip
    caption = (
        f"{group.name}: k-NN accuracy at each length as a share of the same embedding's full length, mean "
        "over seeds; bars are 95 % confidence intervals of the mean. The backbone (dashed) is cut without "
        "training."
    )
    labels = "dimensions (4 bytes each)", "accuracy kept (%)"
    name, alt = f"retention-{group.slug}", f"Accuracy kept, {group.name}. {highest(panels)}"
    return Picture(name, caption, lambda: row_panels(panels, places, *labels), alt)


def _kept(part: Mapping[str, Any], level: str) -> list[float]:
    shares = [length.retained_accuracy[level] for length in part.values()]
    return [float("nan") if share is None else 100 * share for share in shares]


SHOWN = (
    Shown(
        "retention",
        "What a shorter vector keeps",
        85,
        "Quality kept at each length, as a share of the same embedding's own full length: of heads, and of "
        "the untouched backbone's features cut to their first numbers. A head can keep more than 100 %.",
        by_dims(_groups, _kept_table, _cost_table),
        _groups,
        _picture,
    ),
)
