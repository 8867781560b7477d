"""``fractalctl zoom``."""

from typing import TYPE_CHECKING, Annotated

import typer

from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
    from fractalctl.heads.head import Head


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "zoom")(zoom)


def zoom(
    invocation: Invocation,
    heads: shared.HeadsArgument = None,
    queries: Annotated[int, typer.Option("--queries", min=1, help="Example queries of each kind.")] = 12,
    top: Annotated[int, typer.Option("--top", min=1, help="Answers at each length.")] = 10,
    overwrite: shared.OverwriteOption = Overwrite.CHANGED,
    device: shared.DeviceOption = "auto",
) -> None:
    """Answer example queries at every prefix length, for the slider of the report's page.

    One file per feature set, from one of its heads, which is named. Some queries are chosen blind, some
    because their answers narrow; how often that happens over all test rows is counted.

    Examples:
        fractalctl zoom

        fractalctl zoom runs/clinc --queries 20 --top 5
    """
    from fractalctl.experiments.addresses import RULE, choose_heads
    from fractalctl.experiments.zoom import show_zooms
    from fractalctl.report import overview
    from store import FeatureStore

    console = invocation.console

    def argv(head: "Head") -> list[str]:
        return invocation.argv(heads=[head.folder], overwrite=None, device=None)

    chosen = choose_heads(shared.head_paths(invocation, heads))
    for head in chosen:
        console.note(f"Head: {head.folder} ({RULE})")
    result = show_zooms(
        chosen,
        FeatureStore(invocation.store),
        queries,
        top,
        overwrite,
        device,
        console.progress,
        argv,
        console.note,
    )
    console.tables(overview(result.documents))
    if result.n_reused:
        console.note(f"{result.n_reused} of {len(result.paths)} were up to date")
    console.emit(result.paths, list(result.documents))
