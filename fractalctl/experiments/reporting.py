"""The results page of a folder of runs."""

from pathlib import Path

from fractalctl.report.results import write_results
from fractalctl.report.runs import read_runs
from fractalctl.statistics.conditions import compare_conditions


def report_results(folder: Path, output: Path) -> list[Path]:
    """Read every evaluation and ablation below a folder and write the page with its figures.

    Returns:
        The paths written, the page first.

    Raises:
        RequestError: there is nothing to report.
        MissingExtraError: matplotlib is not installed.
    """
    runs = read_runs(folder)
    return write_results(runs, compare_conditions(runs.ablations), output)
