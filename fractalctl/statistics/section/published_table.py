"""The table of printed figures that the paper's own measurements do not give."""

from collections.abc import Iterable

from fractalctl.statistics.section.formatting import number
from fractalctl.statistics.section.writing import Document, Table


def published_table(document: Document) -> Iterable[Table]:
    """What the paper prints beside what its Table 11 gives; the notes explain the reasons by their letter."""
    letters = reasons(document)
    rows = [
        [figure["name"], figure["printed"], number(figure["computed"], 4), letters.get(figure["remark"], "")]
        for figure in document.get("published", [])
        if not figure["agrees"]
    ]
    if rows:
        yield Table(
            "Printed in the paper, but not what its Table 11 gives",
            ["figure", "printed", "here", "why"],
            rows,
        )


def reasons(document: Document) -> dict[str, str]:
    """Each reason for a disagreement with the letter that the table calls it by."""
    remarks = [figure["remark"] for figure in document.get("published", []) if figure["remark"]]
    return {remark: f"({chr(ord('a') + i)})" for i, remark in enumerate(dict.fromkeys(remarks))}
