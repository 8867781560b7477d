"""A report: every section that the results have something for, written in every format."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

from fractalctl.errors import RequestError
from fractalctl.plugins import modules_of
from fractalctl.progress import Progress, silent
from fractalctl.report import sections as package
from fractalctl.report.figures import save_figure
from fractalctl.report.html import html_page
from fractalctl.report.metrics import further_sections
from fractalctl.report.results import Results, slug, unused
from fractalctl.report.writers import csv_table, latex_table, markdown_pages
from fractalctl.tables import Part, Picture, Section, Table
from store.files import write_aside

TITLE = "Results"
PAGES = ("results.md", "report.html")
DETAILS = "results"
"""Folder of the pages that ``results.md`` leads to."""
MADE_BY = "Made by <code>fractalctl report</code>"
"""What every page of ours says."""


def report_sections(results: Results) -> list[Section]:
    """Every section that the results have something for, in the order of reading."""
    builders = [module.build for module in modules_of(package) if hasattr(module, "build")]
    found = [made if isinstance(made, list) else [made] for made in (build(results) for build in builders)]
    sections = [*filter(None, chain(*found)), *further_sections(results)]
    return sorted(sections, key=lambda section: section.order)


def write_report(
    sections: Sequence[Section], output: Path, title: str = TITLE, progress: Progress = silent
) -> list[Path]:
    """Write ``results.md``, ``report.html``, ``tables/`` (CSV, LaTeX) and ``figures/`` (PNG, PDF).

    ``results.md`` is a summary; links lead to a page for each further section in ``results/``. Each file is
    written aside and renamed; the same sections give the same bytes.

    Returns every path written, the Markdown page and the HTML page first. Raises MissingExtraError:
    matplotlib is not installed; RequestError: see `check_folder`.
    """
    check_folder(output)
    sections = _prepared(sections)
    details = markdown_pages(title, sections, DETAILS)
    # The pages come first: it is by them that a folder is known as ours.
    written = [
        _write(output / name, text)
        for name, text in zip(PAGES, (details.pop(""), html_page(title, sections)), strict=True)
    ]
    written += [_write(output / name, text) for name, text in details.items()]
    with progress("drawing the report", len(sections)) as advance:
        for section in sections:
            for part in section.parts:
                written += _write_part(part, output)
            advance(1)
    return written


def check_folder(output: Path) -> None:
    """RequestError if a report would replace what is no earlier report: a file, or files named as its own."""
    page = output / "report.html"
    if page.is_file() and MADE_BY in page.read_text("utf-8", errors="replace"):
        return
    taken = [
        name for name in (*PAGES, DETAILS, "tables", "figures", "statistics") if (output / name).exists()
    ]
    if taken or (output.exists() and not output.is_dir()):
        raise RequestError(
            f"{output / taken[0] if taken else output}: is there and no earlier report, so it is not "
            "replaced; name another folder with --output, or remove it"
        )


def _prepared(sections: Sequence[Section]) -> list[Section]:
    """The same sections, where no two tables, and no two pictures, have one name, and each is drawn once."""
    taken: dict[type[Part], set[str]] = {Table: set(), Picture: set()}

    def prepared(part: Part) -> Part:
        if not isinstance(part, Table | Picture):
            return part
        # A name has corpora, backbones and arms of files in it that anybody may have written.
        one = replace(part, name=unused(slug(part.name), taken[type(part)]))
        return replace(one, draw=cache(one.draw)) if isinstance(one, Picture) else one

    return [replace(section, parts=[prepared(part) for part in section.parts]) for section in sections]


def _write_part(part: Part, output: Path) -> list[Path]:
    """A table or a picture as files of its own."""
    if isinstance(part, Picture):
        return save_figure(part.draw(), output / "figures" / part.name)
    if isinstance(part, Table):
        forms = {"csv": csv_table(part.columns, part.rows), "tex": latex_table(part)}
        return [_write(output / "tables" / f"{part.name}.{suffix}", text) for suffix, text in forms.items()]
    return []


def _write(path: Path, text: str) -> Path:
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
    return path
