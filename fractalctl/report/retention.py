"""What shorter lengths keep and save (the Matryoshka guide's tables)."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np

from fractalctl.report.figures import new_figure
from fractalctl.report.measured import (
    SPREAD,
    Group,
    by_dims,
    decimals,
    draw_line,
    groups,
    percent,
    published,
    verdict,
)
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table

PATTERN = "evaluation-*.json"
METRIC = "retention"
KINDS = {"retained_accuracy": "k-NN accuracy", "retained_recall@10": "Recall@10"}
BACKBONE = "backbone, cut"
GUIDE_DIMENSION = 64


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on retention; None where no evaluation has the metric."""
    found = groups(documents, METRIC)
    if not found:
        return None
    text = (
        "Quality kept at each length, as a share of the same embedding's own full length: of heads, and of "
        "the untouched backbone's features cut to their first numbers. A head can keep more than 100 %."
    )
    return Section(
        "What a shorter vector keeps", [text, *tables(documents), *map(_picture, found)], _claims(found)
    )


def tables(documents: Sequence[Document]) -> list[Table]:
    """Quality kept, and what it costs."""
    made = []
    for dims, found in by_dims(groups(documents, METRIC)):
        lengths = "-".join(map(str, dims))
        made += [_kept_table(found, lengths), _cost_table(found, lengths)]
    return made


def _sides(group: Group) -> dict[str, list[Mapping[str, Any]]]:
    """Per embedding its part of every seed; the backbone is the same for all heads."""
    sides = {BACKBONE: [group.documents[0][METRIC]["backbone"]]}
    for name in group.shown:
        sides[name] = [one[METRIC]["head"] for one in group.documents if one["strategy"] == name]
    return sides


def _lengths(found: Sequence[Group]) -> list[int]:
    return sorted({int(d) for group in found for side in _sides(group).values() for d in side[0]})


def _kept_table(found: Sequence[Group], lengths: str) -> Table:
    dims, rows = _lengths(found), []
    for group in found:
        for kind, title in KINDS.items():
            for level in dict.fromkeys((group.levels[0], group.levels[-1])):
                for name, parts in _sides(group).items():
                    kept = [_kept(parts, str(d), kind, level) for d in dims]
                    rows.append([group.where, title, level, name, *map(percent, kept)])
    guide = published(METRIC)["kept"]
    rows.append(
        ["Matryoshka guide", "typical, of 768", "-", "-", *(str(guide.get(str(d), "-")) for d in dims)]
    )
    caption = f"% of the full length's quality that each length keeps, {SPREAD}."
    columns = ["where", "quality", "level", "embedding", *(f"@{d}" for d in dims)]
    return Table(f"retention-{lengths}", caption, columns, rows, left=4)


def _kept(parts: Sequence[Mapping[str, Any]], dimension: str, kind: str, level: str) -> list[float]:
    """Shares kept by every seed; none at lengths that the embedding does not have."""
    shares = [part[dimension][kind][level] for part in parts if dimension in part]
    return [share for share in shares if share is not None]


def _cost_table(found: Sequence[Group], lengths: str) -> Table:
    rows = []
    for group in found:
        parts = [document[METRIC] for document in group.documents]
        times = [part["measured_here"]["microseconds_per_query"] for part in parts]
        rows_searched = parts[0]["measured_here"]["n_reference"]
        full = mean(one[str(group.dims[-1])] for one in times)
        for d in map(str, group.dims):
            length = parts[0]["head"][d]
            spent = [one[d] for one in times]
            cells = [length["bytes_per_document"], f"{length['relative_cost']:.2f}", decimals(spent, 1)]
            rows.append([group.where, d, *cells, f"{full / mean(spent):.1f}", rows_searched])
    caption = (
        "Bytes per document (float32), numbers read and multiplied by exact search against the full length, "
        "and the measured time of exact k-NN in blocks of queries: on the machine that evaluated, mean ± "
        "standard deviation over heads. Few rows are searched here; see the latency benchmark for indexes of "
        "realistic size."
    )
    columns = ["where", "length", "bytes", "relative cost", "microseconds per query", "times faster", "rows"]
    return Table(f"retention-cost-{lengths}", caption, columns, rows)


def _picture(group: Group) -> Picture:
    figure = new_figure(8.0, 3.2)
    sides = _sides(group)
    dims = sorted({int(d) for parts in sides.values() for d in parts[0]})
    for axes, level in zip(figure.subplots(1, 2), (group.levels[0], group.levels[-1]), strict=True):
        for place, (name, parts) in enumerate(sides.items()):
            own = [int(d) for d in parts[0]]
            kept = [[part[str(d)]["retained_accuracy"][level] or np.nan for d in own] for part in parts]
            draw_line(axes, own, 100 * np.array(kept), name, (place - 1) % len(sides))
        axes.axhline(100, color="black", linewidth=0.8)
        axes.set(title=level, xlabel="dimensions (4 bytes each)", ylabel="accuracy kept (%)", xticks=dims)
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    caption = (
        f"{group.where}: k-NN accuracy at each length as a share of the same embedding's full length, mean "
        "over seeds; bars are 95 % confidence intervals of the mean. The backbone is cut without training."
    )
    return Picture(f"retention-{group.slug}", caption, figure)


def _claims(found: Sequence[Group]) -> list[Claim]:
    """The guide's share at 64 dimensions, for the strategy that trains as its models were trained."""
    wanted = published(METRIC)["kept"][str(GUIDE_DIMENSION)]
    claim = f"{GUIDE_DIMENSION} numbers of a Matryoshka head keep at least {wanted} % of the quality (guide)"
    claims = []
    for group in found:
        parts = [one[METRIC]["head"] for one in group.documents if one["strategy"] == "mrl"]
        for kind, title in KINDS.items():
            kept = _kept(parts, str(GUIDE_DIMENSION), kind, group.levels[-1])
            if kept:
                evidence = f"{title} at {group.levels[-1]}: {percent(kept)} % of {group.dims[-1]} dimensions"
                claims.append((claim, group.where, verdict(100 * mean(kept) >= wanted, evidence)))
    return claims
