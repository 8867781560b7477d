"""Metrics that a single table shows: cascades, one head or two, leakage, localisation."""

from collections.abc import Iterator

from fractalctl.numbers import MISSING, number, percents
from fractalctl.report.metrics import SPREAD, Shown, metric_groups
from fractalctl.report.results import Ends, Group, Results
from fractalctl.tables import Table

Row = list[object]
SHARES = ("coarse_short", "coarse_full", "fine_full")
BYTES = ("bytes_per_document", "coarse_query_bytes", "head_bytes")
PLACES = ("first", "rest")


def _cascade(results: Results) -> list[Table]:
    """What shortlists keep, what they answer, and what they cost."""
    rows: list[Row] = []
    for group, arm in _arms(results, "cascade"):
        found = [row.result for row in group.of(arm)]
        for name in found[0].shortlists:
            lists = [one.shortlists[name] for one in found]
            shares = [percents([one.kept for one in lists])]
            shares += [percents([one.recall_at_1 for one in side]) for side in (lists, found)]
            rows.append([group.name, arm, name, lists[0].size, *shares, number(lists[0].multiply_adds)])
    ends = Ends.of(metric_groups(results, "cascade"))
    caption = (
        f"In %, {SPREAD}: queries whose nearest neighbour survives a shortlist of 64, or of 1 % of the rows "
        f"but no fewer than 64; queries whose first answer is right at {ends.finest} (R@1), by cascade and "
        "by full search. Cost is multiply-adds over those of full search."
    )
    columns = ["where", "arm", "list", "rows", "kept", "R@1 cascade", "R@1 full", "cost"]
    return [Table("cascade", caption, columns, rows, left=3)] if rows else []


def _dual(results: Results) -> list[Table]:
    """Accuracies and storage of one head and of two."""
    rows: list[Row] = []
    groups = metric_groups(results, "dual")
    for group in groups:
        sides = {"two, dedicated": [row.result.dedicated for row in group.of(group.arms[0])]}
        sides |= {arm: [row.result.single for row in group.of(arm)] for arm in group.arms}
        for name, found in sides.items():
            shares = [percents([getattr(side, key) for side in found]) for key in SHARES]
            rows.append([group.name, name, *shares, *(getattr(found[0], key) for key in BYTES)])
    ends = Ends.of(groups)
    caption = (
        f"k-NN accuracy in % at {ends.coarsest} and at {ends.finest}, {SPREAD}, and bytes: of one stored "
        f"document, of what exact search reads of it for a {ends.coarse} query, and of the weights."
    )
    columns = ["where", "heads", f"{ends.coarse}, shortest", f"{ends.coarse}, full", f"{ends.fine}, full"]
    columns += ["document", f"{ends.coarse} query", "weights"]
    return [Table("dual", caption, columns, rows, left=2)] if rows else []


def _leakage(results: Results) -> list[Table]:
    """Linear probe and k-NN of the shortest prefix, between the floor and the untouched features."""
    rows: list[Row] = []
    for group, arm in _arms(results, "leakage"):
        fine = group.ends[-1]
        found = [row for row in group.of(arm) if row.result.probe]
        if not found:
            rows.append([group.name, arm, *[MISSING] * 5])
            continue
        probes = [[row.result.probe[level] for row in found] for level in (group.levels[0], fine)]
        nearest = [row.document.accuracy[str(row.result.short)][fine] for row in found]
        frame = [[found[0].result.floor], [found[0].result.flat[fine]]]
        rows.append([group.name, arm, *map(percents, [*probes, nearest, *frame])])
    ends = Ends.of(metric_groups(results, "leakage"))
    caption = (
        f"Accuracy in %, {SPREAD}: a linear probe of the shortest prefix at {ends.coarsest} and at "
        f"{ends.finest} (leakage), k-NN of that prefix at the latter, the floor (only the class at the "
        "former known), and the same probe of the whole untouched features."
    )
    columns = ["where", "arm", ends.coarse, "leakage", "by k-NN", "floor", "untouched"]
    return [Table("leakage", caption, columns, rows, left=2)] if rows else []


def _localisation(results: Results) -> list[Table]:
    """Accuracy of both places at the coarsest and the finest level."""
    rows: list[Row] = []
    for group, arm in _arms(results, "localisation"):
        found = [row.result for row in group.of(arm)]
        spans = ["-".join(map(str, getattr(found[0].dimensions, place))) for place in PLACES]
        cells = [
            percents([getattr(one.accuracy, place)[level] for one in found])
            for level in (group.levels[0], group.levels[-1])
            for place in PLACES
        ]
        apart = percents([one.separation for one in found], sign=True)
        rows.append([group.name, arm, *spans, *cells, apart])
    ends = Ends.of(metric_groups(results, "localisation"))
    columns = ["where", "arm", *PLACES]
    columns += [f"{level}, {place}" for level in (ends.coarse, ends.fine) for place in PLACES]
    caption = (
        f"k-NN accuracy in % from the first block and from the rest, at {ends.coarsest} and at "
        f"{ends.finest}, {SPREAD}."
    )
    return [Table("localisation", caption, [*columns, "separation"], rows, left=2)] if rows else []


def _arms(results: Results, metric: str) -> Iterator[tuple[Group, str]]:
    for group in metric_groups(results, metric):
        yield from ((group, arm) for arm in group.arms)


SHOWN = (
    Shown(
        "cascade",
        "Cascades",
        85,
        "The shortest prefix makes a shortlist, which is searched again at full length. Kept is the share of "
        "queries whose nearest neighbour at full length is on the list.",
        _cascade,
    ),
    Shown(
        "dual",
        "One head or two",
        83,
        "Two dedicated heads, one trained on the coarsest level and one on the finest, need two indexes; "
        "one head is cut to its shortest prefix for coarse queries.",
        _dual,
    ),
    Shown(
        "leakage",
        "Leakage",
        84,
        "A coarse prefix should not tell the finest class. The linear probe (shrunken discriminants, fitted "
        "on the training rows) says how well it does all the same; the floor is what knowing the coarsest "
        "class alone gives. Leakage is no fault where a cascade is wanted.",
        _leakage,
    ),
    Shown(
        "localisation",
        "Localisation",
        81,
        "k-NN with the first block alone, and with all later blocks alone. Separation is by how much more "
        "the first block leads (or the less it trails) at the coarsest level than at the finest.",
        _localisation,
    ),
)
