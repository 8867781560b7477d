"""``fractalctl zoom``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractalctl.cli import head_options as shared
from fractalctl.cli.console import Console
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

    One file per corpus, backbone and kind of head, from the v5 head of the smallest seed. Some queries are
    chosen blind, some because their answers narrow; how often that happens over all test rows is counted.

    Examples:
        fractalctl zoom

        fractalctl zoom runs/clinc --queries 20 --top 5
    """
    from fractalctl.experiments.zooming import heads_to_show, write_zooms
    from store import FeatureStore

    console = invocation.console

    def argv(head: "Head") -> list[str]:
        return invocation.argv(heads=[str(head.folder)], overwrite=None, device=None)

    result = write_zooms(
        heads_to_show(shared.choose_heads(invocation, heads)),
        FeatureStore(invocation.store),
        queries,
        top,
        overwrite,
        device,
        console.progress,
        argv,
    )
    for document in result.documents:
        _show(console, document)
    if result.n_reused:
        console.note(f"{result.n_reused} of {len(result.paths)} were up to date")
    console.emit(result.paths, list(result.documents))


def _show(console: Console, document: dict[str, Any]) -> None:
    """Shares of answers that have the query's class, at every length."""
    lengths = [str(length) for length in document["dims"]]
    rows = [
        [strategy, level, *(f"{100 * shares[length][level]:.1f}" for length in lengths)]
        for strategy, shares in document["shares"].items()
        for level in shares[lengths[0]]
    ]
    where = f"{document['corpus']}/{document['backbone']}, {document['head']} head, seed {document['seed']}"
    console.table(
        f"{where}: % of {document['k']} answers with the query's class, {document['n_queries']} queries",
        ["strategy", "level", *(f"@{length}" for length in lengths)],
        rows,
    )
    changes = document["changes"]
    console.note(
        f"Finest level, {lengths[0]} to {lengths[-1]} dimensions: the share rises for {changes['rise']} "
        f"queries, falls for {changes['fall']}; {changes['narrowing']} narrow, {changes['widening']} widen"
    )
