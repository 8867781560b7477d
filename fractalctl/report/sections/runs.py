"""What was run: arms, corpora and backbones, the commands that made the results, and files left out."""

import shlex
from itertools import pairwise

from fractalctl.documents import Document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.measured import Profile
from fractalctl.numbers import MISSING, number
from fractalctl.report.results import Measured, Results
from fractalctl.report.writers import markdown_text
from fractalctl.statistics.observations import grouped
from fractalctl.statistics.reading import protocol_of
from fractalctl.tables import Section, Table

FOLDERS = ("--store", "--runs")
"""Options that name folders of the machine that made the results."""
INTRODUCTION = (
    "`fractalctl report` writes this page from the files of the runs; no number in it is typed. An arm is "
    "what is compared: a strategy, what carries its losses, and the settings in which it departs from its "
    "defaults."
)
ENTROPIES = (
    "Entropies are of the training rows, in bits. A feature set is a corpus under a frozen backbone. "
    "Repeated rows are test rows, among those that asked, whose text stands verbatim in the training split."
)


def build(results: Results) -> list[Section | None]:
    """The report's beginning and its end, and between them the corpora."""
    return [_summary(results), corpora(results), commands(results)]


def _summary(results: Results) -> Section:
    left_out = [f"**Note:** {markdown_text(warning)}." for warning in results.warnings]
    found = grouped(results.measured, lambda row: row.arm)
    columns = ["arm", "strategy", "method", "trunk", "lengths", "nested", "seeds"]
    columns += ["corpora", "backbones", "protocols"]
    rows = [[arm, *_cells(members)] for arm, members in found.items()]
    arms = [Table("arms", "Arms that were evaluated.", columns, rows, left=4)] if rows else []
    return Section("Summary", [INTRODUCTION, *left_out, *arms], 0, summary=True)


def _cells(rows: list[Measured]) -> list[object]:
    documents = [row.document for row in rows]
    first = documents[0]
    how = [first.strategy, first.method, first.trunk or MISSING]
    shape = [", ".join(map(str, first.dims)), "yes" if first.nested else "no"]
    seeds, backbones = {one.seed for one in documents}, {one.backbone for one in documents}
    counts = [len(seeds), len({row.corpus for row in rows}), len(backbones)]
    return [*how, *shape, *counts, ", ".join(dict.fromkeys(map(protocol_of, documents)))]


def corpora(results: Results) -> Section | None:
    """Feature sets, each by the evaluation that asks most rows; shallow trees first."""
    found: dict[str, Evaluation] = {}
    for one in sorted(results.evaluations, key=lambda one: -one.n_queries):
        found.setdefault(one.features.identity, one)
    rows = []
    for one in sorted(found.values(), key=lambda one: (one.profile.h_l1_given_l0, one.corpus, one.backbone)):
        classes, profile = one.profile.classes, one.profile
        gone = ", left out" if one.dropped_duplicates else ""
        repeated = MISSING if one.duplicates is None else f"{one.duplicates} of {one.n_queries}{gone}"
        rows.append(
            [
                one.corpus, one.backbone, one.features.name, _classes(profile),
                number(classes[-1] / classes[0], 1), number(profile.h_l0), number(profile.h_l1_given_l0),
                repeated, one.features.identity[:12],
            ]
        )  # fmt: skip
    columns = ["corpus", "backbone", "feature set", "classes", "branch", "H(coarsest)"]
    columns += ["H(finest | coarsest)"]
    caption = "Feature sets, their numbers of classes from coarse to fine, and their entropies."
    table = Table("corpora", caption, [*columns, "repeated rows", "identity"], rows, left=4)
    return Section("Corpora", [ENTROPIES, table], 10) if rows else None


def _classes(profile: Profile) -> str:
    """Numbers of classes with the names of their levels, where they have names: ``area 6 > intent 36``."""
    named = zip(profile.levels or [""] * len(profile.classes), profile.classes, strict=True)
    return " > ".join(
        f"{'' if name == f'L{level}' else name} {count}".strip() for level, (name, count) in enumerate(named)
    )


def commands(results: Results) -> Section | None:
    """The commands that made the results, without the folders of the machine, and with which versions."""
    others: list[Document] = [*results.ablations, *results.syntheses, *results.latencies, *results.zooms]
    made = dict.fromkeys(_command(one) for one in others if one.argv)
    text = "Each evaluation file holds the argument vector that remakes it. The other results were made by:"
    block = "```text\n" + "\n".join(made) + "\n```"
    found = [one.versions for one in (*results.evaluations, *others, *results.statistics) if one.versions]
    versions = [", ".join(f"{name} {version}" for name, version in one.items()) for one in found]
    last = [f"Computed with {'; with '.join(dict.fromkeys(versions))}."] if versions else []
    return Section("Runs", [*([text, block] if made else []), *last], 100) if made or last else None


def _command(document: Document) -> str:
    features = getattr(document, "features", None)
    argv = document.argv or []
    kept = [word for before, word in pairwise(["", *argv]) if before not in FOLDERS and word not in FOLDERS]
    name = f"{features.corpus}/{features.name}" if features else ""
    return shlex.join(name if name and word.endswith(".h5") else word for word in kept)
