"""A part of the comparison with the paper: judges claims on groups of results, sets numbers side by side."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fractalctl.paper.judging import Finding, Verdict
from fractalctl.paper.places import Beside
from fractalctl.paper.printed import chapter_words
from fractalctl.report.results import Results
from fractalctl.tables import Part, Section, Table

FEW = 6
"""So many findings are shown at once; a page opens more on demand."""
MARKS = {
    "holds": "good",
    "does not hold": "bad",
    "cannot tell": "between",
    Verdict.DIRECTION.value: "between",
}


def nothing(group: Any) -> Iterator[Any]:  # noqa: ARG001  the shape of a chapter's parts
    """Of a chapter without claims, or without numbers."""
    return iter(())


@dataclass(frozen=True)
class Chapter:
    """One table, figure or section of the paper.

    Attributes:
        name: stem of its tables' names; its words stand under it in ``claims.toml``.
        groups: what the chapter looks at, in groups that are judged each by itself.
        judge: the claims on one group.
        beside: numbers of one group that the paper prints too.
    """

    name: str
    groups: Callable[[Results], Sequence[Any]]
    judge: Callable[[Any], Iterable[Finding]] = nothing
    beside: Callable[[Any], Iterable[Beside]] = nothing

    def findings(self, results: Results) -> list[Finding]:
        """Everything that is judged, in order."""
        return [found for group in self.groups(results) for found in self.judge(group)]

    def rows(self, results: Results) -> list[Beside]:
        """Everything that stands beside the paper's numbers, once each."""
        return list(dict.fromkeys(row for group in self.groups(results) for row in self.beside(group)))

    def section(self, results: Results, order: float) -> tuple[Section | None, list[Finding]]:
        """The chapter over results, None where nothing there concerns it; and its findings."""
        found, rows = self.findings(results), self.rows(results)
        title, text = chapter_words(self.name)
        parts: list[Part] = [text]
        if rows:
            columns = ["where", "arms", "what", "here", "paper"]
            parts.append(
                Table(f"paper-{self.name}", f"{title}: here and in the paper.", columns, rows, left=3)
            )
        if found:
            parts.append(_verdicts(self.name, found))
        return Section(title, parts, order) if found or rows else None, found


def _verdicts(name: str, found: Sequence[Finding]) -> Table:
    counts = Counter(one.verdict for one in found)
    caption = ", ".join(f"{verdict.value}: {counts[verdict]}" for verdict in Verdict if counts[verdict])
    # The verdict comes first: a page keeps the first column in sight, however narrow it is.
    rows = [[one.verdict.value, one.claim.text, one.where, one.arms, one.evidence] for one in found]
    columns = ["verdict", "claim", "where", "arms", "evidence"]
    folded = len(rows) > FEW
    return Table(f"verdicts-{name}", f"Verdicts. {caption}.", columns, rows, 5, marks=MARKS, folded=folded)
