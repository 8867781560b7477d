"""``fractalctl compare``: arms side by side."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command


@command()
def compare(
    invocation: Invocation,
    sources: Annotated[
        list[str] | None,
        Argument(
            metavar="EVALUATIONS",
            help="Evaluation files, folders of them, or - for paths on standard input. Default: everything "
            "under RUNS.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        Option(
            metavar="ARM",
            help="Test every other arm against this one.",
            show_default="mrl, else raw, pca or the first",
        ),
    ] = None,
    protocol: shared.MeasuredUnder = None,
    backbone: shared.MeasuredWith = None,
    output: Annotated[
        Path | None, Option(metavar="PATH", help="The document to write.", show_default="RUNS/compare.json")
    ] = None,
) -> None:
    """Set arms side by side: the frontier, tests, ranks over corpora, and what a vector costs.

    On the frontier is an arm that no other one beats in coarse accuracy of the prefix, fine accuracy of the
    whole, leakage (less is better) and the share of nearest neighbours that a cascade keeps, all together.
    Lossless S is S less what the arm falls short of the best flat classifier of each level. A figure goes
    beside the document.

    Examples:
        fractalctl compare

        fractalctl compare runs/trec --reference v5 --output trec.json

        fractalctl evaluate --protocol index | fractalctl compare - --protocol index
    """
    from msgspec.structs import replace

    from fractalctl.documents import check_output, write_document
    from fractalctl.documents.compare import ArmsCompared
    from fractalctl.experiments.report import compare_arms
    from fractalctl.report.figures import figure_paths, save_figure
    from fractalctl.report.sections.frontier import brief_tables, draw_frontier
    from fractalctl.statistics import read_observations

    console, path = invocation.console, output or invocation.runs / "compare.json"
    check_output(path, ArmsCompared, figure_paths(path.with_suffix("")))
    paths = shared.result_paths(invocation, sources)
    if not paths:
        shared.require_evaluated(invocation)
        console.note(f"Evaluations: all below {invocation.runs}")
    observations = read_observations(paths or [invocation.runs])
    base = reference and shared.labelled(reference, {one.arm for one in observations})
    document = compare_arms(observations, protocol, backbone, base)
    document = replace(document, argv=invocation.argv(sources=paths or [invocation.runs]))
    write_document(path, document)
    figures = save_figure(draw_frontier(document), path.with_suffix(""))
    console.tables(brief_tables(document))
    if document.reference and not reference:
        console.note(f"Tested against {document.reference}; --reference ARM names another")
    for note in document.notes:
        console.note(note)
    console.emit([path, *figures], document)
