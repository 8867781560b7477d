"""``fractalctl ablate``."""

from pathlib import Path
from typing import Annotated

from typer import Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.arm_options import ArmOptions, arms
from fractalctl.cli.plumbing import Invocation, command


@command(wanted=arms, rule=shared.protocol)
def ablate(
    invocation: Invocation,
    features: shared.FeaturesArgument = None,
    axis: Annotated[
        str,
        Option(
            metavar="AXIS",
            autocompletion=completion.AXES,
            help="What is varied: alignment, capacity, noise, depth, rows, unseen or backbone.",
        ),
    ] = "alignment",
    values: Annotated[
        list[str] | None,
        Option(
            metavar="N,...",
            help="Points of the axis, separated by commas: numbers per block (capacity), percent (noise), "
            "labelled rows of a class (rows).",
            show_default="the paper's",
        ),
    ] = None,
    layers: Annotated[
        int | None, Option(min=1, help="Last layers of the encoder that are trained.", show_default="4")
    ] = None,
    encoder_rate: Annotated[
        float | None, Option(help="Peak learning rate of those layers.", show_default="2e-5")
    ] = None,
    max_train: Annotated[
        int | None, Option(min=1, help="Random training rows (backbone).", show_default="all")
    ] = None,
    encoder: Annotated[
        Path | None, Option(file_okay=False, help="Model folder of a set that was made from one.")
    ] = None,
    *,
    wanted: ArmOptions,
    seeds: shared.SeedsOption = shared.DEFAULT_SEEDS,
    rule: shared.ProtocolOptions,
    device: shared.DeviceOption = "auto",
) -> None:
    """Vary one thing under control: train every condition on one fixed split and compare steerability.

    The alignment axis compares v5 with inverted, no-prefix, uhmt and mrl: is steerability caused by
    which prefix is trained on which level? The others compare v5 with mrl: capacity over numbers per
    block, noise over shares of wrong coarse labels in training, depth on three or more levels, backbone
    on a frozen encoder and on one whose last layers are trained too. --strategy compares others.
    rows and unseen ask what a head is worth with few labels, and among classes that training did not see,
    beside the untouched backbone.

    Test rows ask each other on the corpora that the paper has (loo), and the training rows, as a search
    does, on your own (index).

    Tests are corrected over all feature sets given. An interrupted call goes on where it stopped.

    Examples:
        fractalctl ablate

        fractalctl ablate clinc trec --strategy v5,inverted --seeds 42,123,456

        fractalctl ablate clinc --strategy v5,supcon --epochs 10 --seeds 42,123

        fractalctl ablate clinc --head fractal --strategy v5,mrl --seeds 42,123

        fractalctl ablate clinc trec --axis capacity --values 16,64 --seeds 42,123

        fractalctl ablate clinc --axis noise --values 0,30 --seeds 42,123

        fractalctl ablate clinc --axis depth

        fractalctl ablate clinc --axis rows --values 10 -s zoom,raw --seeds 42,123

        fractalctl ablate clinc --axis unseen -s zoom,raw --seeds 42,123

        fractalctl ablate clinc --axis backbone --max-train 2000 --seeds 42,123
    """
    from dataclasses import replace

    from fractalctl.cli.overview import comparison_table
    from fractalctl.experiments import ablation
    from fractalctl.experiments.evaluating import common_protocol
    from fractalctl.report.sections.answer import ablation_answers
    from fractalctl.statistics.summary import compare_ablations

    console, row = invocation.console, ablation.axis_called(axis)
    sets = shared.choose_features(invocation, features)
    usual = common_protocol(sets)
    protocol = replace(rule, max_test=rule.max_test or row.max_test).otherwise(usual)
    given = {
        "values": shared.numbers(values, "--values") if values else None,
        "layers": layers,
        "encoder_rate": encoder_rate,
        "max_train": max_train,
        "encoder": encoder,
    }
    results = [
        ablation.ablate(
            axis,
            chosen,
            invocation.runs,
            strategies=wanted.strategies or None,
            trunk=wanted.trunk,
            settings=wanted.settings,
            seeds=shared.numbers(seeds, "--seeds"),
            protocol=protocol,
            device=device,
            progress=console.progress,
            argv=invocation.argv(
                features=[chosen.path], protocol=protocol.name, max_test=protocol.max_test, device=None
            ),
            note=console.note,
            usual=usual,
            **{name: value for name, value in given.items() if value is not None},
        )
        for chosen in sets
    ]
    documents = [document for _, document in results]
    caption = f"{axis.capitalize()}, protocol {protocol.name}; p adjusted by Holm over the feature sets"
    console.tables([*ablation_answers(documents), comparison_table(caption, compare_ablations(documents))])
    console.emit_results(results)
