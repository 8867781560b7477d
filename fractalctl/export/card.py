"""The model card of an exported head, from its run: what it is, what was measured, how to use it."""

import shlex
from pathlib import Path
from typing import Any

import jinja2

from fractalctl.documents.evaluation import Evaluation
from fractalctl.errors import RequestError
from fractalctl.export.exporter import Subject
from fractalctl.numbers import MISSING, interval, number, percent, signed
from fractalctl.report.writers import markdown_table, markdown_text
from fractalctl.tables import Table

CARD = "README.md"
MOST_CLASSES = 25
"""Coarsest classes that are named one by one."""


def write_card(subject: Subject, folder: Path, *, needs_code: bool) -> None:
    """Write the card of a folder that sentence-transformers loads.

    Args:
        needs_code: whether it brings code of its own.
    """
    page = render("card.md.j2", **_content(subject), needs_code=needs_code)
    (folder / CARD).write_text(page, encoding="utf-8")


def render(template: str, **content: Any) -> str:
    """A page from a template of this package."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fractalctl.export"),
        autoescape=False,  # noqa: S701  the page is Markdown, for which names are escaped by the filter
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"text": markdown_text, "percent": percent, "joined": shlex.join}
    return environment.get_template(template).render(**content).rstrip() + "\n"


def _content(subject: Subject) -> dict[str, Any]:
    head, evaluation = subject.head, subject.evaluation
    return {
        "head": head.document,
        "backbone": subject.backbone,
        "levels": [
            {"name": name, "key": f"L{level}", "classes": classes}
            for level, (name, classes) in enumerate(zip(subject.levels, head.document.classes, strict=True))
        ],
        "most_classes": MOST_CLASSES,
        "short": head.dims[0],
        "full": head.dims[-1],
        "rows": _rows(subject),
        "evaluation": evaluation,
        "table": markdown_table(accuracy_table(subject)) if evaluation else "",
        "steerability": _steerability(evaluation) if evaluation else "",
        "leakage": _leakage(evaluation),
        "export_argv": subject.argv,
    }


def _rows(subject: Subject) -> dict[str, int]:
    """Rows of the corpus by split, as far as its set is at hand."""
    try:
        features = subject.features
    except RequestError:
        return {}
    return {split: features.n_rows(split) for split in features.splits}


def accuracy_table(subject: Subject) -> Table:
    """Accuracy at each length and level: of the head, of the backbone cut, of rivals that were measured."""
    evaluation = subject.evaluation
    if evaluation is None:
        return Table("accuracy", "", ["dimensions"], [])
    cut = f"{subject.backbone.name} cut"
    columns = {subject.head.arm: evaluation.accuracy, cut: evaluation.profile.truncated}
    columns |= {name: rival.accuracy for name, rival in subject.rivals.items()}
    levels = [f"L{level}" for level in range(len(subject.levels))]
    rows = [
        [length, *(_share(found, str(length), level) for found in columns.values() for level in levels)]
        for length in evaluation.dims
    ]
    headings = [f"{arm}: {name}" for arm in columns for name in subject.levels]
    caption = (
        f"Accuracy in % of k-NN (k = {evaluation.k}, cosine), protocol {evaluation.protocol}: "
        f"{evaluation.n_queries} queries, {evaluation.n_reference} reference rows."
    )
    return Table("accuracy", caption, ["dimensions", *headings], rows)


def _share(found: dict[str, dict[str, float]], length: str, level: str) -> str:
    return number(100 * found[length][level], 1) if length in found else MISSING


def _steerability(evaluation: Evaluation) -> str:
    found = evaluation.steerability
    return f"{signed(found.s)} {interval(found.intervals['S'], 3)}"


def _leakage(evaluation: Evaluation | None) -> dict[str, Any] | None:
    """What a probe on the shortest prefix tells of the finest level, where that was measured."""
    part = evaluation.metrics.get("leakage") if evaluation else None
    probe = part.result.get("probe") if part else None
    if part is None or not probe:
        return None
    return {"finest": list(probe.values())[-1], "floor": part.result.get("floor")}
