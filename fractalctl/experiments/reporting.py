"""The report on a folder of runs."""

from pathlib import Path

from fractalctl.progress import Progress, silent
from fractalctl.report.results import PATTERNS, write_report
from fractalctl.report.runs import read_documents


def report_results(folder: Path, output: Path, progress: Progress = silent) -> list[Path]:
    """Read every result file below a folder and write the pages with their tables and figures.

    Returns:
        The paths written, the Markdown page first.

    Raises:
        RequestError: there is nothing to report, or results that would be compared were not made alike.
        MissingExtraError: matplotlib is not installed.
    """
    documents = read_documents(folder, PATTERNS)
    return write_report(documents, output, progress)
