"""``fractalctl synth``."""

from typing import Annotated

from typer import Option

from fractalctl.cli import options as shared
from fractalctl.cli.arm_options import ArmOptions, arms
from fractalctl.cli.plumbing import Invocation, command

COARSE, PARTITION_SEEDS = ["2,3,5,10,15,25,50,75"], ["42,123,456"]


@command(wanted=arms, rule=shared.protocol)
def synth(
    invocation: Invocation,
    features: shared.FeaturesArgument = None,
    coarse: Annotated[
        list[str], Option(metavar="N,...", help="Numbers of coarse classes, separated by commas.")
    ] = COARSE,
    partition_seeds: Annotated[
        list[str], Option(metavar="N,...", help="One random partition of every number for each.")
    ] = PARTITION_SEEDS,
    *,
    wanted: ArmOptions,
    seeds: shared.SeedsOption = shared.DEFAULT_SEEDS,
    rule: shared.ProtocolOptions,
    device: shared.DeviceOption = "auto",
) -> None:
    """Divide the fine classes into random coarse ones, few to many: where does steerability peak?

    Texts and fine classes stay the same, so the coarse entropy H(L0) grows as H(L1|L0) shrinks. v5 and mrl,
    unless --strategy names others, are trained under every partition, and under the corpus's own coarse
    level. Test rows ask each other on the corpora that the paper has (loo), and the training rows on your own
    (index). A stopped call goes on from the last finished partition.

    Examples:
        fractalctl synth --seeds 42,123

        fractalctl synth clinc --coarse 2,5,10,25,75 -s v5,lda --seeds 42,123

        fractalctl synth trec --coarse 2,4,8,16 --partition-seeds 1,2 --seeds 42,123

        fractalctl synth clinc --coarse 2,5,10 --dims 32,64,96,128 --seeds 42,123
    """
    from fractalctl.experiments.evaluating import common_protocol
    from fractalctl.experiments.synthesis import STRATEGIES, fitting, synthesise
    from fractalctl.report.sections.synthesis import overview_tables

    console, results = invocation.console, []
    sets = shared.choose_features(invocation, features)
    usual = common_protocol(sets)
    protocol = rule.otherwise(usual)
    for chosen in sets:
        sizes, too_large = fitting(chosen, shared.numbers(coarse, "--coarse"))
        for number in too_large:
            n_classes = len(chosen.class_names[-1])
            console.warn(
                f"K0 = {number} is left out: {chosen.corpus} has {n_classes} classes at its finest level"
            )
        results.append(
            synthesise(
                chosen,
                invocation.runs,
                sizes,
                shared.numbers(partition_seeds, "--partition-seeds"),
                wanted.strategies or STRATEGIES,
                wanted.trunk,
                wanted.settings,
                shared.numbers(seeds, "--seeds"),
                protocol,
                device,
                console.progress,
                invocation.argv(features=[chosen.path], protocol=protocol.name, device=None),
                console.note,
                usual,
            )
        )
    console.tables(overview_tables([document for _, document in results]))
    console.emit_results(results)
