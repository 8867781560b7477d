"""What was asked: how often the shortest length is right on the coarsest level, the full one on the finest.

Every table ends with what a head has to beat: the backbone cut to the same lengths, its principal components,
and all of it.
"""

from collections.abc import Sequence

from fractalctl.documents.ablation import Ablation
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.measured import Accuracy, Conditions
from fractalctl.numbers import MISSING, percent, percents
from fractalctl.report.results import Group, Measured, Results, grouped, protocol_of, setting_of, slug
from fractalctl.tables import Table

Places = Sequence[tuple[str, str]]
"""Levels and lengths of columns."""
BASELINES = "baselines"
"""The metric that has the principal components."""


def answer_tables(results: Results) -> list[Table]:
    """Arms, then what they have to beat: a table for each corpus, backbone, protocol and set of lengths."""

    def place(row: Measured) -> tuple[str, str, tuple[int, ...]]:
        return row.corpus, setting_of(row.document), tuple(row.document.dims)

    found = grouped(results.measured, place)
    return [_table(Group(f"{corpus}, {setting}", rows)) for (corpus, setting, _), rows in found.items()]


def ablation_answers(documents: Sequence[Ablation]) -> list[Table]:
    """The same of the conditions of ablations, at whatever lengths their heads have: a table for each."""
    tables = []
    for one in documents:
        titles = one.profile.titles
        rows = []
        for (point, arm), runs in grouped(one.runs, lambda run: (tuple(run.point.items()), run.arm)).items():
            asked = ends(runs[0].accuracy)
            where = [str(value) if name == one.varied else f"{name} {value}" for name, value in point]
            cells = shares([run.accuracy for run in runs], asked)
            rows.append([arm, *([", ".join(where)] if one.varied else []), len(runs), *cells])
        columns = ["arm", *([one.varied] if one.varied else []), "seeds"]
        columns += [f"{titles[0]} at the shortest", f"{titles[-1]} at full length"]
        caption = f"{one.corpus}, {one.backbone}: right answers in %, {protocol_in_words(one)}."
        tables.append(Table(slug(f"answers-{one.axis}-{one.corpus}"), caption, columns, rows))
    return tables


def ends(accuracy: Accuracy) -> Places:
    """The coarsest level at the shortest length, and the finest at the full one."""
    (short, *_), (*_, full) = accuracy, accuracy
    (coarse, *_), (*_, fine) = accuracy[short], accuracy[full]
    return [(coarse, short), (fine, full)]


def _table(group: Group) -> Table:
    first = group.first
    titles = dict(zip(group.levels, first.profile.titles, strict=True))
    asked = ends(first.accuracy)
    short, full = (length for _, length in asked)
    rows: list[list[object]] = []
    for arm in group.arms:
        documents = [row.document for row in group.of(arm)]
        rows.append([arm, *shares([one.accuracy for one in documents], asked), len(documents)])
    for name, accuracy in baselines_of([row.document for row in group.rows]).items():
        rows.append([name, *shares([accuracy], asked), MISSING])
    whole = f"{first.backbone}, all its numbers"
    rows.append([whole, *(percents([first.profile.baseline[level]]) for level, _ in asked), MISSING])
    saved = f"{short} numbers take {percent(int(short) / int(full))} of the bytes of {full}."
    where = f"{group.rows[0].corpus}, {first.backbone}"
    caption = f"{where}: right answers in %, {protocol_in_words(first)}. {saved}"
    columns = ["arm", *(f"{titles[level]} at {length}" for level, length in asked), "seeds"]
    return Table(slug(f"answers-{group.name}-{short}-{full}"), caption, columns, rows)


def baselines_of(documents: Sequence[Evaluation]) -> dict[str, Accuracy]:
    """What heads of some lengths have to beat at each of them, by the name of its row."""
    first = documents[0]
    found = {f"{first.backbone}, cut": first.profile.truncated}
    if (components := principal_components(documents)) is not None:
        found[f"{first.backbone}, PCA"] = components
    return found


def principal_components(documents: Sequence[Evaluation]) -> Accuracy | None:
    """Accuracies of principal components as the first evaluation that has them says."""
    for one in documents:
        if BASELINES in one.metrics:
            accuracy: Accuracy | None = one.metrics[BASELINES].result.get("pca")
            return accuracy
    return None


def shares(accuracies: Sequence[Accuracy], places: Places) -> list[str]:
    """Mean and spread in % at some levels and lengths."""
    return [percents([one[length][level] for one in accuracies]) for level, length in places]


def protocol_in_words(one: Conditions) -> str:
    """Who asked and who answered: ``2000 test rows ask the 10000 training rows (protocol index, k = 5)``."""
    rows = f"{one.n_queries} test rows ask"
    whom = {"loo": "each other", "index": f"the {one.n_reference} training rows"}[one.protocol]
    return f"{rows} {whom} (protocol {protocol_of(one)}, k = {one.k})"
