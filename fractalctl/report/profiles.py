"""The corpora and their label trees (paper, Table 1)."""

from collections.abc import Sequence

from fractalctl.report.markdown import NOTHING
from fractalctl.report.measured import published
from fractalctl.report.runs import Document
from fractalctl.report.sections import Section, Table

PATTERN = "evaluation-*.json"


def section(documents: Sequence[Document]) -> Section:
    """The report's part on the corpora that were evaluated."""
    text = "Entropies are of the training rows, in bits. A feature set is a corpus under a frozen backbone."
    return Section("Corpora", [text, _table(documents)])


def _table(documents: Sequence[Document]) -> Table:
    paper, rows = published("profiles"), []
    for document in _feature_sets(documents):
        classes, entropies = document["profile"]["classes"], document["profile"]["entropies"]
        theirs = paper.get(document["corpus"])
        rows.append(
            [
                document["corpus"],
                document["backbone"],
                " > ".join(map(str, classes)),
                f"{classes[-1] / classes[0]:.1f}",
                f"{entropies[0]:.2f}",
                f"{sum(entropies[1:]):.2f}",
                " > ".join(map(str, theirs["classes"])) if theirs else NOTHING,
                *([f"{value:.2f}" for value in theirs["entropies"]] if theirs else [NOTHING] * 2),
                document["features_identity"][:12],
            ]
        )
    columns = ["corpus", "backbone", "classes", "branch", "H(L0)", "H(finest | L0)"]
    columns += ["paper classes", "paper H(L0)", "paper H(L1 | L0)", "feature set"]
    caption = "Feature sets, their numbers of classes from coarse to fine, and their entropies (Table 1)."
    return Table("table-1-corpora", caption, columns, rows, left=3)


def _feature_sets(documents: Sequence[Document]) -> list[Document]:
    """One evaluation of each feature set, on as many rows as there are."""
    found: dict[str, Document] = {}
    for document in sorted(documents, key=lambda one: -one["n_queries"]):
        found.setdefault(document["features_identity"], document)
    return sorted(found.values(), key=lambda one: sum(one["profile"]["entropies"][1:]))
