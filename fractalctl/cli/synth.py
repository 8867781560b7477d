"""``fractalctl synth``."""

from typing import TYPE_CHECKING, Annotated

import typer

from fractalctl.cli import head_options as shared
from fractalctl.cli.plumbing import Invocation, command

if TYPE_CHECKING:
    from fractalctl.heads.recipe import TrainingRecipe


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "synth")(shared.with_recipe(synth))


def synth(
    invocation: Invocation,
    features: shared.FeaturesArgument = None,
    coarse: Annotated[
        str, typer.Option("--coarse", help="Numbers of coarse classes, separated by commas.")
    ] = "2,3,5,10,15,25,50,75",
    partition_seeds: Annotated[
        str, typer.Option("--partition-seeds", help="One random partition of every number for each.")
    ] = "42,123,456",
    strategy: shared.StrategyOption = None,
    seeds: shared.SeedsOption = shared.DEFAULT_SEEDS,
    protocol: shared.ProtocolOption = "loo",
    max_test: shared.MaxTestOption = None,
    device: shared.DeviceOption = "auto",
    *,
    recipe: "TrainingRecipe",
) -> None:
    """Divide the fine classes into random coarse ones, few to many: where does steerability peak?

    Texts and fine classes stay the same, so the coarse entropy H(L0) grows as H(L1|L0) shrinks. v5 and mrl
    are trained under every partition, and under the corpus's own coarse level. A stopped call goes on from
    the last finished partition.

    Examples:
        fractalctl synth

        fractalctl synth clinc/minilm --coarse 2,5,10,25,75

        fractalctl synth trec --coarse 2,4,8,16,32 --partition-seeds 1,2,3,4,5 --seeds 42,123,456

        fractalctl synth clinc --dims 32,64,96,128
    """
    from fractalctl.experiments.partitions import fitting
    from fractalctl.experiments.synthesis import STRATEGIES, synthesise
    from fractalctl.measures.protocols import Protocol
    from fractalctl.report.synthesis import claims, tables

    console = invocation.console
    chosen = shared.choose_features(invocation, features)
    sizes, too_large = fitting(chosen, shared.numbers(coarse, "--coarse"))
    for number in too_large:
        n_classes = len(chosen.class_names[-1])
        console.warn(
            f"K0 = {number} is left out: {chosen.corpus} has {n_classes} classes at its finest level"
        )
    path, document = synthesise(
        chosen,
        invocation.runs,
        sizes,
        shared.numbers(partition_seeds, "--partition-seeds"),
        shared.names(strategy, STRATEGIES),
        shared.numbers(seeds, "--seeds"),
        recipe,
        Protocol(protocol, max_test=max_test),
        device,
        console.progress,
        invocation.argv(features=str(chosen.path), device=None, **shared.resolved(recipe)),
    )
    for table in tables([document]):
        console.table(table.caption, table.columns, table.rows)
    for claim, _, verdict in claims([document]):
        console.note(f"{claim}: {verdict.replace('**', '')}")
    console.emit([path], document)
