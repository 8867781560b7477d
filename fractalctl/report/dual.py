"""One head for two levels against a dedicated head for each (paper, Section 7)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fractalctl.report.measured import SPREAD, Contest, Group, groups, larger, percent, published, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Section, Table

PATTERN = "evaluation-*.json"
METRIC = "dual"
PAPER_PROTOCOL = "index"
"""As in `fractalctl.report.localisation`: the paper's fine accuracies need a dense reference."""
SMALL_LOSS = 1.0
"""Points of fine accuracy; the paper's v5 loses 0.3."""

SINGLE, DEDICATED = "single", "dedicated"


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on dual encoders; None where no evaluation has the metric."""
    found = groups(documents, METRIC)
    if not found:
        return None
    text = (
        "Two dedicated heads, coarse and fine, of the same recipe and seeds, need two indexes; one head is "
        "cut to its shortest prefix for coarse queries."
    )
    return Section("One head or two", [text, *tables(documents)], _claims(found))


def tables(documents: Sequence[Document]) -> list[Table]:
    """Accuracies and storage of one head and of two."""
    rows, paper = [], published(METRIC)
    for group in groups(documents, METRIC):
        theirs = paper.get(group.corpus) if group.condition == PAPER_PROTOCOL else None
        names = [name for name in group.strategies if name not in ("coarse", "fine")]
        rows += [_row(group, names[0], DEDICATED, theirs)] if names else []
        rows += [_row(group, name, SINGLE, theirs) for name in names]
    if not rows:
        return []
    caption = (
        f"k-NN accuracy in %, {SPREAD}, and bytes: of one stored document, of what exact search reads of it "
        "for a coarse query, and of the weights (Section 7; the paper's figures stand beside the dense "
        "protocol)."
    )
    columns = ["where", "heads", "coarse, shortest", "coarse, full", "fine, full", "document", "coarse query"]
    return [Table(METRIC, caption, [*columns, "weights", "paper coarse", "paper fine"], rows, left=2)]


def _row(group: Group, strategy: str, side: str, theirs: Mapping[str, float] | None) -> list[str]:
    parts = [document[METRIC][side] for document in group.documents if document["strategy"] == strategy]
    shares = [percent([part[key] for part in parts]) for key in ("coarse_short", "coarse_full", "fine_full")]
    sizes = [str(parts[0][key]) for key in ("bytes_per_document", "coarse_query_bytes", "head_bytes")]
    keys = {DEDICATED: ("dedicated_coarse", "dedicated_fine"), "v5": ("v5_coarse_short", "v5_fine_full")}
    name = "coarse + fine" if side == DEDICATED else strategy
    wanted = keys.get(DEDICATED if side == DEDICATED else strategy)
    beside = [f"{theirs[key]:.1f}" for key in wanted] if theirs and wanted else ["-", "-"]
    return [group.where, name, *shares, *sizes, *beside]


def _read(side: str, key: str, part: Mapping[str, Any]) -> float:
    return float(part[side][key])


def _claims(found: Sequence[Group]) -> list[Claim]:
    coarse, fine = [], []
    for group in found:
        if "v5" not in group.strategies:
            continue
        ours = group.by_seed("v5", partial(_read, SINGLE, "coarse_short"))
        theirs = group.by_seed("v5", partial(_read, DEDICATED, "coarse_full"))
        coarse.append(Contest(group.where, ours, theirs, group.condition))
        fine.append(_fine_claim(group))
    claim = "v5's shortest prefix beats a dedicated coarse encoder at full length (Section 7)"
    return [*larger(claim, coarse, _shares), *fine]


def _shares(v5: float, dedicated: float) -> str:
    return f"{100 * v5:.1f} % against {100 * dedicated:.1f} %"


def _fine_claim(group: Group) -> Claim:
    ours, theirs = (
        [100 * share for share in group.values("v5", partial(_read, side, "fine_full"))]
        for side in (SINGLE, DEDICATED)
    )
    v5, dedicated = sum(ours) / len(ours), sum(theirs) / len(theirs)
    claim = f"v5 at full length is within {SMALL_LOSS:.0f} point of a dedicated fine encoder (Section 7)"
    return claim, group.where, verdict(dedicated - v5 <= SMALL_LOSS, f"{v5:.1f} % and {dedicated:.1f} %")
