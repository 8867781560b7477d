"""``fractalctl report``."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from fractalctl.cli.plumbing import Invocation, command


@command()
def report(
    invocation: Invocation,
    folder: Annotated[
        Path | None, Argument(help="Folder of runs.", metavar="RUNS", show_default="--runs")
    ] = None,
    output: Annotated[
        Path | None, Option(help="Folder of the page and its figures.", show_default="RUNS/report")
    ] = None,
    paper: Annotated[
        bool, Option("--paper", help="Judge the paper's claims as well, its printed numbers beside ours.")
    ] = False,
    queries: Annotated[
        int, Option(min=0, help="Examples of each kind for the slider; 0 leaves it out.")
    ] = 12,
) -> None:
    """Write every table and figure of your runs, as Markdown and as one HTML file.

    Every number comes from the files of the runs. Tables are also written as CSV and LaTeX, figures as PNG
    and PDF. The page has a slider for the length of the vectors: one head of each feature set answers example
    queries, some chosen blind, some because their answers narrow.

    Examples:
        fractalctl report --paper

        fractalctl report runs --output docs --queries 20
    """
    from fractalctl.experiments.report import report_results

    runs, console = folder or invocation.runs, invocation.console
    if folder is None:
        console.note(f"Runs: {runs}")
    elif not folder.exists() and (invocation.runs / folder).is_dir():
        runs = invocation.runs / folder
    written = report_results(
        runs,
        output or runs / "report",
        paper,
        console.progress,
        queries=queries,
        store=invocation.feature_store,
        argv=invocation.argv(folder=None, runs=runs, output=None, paper=None),
        note=console.note,
    )
    console.emit(written, {"page": str(written[0]), "files": [str(path) for path in written[1:]]})
