"""What the shortest prefix tells of the finest class."""

from fractalctl.numbers import MISSING, percents
from fractalctl.report.metrics import SPREAD, metric_groups
from fractalctl.report.results import Results
from fractalctl.tables import Section, Table

ORDER = 84


def build(results: Results) -> Section | None:
    """The report's part on leakage."""
    tables = metric_tables(results)
    text = (
        "A coarse prefix should not tell the finest class. The linear probe (shrunken discriminants, fitted "
        "on the training rows) says how well it does all the same; the floor is what knowing the coarsest "
        "class alone gives. Leakage is no fault where a cascade is wanted."
    )
    return Section("Leakage", [text, *tables], ORDER) if tables else None


def metric_tables(results: Results) -> list[Table]:
    """Linear probe and k-NN of the shortest prefix, between the floor and the untouched features."""
    rows = []
    for group in metric_groups(results, "leakage"):
        fine = group.ends[-1]
        for arm in group.arms:
            found = [row for row in group.of(arm) if row.result.probe]
            if not found:
                rows.append([group.name, arm, *[MISSING] * 5])
                continue
            probes = [[row.result.probe[level] for row in found] for level in (group.levels[0], fine)]
            nearest = [row.document.accuracy[str(row.result.short)][fine] for row in found]
            frame = [[found[0].result.floor], [found[0].result.flat[fine]]]
            rows.append([group.name, arm, *map(percents, [*probes, nearest, *frame])])
    caption = (
        f"Accuracy in %, {SPREAD}: a linear probe of the shortest prefix at the coarsest and the finest "
        "level (leakage), k-NN of that prefix at the finest, the floor (only the coarsest class known), and "
        "the same probe of the whole untouched features."
    )
    columns = ["where", "arm", "coarse", "leakage", "by k-NN", "floor", "untouched"]
    return [Table("leakage", caption, columns, rows, left=2)] if rows else []
