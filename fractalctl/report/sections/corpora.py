"""The corpora and their label trees."""

from collections.abc import Sequence

from fractalctl.documents.evaluation import Evaluation
from fractalctl.numbers import MISSING, number
from fractalctl.report.results import Results
from fractalctl.tables import Section, Table

ORDER = 10


def build(results: Results) -> Section | None:
    """The report's part on the corpora that were evaluated."""
    if not results.evaluations:
        return None
    text = (
        "Entropies are of the training rows, in bits. A feature set is a corpus under a frozen backbone. "
        "Repeated rows are test rows, among those that asked, whose text stands verbatim in the training "
        "split."
    )
    return Section("Corpora", [text, _table(results.evaluations)], ORDER)


def _table(evaluations: Sequence[Evaluation]) -> Table:
    rows = []
    for one in _feature_sets(evaluations):
        classes, profile = one.profile.classes, one.profile
        rows.append(
            [
                one.corpus, one.backbone, one.features.name, " > ".join(map(str, classes)),
                number(classes[-1] / classes[0], 1), number(profile.h_l0), number(profile.h_l1_given_l0),
                _repeated(one), one.features.identity[:12],
            ]
        )  # fmt: skip
    columns = ["corpus", "backbone", "feature set", "classes", "branch", "H(L0)", "H(finest | L0)"]
    caption = "Feature sets, their numbers of classes from coarse to fine, and their entropies."
    return Table("corpora", caption, [*columns, "repeated rows", "identity"], rows, left=4)


def _repeated(one: Evaluation) -> str:
    if one.duplicates is None:
        return MISSING
    gone = ", left out" if one.dropped_duplicates else ""
    return f"{one.duplicates} of {one.n_queries}{gone}"


def _feature_sets(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """One evaluation of each feature set, on as many rows as there are; shallow trees first."""
    found: dict[str, Evaluation] = {}
    for one in sorted(evaluations, key=lambda one: -one.n_queries):
        found.setdefault(one.features.identity, one)
    return sorted(found.values(), key=lambda one: (one.profile.h_l1_given_l0, one.corpus, one.backbone))
