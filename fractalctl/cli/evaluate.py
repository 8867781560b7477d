"""``fractalctl evaluate``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from typer import Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
    from fractalctl.heads.head import Head
    from fractalctl.measures.protocols import Protocol
    from store import FeatureSet


@command(rule=shared.protocol)
def evaluate(
    invocation: Invocation,
    heads: shared.HeadsArgument = None,
    *,
    rule: shared.ProtocolOptions,
    metrics: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            autocompletion=completion.METRICS,
            help="Metrics beside baselines, leakage and cascade: retrieval, localisation, routing, dual, "
            "information, retention, those of plug-ins, or all; none leaves those three out. Repeatable.",
        ),
    ] = None,
    features: Annotated[
        str | None,
        Option(
            metavar="SET",
            autocompletion=completion.SETS,
            help="Evaluate on this feature set, not on each head's own.",
        ),
    ] = None,
    overwrite: shared.OverwriteOption = Overwrite.CHANGED,
    device: shared.DeviceOption = "auto",
) -> None:
    """Measure heads: k-NN accuracy at every prefix and level, steerability, leakage, cascades.

    First comes what was asked: how often the shortest length is right on the coarsest level, and the full one
    on the finest, beside the backbone cut to those lengths and its principal components. Then S, and the
    rest.

    Under loo some test rows ask each other: the default on the corpora of the paper. Under index test rows
    ask the training rows, as in a search: the default on your own files. The sparser the reference, the
    larger S: compare only results of one protocol. Leakage is how well a linear probe tells
    the finest class from the shortest prefix; a cascade searches a shortlist by that prefix at full length.

    --metrics adds parts to the same files, and computes only those that are not there yet. Some compare a
    head with one of another strategy, trained alike; under all, those whose heads are missing are left out.

    Examples:
        fractalctl evaluate

        fractalctl evaluate --protocol index runs/clinc/minilm

        fractalctl evaluate --metrics retrieval,routing runs/trec

        fractalctl evaluate --protocol index --metrics all runs/clinc/minilm/v5

        fractalctl evaluate --metrics none --drop-duplicates --rows-seed 7

        fractalctl train -s v5 | fractalctl evaluate - --protocol loo --max-test 2000
    """
    from fractalctl.cli.overview import evaluation_tables
    from fractalctl.experiments.evaluating import evaluate_heads, usual_protocol
    from fractalctl.heads.head import find_heads
    from fractalctl.measures.metrics import NONE, metrics_to_measure

    console, store = invocation.console, invocation.feature_store
    wanted = shared.names(metrics)
    tables, standard = metrics_to_measure(wanted), set(metrics_to_measure(()))

    def argv(head: "Head", measured: Sequence[str], protocol: "Protocol") -> list[str]:
        names = ",".join(measured if standard <= set(measured) else [NONE, *measured])
        chosen = {"heads": [head.folder], "metrics": [names], "protocol": protocol.name}
        return invocation.argv(**chosen, overwrite=None, device=None)

    def protocol(features: "FeatureSet") -> "Protocol":
        return rule.otherwise(usual_protocol(features))

    result = evaluate_heads(
        find_heads(shared.head_paths(invocation, heads)),
        protocol,
        store,
        shared.named_set(invocation, features) if features else None,
        overwrite,
        device,
        console.progress,
        argv,
        wanted,
        console.note,
    )
    console.tables(evaluation_tables(result.documents))
    for name in tables:
        from fractalctl.report import metric_tables

        console.tables(metric_tables(name, result.documents))
    for warning in result.warnings:
        console.warn(warning)
    if result.n_reused:
        console.note(f"{result.n_reused} of {len(result.paths)} evaluations were up to date")
    console.emit(result.paths, list(result.documents))
