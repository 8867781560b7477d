"""Where levels live in an embedding (paper, Section 5.1)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fractalctl.report.measured import SPREAD, Contest, Group, groups, larger, percent, published
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Section, Table

PATTERN = "evaluation-*.json"
METRIC = "localisation"
PAPER_PROTOCOL = "index"
"""The paper does not say which rows answer; its 95 % on fine classes need as many as this protocol has."""


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on localisation; None where no evaluation has the metric."""
    found = groups(documents, METRIC)
    if not found:
        return None
    text = (
        "k-NN with the first block alone, and with all later blocks alone. Separation is by how much more "
        "the first block leads (or the less it trails) at the coarsest level than at the finest."
    )
    return Section("Localisation", [text, *tables(documents)], _claims(found))


def tables(documents: Sequence[Document]) -> list[Table]:
    """Accuracy of both places at the coarsest and the finest level."""
    rows, paper = [], published(METRIC)
    for group in groups(documents, METRIC):
        ends = (group.levels[0], group.levels[-1])
        theirs = paper.get(group.corpus, {}) if group.condition == PAPER_PROTOCOL else {}
        first, rest = (1, group.dims[0]), (group.dims[0] + 1, group.dims[-1])
        for name in group.strategies:
            cells = [
                percent(group.values(name, partial(_accuracy, place, level)))
                for level in ends
                for place in ("first", "rest")
            ]
            separation = percent(group.values(name, _separation), "+")
            spans = ["-".join(map(str, span)) for span in (first, rest)]
            rows.append([group.where, name, *spans, *cells, separation, theirs.get(name, "-")])
    if not rows:
        return []
    caption = (
        f"k-NN accuracy in % from the first block and from the rest, coarsest and finest level, {SPREAD} "
        "(Section 5.1; the paper's figure, finest level from the first block, stands beside the dense "
        "protocol)."
    )
    columns = ["where", "strategy", "first", "rest", "coarse, first", "coarse, rest", "fine, first"]
    return [Table(METRIC, caption, [*columns, "fine, rest", "separation", "paper"], rows, left=2)]


def _accuracy(place: str, level: str, part: Mapping[str, Any]) -> float:
    return float(part["accuracy"][place][level])


def _separation(part: Mapping[str, Any]) -> float:
    return float(part["separation"])


def _claims(found: Sequence[Group]) -> list[Claim]:
    less, apart = [], []
    for group in found:
        fine = partial(_accuracy, "first", group.levels[-1])
        v5, mrl = (group.by_seed(name, fine) for name in ("v5", "mrl"))
        less.append(Contest(group.where, mrl, v5, group.condition))
        v5, mrl = (group.by_seed(name, _separation) for name in ("v5", "mrl"))
        apart.append(Contest(group.where, v5, mrl, group.condition))
    return [
        *larger("v5's first block tells fine classes worse than mrl's (Section 5.1)", less, _shares),
        *larger("v5 separates the levels by place more than mrl does (Section 5.1)", apart, _separations),
    ]


def _shares(mrl: float, v5: float) -> str:
    return f"v5 {100 * v5:.1f} %, mrl {100 * mrl:.1f} %"


def _separations(v5: float, mrl: float) -> str:
    return f"separation {100 * v5:+.1f} points against {100 * mrl:+.1f}"
