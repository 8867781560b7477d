"""Two stages against one: a shortlist by the shortest prefix, searched again at full length."""

from fractalctl.numbers import number, percents
from fractalctl.report.metrics import SPREAD, metric_groups
from fractalctl.report.results import Results
from fractalctl.tables import Section, Table

ORDER = 85


def build(results: Results) -> Section | None:
    """The report's part on cascades."""
    tables = metric_tables(results)
    text = (
        "The shortest prefix makes a shortlist, which is searched again at full length. Kept is the share of "
        "queries whose nearest neighbour at full length is on the list."
    )
    return Section("Cascades", [text, *tables], ORDER) if tables else None


def metric_tables(results: Results) -> list[Table]:
    """What shortlists keep, what they answer, and what they cost."""
    rows = []
    for group in metric_groups(results, "cascade"):
        for arm in group.arms:
            found = [row.result for row in group.of(arm)]
            for name in found[0].shortlists:
                lists = [one.shortlists[name] for one in found]
                shares = [percents([one.kept for one in lists])]
                shares += [percents([one.recall_at_1 for one in side]) for side in (lists, found)]
                rows.append([group.name, arm, name, lists[0].size, *shares, number(lists[0].multiply_adds)])
    caption = (
        f"In %, {SPREAD}: queries whose nearest neighbour survives a shortlist of 64, or of 1 % of the rows "
        "but no fewer than 64; queries whose first answer is of their finest class, by cascade and by full "
        "search. Cost is multiply-adds over those of full search."
    )
    columns = ["where", "arm", "list", "rows", "kept", "R@1 cascade", "R@1 full", "cost"]
    return [Table("cascade", caption, columns, rows, left=3)] if rows else []
