"""What was asked: how often each level is right at the shortest and at the full length.

Every table ends with what a head has to beat: the backbone cut to the same lengths, its principal components,
and all of it.
"""

from collections.abc import Iterator, Sequence
from statistics import mean

from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.experiments import Ablation
from fractalctl.documents.measured import Accuracy, Conditions
from fractalctl.numbers import MISSING, percent, percents
from fractalctl.report.results import Group, Measured, Results, by_condition, setting_of, slug
from fractalctl.statistics.observations import grouped
from fractalctl.statistics.reading import protocol_of
from fractalctl.tables import Section, Table

Places = Sequence[tuple[str, str]]
"""Levels and lengths of columns."""
BASELINES = "baselines"
"""The metric that has the principal components."""
ORDER = -10
MOST_ARMS = 5
"""Of a corpus that are shown at once; a page opens all of them on demand."""
PLAIN = ("pca",)
"""Arms that stand beside the others however good they are: what needs no labels."""
TEXT = (
    "Right answers in %: of the class that most of the nearest rows have. What training must beat stands "
    "below each corpus's arms: the untouched encoder cut to the same numbers, and its principal components "
    "(PCA), which need no labels. Means ± standard deviations over training seeds."
)


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
        for (arm, _), runs in by_condition(one).items():
            (coarse, *_, fine), point = asked_at(runs[0].accuracy), runs[0].point
            where = [str(value) if name == one.varied else f"{name} {value}" for name, value in point.items()]
            cells = shares([run.accuracy for run in runs], [coarse, fine])
            rows.append([arm, *([", ".join(where)] if one.varied else []), len(runs), *cells])
        columns = ["arm", *([one.varied] if one.varied else []), "seeds"]
        columns += [f"{titles[0]} at the shortest", f"{titles[-1]} at full length"]
        caption = f"{one.corpus}, {one.backbone}: right answers in %, {ablation_in_words(one)}."
        tables.append(Table(slug(f"answers-{one.axis}-{one.corpus}"), caption, columns, rows))
    return tables


def asked_at(accuracy: Accuracy) -> Places:
    """Every level, coarsest first, at the length where it is asked.

    The coarsest at the shortest length, the finest at the full one, those between as evenly between.

    >>> lengths = dict.fromkeys(["64", "128", "192", "256"], {"L0": 0.9, "L1": 0.8, "L2": 0.7})
    >>> asked_at(lengths)
    [('L0', '64'), ('L1', '192'), ('L2', '256')]
    """
    lengths = list(accuracy)
    levels = list(accuracy[lengths[0]])
    steps, last = len(lengths) - 1, len(levels) - 1
    return [(level, lengths[-(-place * steps // last)]) for place, level in enumerate(levels)]


def _table(group: Group) -> Table:
    first, titles = group.first, group.titles
    asked = asked_at(first.accuracy)
    (_, short), *_, (_, full) = asked
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
    return f"{rows} {whom} {_rule(one)}"


def ablation_in_words(one: Ablation) -> str:
    """The same of an ablation, some of whose points ask, or are answered by, rows of their own."""
    if one.axis == "unseen":
        whom = "each other" if one.protocol == "loo" else "training rows"
        return f"test rows ask {whom}, at each point those of its own classes, {_rule(one)}"
    if one.axis == "rows" and one.protocol == "index":
        return f"{one.n_queries} test rows ask the training rows that were kept {_rule(one)}"
    return protocol_in_words(one)


def _rule(one: Conditions) -> str:
    return f"(protocol {protocol_of(one)}, k = {one.k})"


def build(results: Results) -> Section | None:
    """The report's first part."""
    parts: list[str | Table] = [TEXT]
    for group in sorted(results.settings, key=lambda group: group.first.protocol):
        for corpus in group.corpora:
            found = grouped(group.on(corpus).rows, lambda row: tuple(row.document.dims))
            for rows in found.values():
                parts += _tables(corpus, Group(f"{corpus}-{group.name}", rows))
    return Section("What you get", parts, ORDER, summary=True) if len(parts) > 1 else None


def _tables(corpus: str, group: Group) -> Iterator[Table]:
    """The best arms and, where there are more, all of them."""
    first, titles = group.first, group.titles
    short, full = first.dims[0], first.dims[-1]
    coarse, fine = group.ends[0], group.ends[-1]
    # What is asked first stands first, where a narrow screen shows it.
    ends = [(coarse, str(short)), (fine, str(full)), (fine, str(short)), (coarse, str(full))]
    places = list(dict.fromkeys([*ends, *asked_at(first.accuracy)]))
    columns = ["arm", *(f"{titles[level]} at {length}" for level, length in places)]
    rows, every = (list(_rows(group, places, most)) for most in (MOST_ARMS, None))
    saved = f"{short} numbers take {percent(short / full)} of the bytes of {full}." if full != short else ""
    best = f"The {MOST_ARMS} arms with the largest sum of the first two columns."
    asked = f"{corpus}, {protocol_in_words(first)}."
    caption = " ".join(filter(None, [asked, saved, best if len(rows) < len(every) else ""]))
    name = slug(f"answer-{group.name}-{'-'.join(map(str, first.dims))}")
    yield Table(name, caption, columns, rows)
    if len(rows) < len(every):
        yield Table(f"{name}-all", f"All arms on {asked}", columns, every, folded=True)


def _rows(group: Group, places: Places, most: int | None) -> Iterator[list[object]]:
    """Arms, the best first, then what they must beat."""
    found = {arm: [row.document for row in group.of(arm)] for arm in group.arms}

    def gain(arm: str) -> float:
        return sum(mean(one.accuracy[length][level] for one in found[arm]) for level, length in places[:2])

    ranked = sorted((arm for arm in found if arm not in PLAIN), key=gain, reverse=True)
    documents = [row.document for row in group.rows]
    measured = any(BASELINES in one.metrics for one in documents)
    beside = [arm for arm in PLAIN if arm in found and not measured]
    for arm in [*ranked[:most], *beside]:
        yield [arm, *shares([one.accuracy for one in found[arm]], places)]
    for name, accuracy in baselines_of(documents).items():
        if all(length in accuracy for _, length in places):
            yield [name, *shares([accuracy], places)]
    whole, full = documents[0].profile.baseline, str(documents[0].dims[-1])
    cells = [percents([whole[level]]) if length == full else MISSING for level, length in places]
    yield [f"{documents[0].backbone}, all its numbers", *cells]
