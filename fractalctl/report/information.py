"""Bits that prefixes hold of each level (paper, Section 9, Theorem 1)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import mean
from typing import Any

import numpy as np

from fractalctl.report.figures import new_figure
from fractalctl.report.measured import (
    SPREAD,
    Contest,
    Group,
    by_dims,
    decimals,
    draw_line,
    groups,
    larger,
    percent,
    verdict,
)
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table

PATTERN = "evaluation-*.json"
METRIC = "information"
MEANING = {
    "holds": "the coarse bound exceeds H(finer | L0)",
    "fails": "the fine bound exceeds H(L0)",
    "open": "neither bound exceeds the other's entropy",
}


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on information; None where no evaluation has the metric."""
    found = _groups(documents)
    if not found:
        return None
    text = (
        "Lower bounds on mutual information in bits, I >= H - CE, from calibrated logistic probes on test "
        "rows. A difference of two lower bounds proves nothing by itself; a bound above the other side's "
        "entropy does. Fano's least error is that of any classifier if the prefix held no more than the "
        "bound."
    )
    return Section("Information", [text, *tables(documents), *map(_picture, found)], _claims(found))


def tables(documents: Sequence[Document]) -> list[Table]:
    """Bounds by prefix, and Theorem 1 at the shortest."""
    made = []
    for dims, found in by_dims(_groups(documents)):
        lengths = "-".join(map(str, dims))
        made += [_bounds_table(dims, found, lengths), _theorem_table(found, lengths)]
    return made


def _groups(documents: Sequence[Document]) -> list[Group]:
    return groups(documents, METRIC, lambda document: f"{document[METRIC]['rows']['test']} test rows")


def _bound(dimension: int, quantity: str, key: str, part: Mapping[str, Any]) -> float:
    return float(part["bounds"][str(dimension)][quantity][key])


def _quantities(group: Group) -> dict[str, float]:
    """Names of what there is to know, with its entropy in bits."""
    return dict(group.documents[0][METRIC]["entropy"])


def _bounds_table(dims: Sequence[int], found: Sequence[Group], lengths: str) -> Table:
    rows = []
    for group in found:
        for quantity, entropy in _quantities(group).items():
            for name in group.shown:
                bits = [decimals(group.values(name, partial(_bound, d, quantity, "bits")), 2) for d in dims]
                errors = [
                    percent(group.values(name, partial(_bound, dims[0], quantity, key)))
                    for key in ("error", "fano_error")
                ]
                proven = decimals(group.values(name, partial(_bound, dims[0], quantity, "fano_bits")), 2)
                rows.append(
                    [group.where, f"I(z; {quantity})", name, f"{entropy:.2f}", *bits, proven, *errors]
                )
    caption = (
        f"Lower bounds in bits at each prefix length, {SPREAD}; at the shortest prefix also what the probe's "
        "error rate alone proves, that error in %, and Fano's least error for the bits measured."
    )
    columns = ["where", "quantity", "strategy", "entropy", *(f"@{d}" for d in dims)]
    short = dims[0]
    columns += [f"from error @{short}", f"error @{short}", f"Fano @{short}"]
    return Table(f"information-{lengths}", caption, columns, rows, left=3)


def _theorem(key: str, part: Mapping[str, Any]) -> float:
    return float(part["theorem_1"][key]["bits"])


def _lean(part: Mapping[str, Any]) -> float:
    """By how much more of the coarse information the prefix holds than of the fine, as shares of each."""
    theorem = part["theorem_1"]
    return float((theorem["coarse_share"] or 0.0) - (theorem["fine_share"] or 0.0))


def _verdicts(group: Group, strategy: str) -> Counter[str]:
    parts = [document[METRIC] for document in group.documents if document["strategy"] == strategy]
    return Counter(part["theorem_1"]["verdict"] for part in parts)


def _theorem_table(found: Sequence[Group], lengths: str) -> Table:
    rows = []
    for group in found:
        for name in group.strategies:
            bits = [
                decimals(group.values(name, partial(_theorem, key)), 2)
                for key in ("coarse", "fine_given_coarse", "difference")
            ]
            counts = ", ".join(f"{count} x {word}" for word, count in _verdicts(group, name).items())
            rows.append([group.where, name, *bits, percent(group.values(name, _lean), "+"), counts])
    caption = (
        "Theorem 1 at the shortest prefix: bits of L0, bits of all finer levels given L0, their difference; "
        f"the share of H(L0) less the share of H(finer given L0), in points. {SPREAD.capitalize()}. Per "
        "seed, with 95 % confidence: holds if the coarse bound exceeds H(finer given L0), fails if the fine "
        "bound exceeds H(L0)."
    )
    columns = ["where", "strategy", "coarse", "fine given coarse", "difference", "lean to coarse", "Eq. 5"]
    return Table(f"theorem-1-{lengths}", caption, columns, rows, left=2)


def _picture(group: Group) -> Picture:
    entropies = _quantities(group)
    figure = new_figure(1.6 + 3.2 * len(entropies), 3.2)
    panels = figure.subplots(1, len(entropies), squeeze=False)[0]
    for axes, (quantity, entropy) in zip(panels, entropies.items(), strict=True):
        for place, name in enumerate(group.shown):
            columns = [group.values(name, partial(_bound, d, quantity, "bits")) for d in group.dims]
            draw_line(axes, group.dims, np.array(columns).T, name, place)
        axes.axhline(entropy, color="black", linestyle="--", linewidth=0.8, label="entropy")
        axes.set(title=f"I(z; {quantity})", xlabel="dimensions", ylabel="at least (bits)", xticks=group.dims)
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    caption = (
        f"{group.where}: lower bounds on mutual information at each prefix length, mean over seeds; bars are "
        "95 % confidence intervals of the mean, the dashed line is all there is to know."
    )
    return Picture(f"information-{group.slug}", caption, figure)


def _claims(found: Sequence[Group]) -> list[Claim]:
    leans = [Contest(group.where, group.by_seed("v5", _lean), group.by_seed("mrl", _lean)) for group in found]
    inequality = [_inequality(group) for group in found if "v5" in group.strategies]
    claim = "v5's shortest prefix leans to coarse information more than mrl's (Theorem 1)"
    return [*inequality, *larger(claim, leans, _leanings)]


def _leanings(v5: float, mrl: float) -> str:
    return f"share of H(L0) less share of H(finer given L0): {100 * v5:+.1f} points against {100 * mrl:+.1f}"


def _inequality(group: Group) -> Claim:
    """Eq. 5 by what is certain in every seed, else by what the bounds hint at."""
    counts = _verdicts(group, "v5")
    coarse, fine = (
        mean(group.values("v5", partial(_theorem, key))) for key in ("coarse", "fine_given_coarse")
    )
    seeds = ", ".join(f"{count} of {counts.total()} seeds: {MEANING[word]}" for word, count in counts.items())
    evidence = f"at least {coarse:.2f} bits of L0, at least {fine:.2f} of finer levels given L0; {seeds}"
    claim = "under v5, I(z_1; L0) > I(z_1; L1 | L0) (Theorem 1, Eq. 5)"
    if set(counts) == {"open"} and coarse > fine:
        return claim, group.where, f"**same direction, not significant**: {evidence}"
    return claim, group.where, verdict(counts["holds"] == counts.total(), evidence)
