"""``fractalctl evaluate``."""

from collections.abc import Sequence
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
    command(app, "evaluate")(evaluate)


def evaluate(
    invocation: Invocation,
    heads: shared.HeadsArgument = None,
    protocol: shared.ProtocolOption = "loo",
    k: Annotated[int, typer.Option("--k", min=1, help="Neighbours that vote.")] = 5,
    max_test: shared.MaxTestOption = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metrics",
            help="Further metrics: retrieval, localisation, routing, dual, information, retention, or all; "
            "repeat it or separate names by commas.",
        ),
    ] = None,
    features: Annotated[
        str | None, typer.Option("--features", help="Evaluate on this feature set, not on each head's own.")
    ] = None,
    overwrite: shared.OverwriteOption = Overwrite.CHANGED,
    device: shared.DeviceOption = "auto",
) -> None:
    """Measure heads: k-NN accuracy at every prefix and level, steerability, intervals over queries.

    Under loo the first test rows ask each other; under index they ask the training rows. The sparser the
    reference, the larger S: compare only results of one protocol.

    --metrics adds parts to the same files, and computes only those that are not there yet. routing compares
    with the mrl head of the same seed; dual needs the heads coarse and fine.

    Examples:
        fractalctl evaluate

        fractalctl evaluate --protocol index runs/clinc/minilm

        fractalctl evaluate --metrics retrieval,information

        fractalctl evaluate --protocol index --metrics all runs/clinc/minilm/v5

        fractalctl train --strategy v5 | fractalctl evaluate - --protocol loo --max-test 2000
    """
    from fractalctl.experiments.evaluating import evaluate_heads
    from fractalctl.measures.protocols import Protocol
    from store import FeatureStore

    console = invocation.console
    rule = Protocol(protocol, k, max_test)
    store = FeatureStore(invocation.store)
    chosen = store.resolve(features) if features else None

    def argv(head: "Head", measured: Sequence[str]) -> list[str]:
        parts = [",".join(measured)] if measured else None
        return invocation.argv(heads=[str(head.folder)], metrics=parts, overwrite=None, device=None)

    result = evaluate_heads(
        shared.choose_heads(invocation, heads),
        rule,
        store,
        chosen,
        overwrite,
        device,
        console.progress,
        argv,
        shared.names(metrics),
    )
    show_evaluations(console, list(result.documents))
    show_metrics(console, list(result.documents), shared.names(metrics))
    for warning in result.warnings:
        console.warn(warning)
    if result.n_reused:
        console.note(f"{result.n_reused} of {len(result.paths)} evaluations were up to date")
    console.emit(result.paths, list(result.documents))


def show_evaluations(console: Console, documents: list[dict[str, Any]]) -> None:
    """Draw one row per corpus and strategy: S, and the accuracies that it is made of, as means over seeds."""
    from fractalctl.statistics.reading import encoder_of

    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for document in documents:
        key = f"{document['corpus']}/{encoder_of(document)}", document["strategy"]
        groups.setdefault(key, []).append(document)
    if not groups:
        return
    first = documents[0]
    dims, levels = first["dims"], list(first["accuracy"][str(first["dims"][0])])
    places = [
        (level, str(dimension)) for level in (levels[0], levels[-1]) for dimension in (dims[0], dims[-1])
    ]
    console.table(
        f"k-NN accuracy in %, protocol {first['protocol']}, {first['n_queries']} queries",
        ["corpus", "strategy", "seeds", "S", *(f"{level}@{dimension}" for level, dimension in places)],
        [_row(*key, group, places) for key, group in groups.items()],
    )


def show_metrics(console: Console, documents: list[dict[str, Any]], wanted: Sequence[str]) -> None:
    """Draw the tables that a report has of each metric."""
    if not wanted:
        return
    from importlib import import_module

    from fractalctl.measures.metrics import metric_names

    for name in metric_names(wanted):
        for table in import_module(f"fractalctl.report.{name}").tables(documents):
            console.table(table.caption, table.columns, table.rows)


def _row(corpus: str, strategy: str, group: list[dict[str, Any]], places: list[tuple[str, str]]) -> list[str]:
    """Mean and standard deviation over seeds; for a single seed the interval over queries."""
    from statistics import mean, stdev

    values = [document["steerability"]["S"] for document in group]
    low, high = group[0]["steerability"]["intervals"]["S"]
    spread = f"± {stdev(values):.3f}" if len(values) > 1 else f"[{low:+.3f}, {high:+.3f}]"
    shares = [
        f"{100 * mean(document['accuracy'][dimension][level] for document in group):.1f}"
        if all(level in document["accuracy"].get(dimension, {}) for document in group)
        else "-"
        for level, dimension in places
    ]
    return [corpus, strategy, str(len(values)), f"{mean(values):+.3f} {spread}", *shares]
