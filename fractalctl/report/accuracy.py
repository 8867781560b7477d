"""Accuracy at every prefix length (paper, Table 2 and Figure 1)."""

from collections.abc import Iterator, Sequence
from statistics import mean

from fractalctl.report.figures import in_order, prefix_accuracy
from fractalctl.report.markdown import NOTHING
from fractalctl.report.measured import percent, published, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.report.settings import Setting, settings

PATTERN = "evaluation-*.json"
ARMS = ("v5", "mrl")
ALIKE = 3
"""Points within which the paper calls accuracies comparable (Table 2: none of its gaps is larger)."""
MANY_CLASSES = 100
"""Fine classes from which on the paper speaks of a bottleneck (arXiv 123, CLINC 150, WOS 336)."""


def section(documents: Sequence[Document]) -> Section:
    """The report's part on accuracy."""
    text = (
        "k-NN accuracy in %, mean ± standard deviation over seeds; the backbone is asked in the same way, "
        "with all its dimensions."
    )
    found = settings(documents)
    parts = [part for setting in found for part in (_table(setting), _picture(setting))]
    return Section("Accuracy", [text, *parts], [claim for setting in found for claim in _claims(setting)])


def _ends(documents: Sequence[Document]) -> tuple[list[int], list[str]]:
    """The shortest and the full length, the coarsest and the finest level."""
    dims = documents[0]["dims"]
    levels = list(documents[0]["accuracy"][str(dims[0])])
    return list(dict.fromkeys((dims[0], dims[-1]))), list(dict.fromkeys((levels[0], levels[-1])))


def _shares(documents: Sequence[Document], strategy: str, dimension: int, level: str) -> list[float]:
    return [one["accuracy"][str(dimension)][level] for one in documents if one["strategy"] == strategy]


def _table(setting: Setting) -> Table:
    paper, rows = published("accuracy") if setting.is_papers else {}, []
    for corpus, documents in setting.corpora.items():
        lengths, levels = _ends(documents)
        for level in levels:
            for name in in_order(one["strategy"] for one in documents):
                theirs = paper.get(corpus, {}).get(level)
                cells = [percent(_shares(documents, name, dimension, level)) for dimension in lengths]
                baseline = documents[0]["profile"]["baseline"][level]
                rows.append([corpus, level, name, f"{100 * baseline:.1f}", cells[0], cells[-1]])
                rows[-1] += _published(theirs, name) if paper else []
    columns = ["corpus", "level", "strategy", "backbone", "shortest prefix", "full length"]
    columns += ["paper backbone", "paper full length"] if paper else []
    return Table(f"table-2-accuracy-{setting.slug}", f"{setting.how} (Table 2).", columns, rows, left=3)


def _published(theirs: Sequence[float] | None, strategy: str) -> list[str]:
    """Table 2's baseline, and its number for the strategy."""
    if theirs is None:
        return [NOTHING] * 2
    places = dict(zip(ARMS, theirs[1:], strict=True))
    own = f"{100 * places[strategy]:.1f}" if strategy in places else NOTHING
    return [f"{100 * theirs[0]:.1f}", own]


def _picture(setting: Setting) -> Picture:
    caption = (
        f"Accuracy at each prefix length, {setting.name}: mean over seeds; bars are 95 % confidence "
        "intervals of the mean (Figure 1)."
    )
    figure = prefix_accuracy(list(setting.corpora.items()))
    return Picture(f"figure-1-accuracy-{setting.slug}", caption, figure)


def _claims(setting: Setting) -> Iterator[Claim]:
    for corpus, documents in setting.corpora.items():
        lengths, levels = _ends(documents)
        v5, mrl = (_shares(documents, name, lengths[-1], levels[-1]) for name in ARMS)
        if not (v5 and mrl):
            continue
        where = f"{corpus}, {setting.name}"
        evidence = f"{levels[-1]}@{lengths[-1]} {100 * mean(v5):.1f} % and {100 * mean(mrl):.1f} %"
        claim = f"v5 and mrl are alike at full length, within {ALIKE} points (Table 2)"
        yield claim, where, verdict(100 * abs(mean(v5) - mean(mrl)) <= ALIKE, evidence)
        if documents[0]["profile"]["classes"][-1] >= MANY_CLASSES:
            baseline = documents[0]["profile"]["baseline"][levels[-1]]
            evidence = (
                f"{levels[-1]} {100 * mean(v5):.1f} % with v5, {100 * baseline:.1f} % with the backbone"
            )
            claim = "the projection costs fine accuracy where fine classes are many (Section 4)"
            yield claim, where, verdict(mean(v5) < baseline, evidence)
