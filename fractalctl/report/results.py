"""The report: every section over the results of a folder of runs, in every format."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fractalctl.progress import Progress, silent
from fractalctl.report import (
    accuracy,
    alignment,
    capacity,
    depth,
    dual,
    encoders,
    finetuning,
    information,
    latency,
    localisation,
    noise,
    profiles,
    retention,
    retrieval,
    robustness,
    routing,
    scaling,
    steerability,
    synthesis,
)
from fractalctl.report.figures import save_figure
from fractalctl.report.formats import section_as_markdown, table_as_csv, table_as_latex
from fractalctl.report.page import PATTERN as ZOOMS
from fractalctl.report.page import write_page
from fractalctl.report.runs import Document
from fractalctl.report.sections import Picture, Section, Table
from fractalctl.report.summary import commands, introduction
from store.files import write_aside

TITLE = "Results beside the paper's"
MODULES = (
    profiles,
    accuracy,
    steerability,
    robustness,
    scaling,
    encoders,
    alignment,
    synthesis,
    capacity,
    noise,
    depth,
    finetuning,
    retrieval,
    localisation,
    routing,
    dual,
    information,
    retention,
    latency,
)
"""Every part of a report, in the order of reading."""
PATTERNS = tuple(dict.fromkeys([module.PATTERN for module in MODULES] + [ZOOMS]))
"""The names of the files that a report reads."""


def write_report(
    documents: Mapping[str, Sequence[Document]], output: Path, progress: Progress = silent
) -> list[Path]:
    """Write ``results.md``, ``report.html``, ``tables/`` (CSV, LaTeX) and ``figures/`` (PNG, PDF).

    Args:
        documents: result files by pattern, see `fractalctl.report.runs.read_documents`.
        output: folder.
        progress: shows the sections.

    Returns:
        Every path written, the page first.

    Raises:
        MissingExtraError: matplotlib is not installed.
        RequestError: evaluations that would be compared were not made alike.
    """
    sections, written = [], []
    with progress("drawing the report", len(MODULES)) as advance:
        for module in MODULES:
            found = documents.get(module.PATTERN)
            if found and (section := module.section(found)):
                sections.append(section)
                written += _write_parts(section, output)
            advance(1)
    sections = [introduction(documents, sections), *sections, commands(documents)]
    page = output / "results.md"
    text = [f"# {TITLE}", *(section_as_markdown(section, "figures") for section in sections)]
    with write_aside(page) as aside:
        aside.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    hypertext = write_page(output / "report.html", TITLE, documents.get(ZOOMS, ()), sections)
    return [page, hypertext, *written]


def _write_parts(section: Section, output: Path) -> list[Path]:
    """A section's tables and pictures as files of their own."""
    written = []
    for part in section.parts:
        if isinstance(part, Picture):
            (output / "figures").mkdir(parents=True, exist_ok=True)
            written += save_figure(part.figure, output / "figures" / part.name)
        if isinstance(part, Table):
            (output / "tables").mkdir(parents=True, exist_ok=True)
            for suffix, form in (("csv", table_as_csv), ("tex", table_as_latex)):
                path = output / "tables" / f"{part.name}.{suffix}"
                with write_aside(path) as aside:
                    aside.write_text(form(part), encoding="utf-8")
                written.append(path)
    return written
