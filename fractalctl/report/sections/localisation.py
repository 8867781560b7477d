"""Where levels live in an embedding."""

from fractalctl.numbers import percents
from fractalctl.report.metrics import SPREAD, metric_groups
from fractalctl.report.results import Results
from fractalctl.tables import Section, Table

ORDER = 81
PLACES = ("first", "rest")


def build(results: Results) -> Section | None:
    """The report's part on localisation."""
    tables = metric_tables(results)
    text = (
        "k-NN with the first block alone, and with all later blocks alone. Separation is by how much more "
        "the first block leads (or the less it trails) at the coarsest level than at the finest."
    )
    return Section("Localisation", [text, *tables], ORDER) if tables else None


def metric_tables(results: Results) -> list[Table]:
    """Accuracy of both places at the coarsest and the finest level."""
    rows = []
    for group in metric_groups(results, "localisation"):
        for arm in group.arms:
            found = [row.result for row in group.of(arm)]
            spans = ["-".join(map(str, getattr(found[0].dimensions, place))) for place in PLACES]
            cells = [
                percents([getattr(one.accuracy, place)[level] for one in found])
                for level in (group.levels[0], group.levels[-1])
                for place in PLACES
            ]
            apart = percents([one.separation for one in found], sign=True)
            rows.append([group.name, arm, *spans, *cells, apart])
    columns = ["where", "arm", "first", "rest", "coarse, first", "coarse, rest", "fine, first", "fine, rest"]
    caption = (
        f"k-NN accuracy in % from the first block and from the rest, coarsest and finest level, {SPREAD}."
    )
    return [Table("localisation", caption, [*columns, "separation"], rows, left=2)] if rows else []
