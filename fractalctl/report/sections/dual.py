"""One head for two levels against a dedicated head for each."""

from fractalctl.numbers import percents
from fractalctl.report.metrics import SPREAD, metric_groups
from fractalctl.report.results import Results
from fractalctl.tables import Section, Table

ORDER = 83
SHARES = ("coarse_short", "coarse_full", "fine_full")
BYTES = ("bytes_per_document", "coarse_query_bytes", "head_bytes")


def build(results: Results) -> Section | None:
    """The report's part on dual encoders."""
    tables = metric_tables(results)
    text = (
        "Two dedicated heads, one trained on the coarsest level and one on the finest, need two indexes; "
        "one head is cut to its shortest prefix for coarse queries."
    )
    return Section("One head or two", [text, *tables], ORDER) if tables else None


def metric_tables(results: Results) -> list[Table]:
    """Accuracies and storage of one head and of two."""
    rows = []
    for group in metric_groups(results, "dual"):
        sides = {"two, dedicated": [row.result.dedicated for row in group.of(group.arms[0])]}
        sides |= {arm: [row.result.single for row in group.of(arm)] for arm in group.arms}
        for name, found in sides.items():
            shares = [percents([getattr(side, key) for side in found]) for key in SHARES]
            rows.append([group.name, name, *shares, *(getattr(found[0], key) for key in BYTES)])
    caption = (
        f"k-NN accuracy in %, {SPREAD}, and bytes: of one stored document, of what exact search reads of it "
        "for a coarse query, and of the weights."
    )
    columns = ["where", "heads", "coarse, shortest", "coarse, full", "fine, full"]
    columns += ["document", "coarse query", "weights"]
    return [Table("dual", caption, columns, rows, left=2)] if rows else []
