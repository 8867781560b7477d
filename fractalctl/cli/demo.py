"""``fractalctl demo``."""

import typer

from fractalctl.cli import head_options as shared
from fractalctl.cli.evaluate import show_evaluations
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.cli.search import show_zoom


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "demo")(demo)


def demo(invocation: Invocation, device: shared.DeviceOption = "auto") -> None:
    """Go the whole road on text that is already installed; nothing is downloaded with the extra minilm.

    Docstrings of the installed scientific packages (library > module) are featurized with MiniLM; v5 and
    mrl heads are trained with five seeds, evaluated and compared; a figure is drawn; and a few queries are
    answered at 64 and at 256 dimensions.

    Examples:
        fractalctl demo

        fractalctl demo --store /tmp/store --runs /tmp/runs
    """
    from fractalctl.experiments.demo import demonstrate
    from store import FeatureStore
    from store.files import read_json

    console = invocation.console
    shown = demonstrate(
        FeatureStore(invocation.store), invocation.runs, device, console.progress, console.note
    )
    documents = list(shown.evaluations.documents)
    show_evaluations(console, documents)
    statistics = read_json(shown.statistics)
    for row in statistics["comparisons"]:
        console.note(
            f"v5 against mrl on {row['corpus']}: S {row['mean_a']:+.3f} against {row['mean_b']:+.3f}, "
            f"paired t({row['df']:g}) = {row['t']:.1f}, p = {row['p']:.4f}, n = {row['n']} seeds"
        )
    for one in shown.zooms:
        show_zoom(console, one)
    paths = [shown.features.path, *shown.evaluations.paths, shown.statistics, *shown.figures]
    console.emit(
        paths, {"paths": [str(path) for path in paths], "statistics": statistics, "evaluations": documents}
    )
