"""Bits that prefixes hold of each level."""

from collections import Counter
from collections.abc import Sequence

from fractalctl.numbers import mean_sd, number, percents
from fractalctl.report.figures import highest, row_panels
from fractalctl.report.metrics import SPREAD, Shown, by_dims, metric_groups
from fractalctl.report.results import Ends, Group, Measured, Results, name_of
from fractalctl.tables import Picture, Table


def _groups(results: Results) -> list[Group]:
    """The protocol plays no part: only which rows were taken does."""
    return metric_groups(results, "information", lambda row: f"{row.result.rows.test} test rows")


def _bound(row: Measured, length: int, quantity: str, key: str = "bits") -> float:
    return float(getattr(row.result.bounds[str(length)][quantity], key))


def _called(group: Group, quantity: str) -> str:
    """Information under the names of levels: ``L1|L0`` is ``I(z; intent | area)``."""
    names = [name_of(group.titles[level]) for level in quantity.split("|")]
    return f"I(z; {' | '.join(names)})"


def _bits(values: Sequence[float]) -> str:
    return mean_sd(values, 2, sign=False)


def _bounds_table(lengths: str, groups: Sequence[Group]) -> Table:
    """Bounds by prefix."""
    dims = groups[0].first.dims
    short, rows = dims[0], []
    for group in groups:
        for quantity, entropy in group.rows[0].result.entropy.items():
            for arm in group.arms:
                found = group.of(arm)
                bits = [_bits([_bound(row, d, quantity) for row in found]) for d in dims]
                bits.append(_bits([_bound(row, short, quantity, "fano_bits") for row in found]))
                keys = ("error", "fano_error")
                errors = [percents([_bound(row, short, quantity, key) for row in found]) for key in keys]
                rows.append([group.name, _called(group, quantity), arm, number(entropy), *bits, *errors])
    columns = ["where", "quantity", "arm", "entropy", *(f"@{d}" for d in dims)]
    columns += [f"from error @{short}", f"error @{short}", f"Fano @{short}"]
    caption = (
        f"Lower bounds in bits at each prefix length, {SPREAD}; at the shortest prefix also what the probe's "
        "error rate alone proves, that error in %, and Fano's least error for the bits measured."
    )
    return Table(f"information-{lengths}", caption, columns, rows, left=3)


def _shortest_table(lengths: str, groups: Sequence[Group]) -> Table:
    """What is sure of coarse and fine information at the shortest prefix."""
    rows, ends = [], Ends.of(groups)
    for group, arm in ((one, arm) for one in groups for arm in one.arms):
        found = [row.result.theorem_1 for row in group.of(arm)]
        bits = [
            _bits([getattr(one, key).bits for one in found])
            for key in ("coarse", "fine_given_coarse", "difference")
        ]
        bits += [
            number(max(getattr(one, key).most for one in found))
            for key in ("h_coarse", "h_fine_given_coarse")
        ]
        lean = percents([(one.coarse_share or 0.0) - (one.fine_share or 0.0) for one in found], sign=True)
        sure = ", ".join(f"{count} x {word}" for word, count in Counter(one.verdict for one in found).items())
        rows.append([group.name, arm, *bits, lean, sure])
    caption = (
        f"At the shortest prefix: bits of {ends.coarsest}, bits of all finer levels given that, their "
        f"difference; the most that H({ends.coarse}) and H(finer | {ends.coarse}) can be, with 95 % "
        "confidence; the share of the former less the share of the latter, in points. "
        f"{SPREAD.capitalize()}. Per seed, with 95 % confidence, I(z; {ends.coarse}) > I(z; finer | "
        f"{ends.coarse}): holds if the coarse bound exceeds all that the finer levels can add, fails if the "
        f"fine bound exceeds all of H({ends.coarse})."
    )
    columns = ["where", "arm", "coarse", "fine given coarse", "difference"]
    columns += [f"H({ends.coarse}) at most", f"H(finer | {ends.coarse}) at most", "lean to coarse"]
    columns += ["more coarse"]
    return Table(f"information-shortest-{lengths}", caption, columns, rows, left=2)


def _picture(group: Group, places: dict[str, int]) -> Picture:
    dims, panels, alone = group.first.dims, {}, {}
    for quantity, entropy in group.rows[0].result.entropy.items():
        lines = {
            arm: (dims, [[_bound(row, d, quantity) for d in dims] for row in group.of(arm)])
            for arm in group.arms
        }
        alone[_called(group, quantity)] = lines
        panels[_called(group, quantity)] = lines | {"entropy": (dims, [[entropy] * len(dims)])}
    caption = (
        f"{group.name}: lower bounds on mutual information at each prefix length, mean over seeds; bars are "
        "95 % confidence intervals of the mean, the dashed line is all there is to know."
    )
    labels = "dimensions", "at least (bits)"
    name, alt = f"information-{group.slug}", f"Bits of each level, {group.name}. {highest(alone)}"
    return Picture(name, caption, lambda: row_panels(panels, places, *labels), alt)


SHOWN = (
    Shown(
        "information",
        "Information",
        84,
        "Lower bounds on mutual information in bits, I >= H - CE, from calibrated logistic probes on test "
        "rows. A difference of two lower bounds proves nothing by itself; a bound above the other side's "
        "entropy does. Fano's least error is that of any classifier if the prefix held no more than the "
        "bound.",
        by_dims(_groups, _bounds_table, _shortest_table),
        _groups,
        _picture,
    ),
)
