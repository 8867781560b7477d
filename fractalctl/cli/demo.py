"""``fractalctl demo``."""

from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.cli.search import show_zoom


@command()
def demo(invocation: Invocation, device: shared.DeviceOption = "auto") -> None:
    """Go the whole road on text that is already installed; nothing is downloaded with the extra minilm.

    Docstrings of the installed scientific packages (library > module) are featurized with MiniLM; zoom and
    mrl heads are trained with five seeds, evaluated and compared; a figure is drawn; and a few queries are
    answered at 64 and at 256 dimensions.

    Examples:
        fractalctl demo

        fractalctl demo --store demo/store --runs demo/runs
    """
    from fractalctl.cli.overview import evaluation_tables
    from fractalctl.experiments.demo import demonstrate
    from fractalctl.numbers import number, p_phrase, signed

    console = invocation.console
    shown = demonstrate(invocation.feature_store, invocation.runs, device, console.progress, console.note)
    evaluations, statistics = shown.evaluations, shown.statistics
    console.tables(evaluation_tables(evaluations.documents))
    for row in statistics.comparisons:
        console.note(
            f"{row.a} against {row.b} on {row.label}: S {signed(row.mean_a)} against {signed(row.mean_b)}, "
            f"paired t({row.df}) = {number(row.t, 1)}, {p_phrase(row.p)}, n = {row.n} seeds"
        )
    for one in shown.zooms:
        show_zoom(console, one)
    paths = [shown.features.path, *evaluations.paths, shown.statistics_path, *shown.figures]
    document = {"paths": paths, "statistics": statistics, "evaluations": list(evaluations.documents)}
    console.emit(paths, document)
