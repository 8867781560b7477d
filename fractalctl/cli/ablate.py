"""``fractalctl ablate``."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractalctl.cli import head_options as shared
from fractalctl.cli.plumbing import Invocation, command, expand_stdin
from fractalctl.errors import RequestError

if TYPE_CHECKING:
    from fractalctl.heads.recipe import TrainingRecipe
    from fractalctl.statistics.comparisons import Comparison
    from store import FeatureSet


class Axis(StrEnum):
    """What the experiment varies."""

    ALIGNMENT = "alignment"
    CAPACITY = "capacity"
    NOISE = "noise"
    DEPTH = "depth"
    BACKBONE = "backbone"


@dataclass(frozen=True)
class AxisRow:
    """What runs an axis.

    Attributes:
        ablate: ``module:function``, called like `fractalctl.experiments.ablation.ablate_alignment`.
        compare: ``module:function`` from documents of several corpora to comparisons, corrected together.
        max_test: first test rows that ask, unless ``--max-test`` says otherwise.
        options: names of the options, beyond those of all axes, that it takes as keywords.
    """

    ablate: str
    compare: str
    max_test: int = 2000
    options: tuple[str, ...] = ()


AXES = {
    Axis.ALIGNMENT: AxisRow(
        "fractalctl.experiments.ablation:ablate_alignment",
        "fractalctl.statistics.conditions:compare_conditions",
    ),
    Axis.CAPACITY: AxisRow(
        "fractalctl.experiments.axes:ablate_capacity",
        "fractalctl.statistics.points:compare_capacity",
        options=("values",),
    ),
    Axis.NOISE: AxisRow(
        "fractalctl.experiments.axes:ablate_noise",
        "fractalctl.statistics.points:compare_noise",
        max_test=500,
        options=("values",),
    ),
    Axis.DEPTH: AxisRow(
        "fractalctl.experiments.depth:ablate_depth",
        "fractalctl.statistics.points:compare_levels",
    ),
    Axis.BACKBONE: AxisRow(
        "fractalctl.experiments.finetuning:ablate_backbone",
        "fractalctl.statistics.factorial:compare_tuning",
        options=("layers", "encoder_rate", "max_train", "encoder"),
    ),
}
"""Everything that the command needs to know of an axis; modules are imported when their axis is asked for."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "ablate")(shared.with_recipe(ablate))


def ablate(
    invocation: Invocation,
    features: Annotated[
        list[str] | None,
        typer.Argument(
            help="Feature sets: .h5 files, CORPUS or CORPUS/BACKBONE; - reads paths from standard input. "
            "Tests are corrected over all of them. Default: the one written last."
        ),
    ] = None,
    axis: Annotated[Axis, typer.Option("--axis", help="What is varied.")] = Axis.ALIGNMENT,
    strategy: shared.StrategyOption = None,
    values: Annotated[
        str | None,
        typer.Option(
            "--values",
            help="Points of the axis, separated by commas: numbers per block (capacity), percent (noise).",
            show_default="the paper's",
        ),
    ] = None,
    seeds: shared.SeedsOption = shared.DEFAULT_SEEDS,
    protocol: shared.ProtocolOption = "loo",
    max_test: Annotated[
        int | None,
        typer.Option("--max-test", min=1, help="First test rows that ask.", show_default="2000; noise 500"),
    ] = None,
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers", min=1, help="Last layers of the encoder that are trained.", show_default="4"
        ),
    ] = None,
    encoder_rate: Annotated[
        float | None,
        typer.Option("--encoder-rate", help="Peak learning rate of those layers.", show_default="2e-5"),
    ] = None,
    max_train: Annotated[
        int | None,
        typer.Option("--max-train", min=1, help="Random training rows (backbone).", show_default="all"),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option("--encoder", file_okay=False, help="Model folder of a set that was made from one."),
    ] = None,
    device: shared.DeviceOption = "auto",
    *,
    recipe: "TrainingRecipe",
) -> None:
    """Vary one thing under control: train every condition on one fixed split and compare steerability.

    The alignment axis compares v5 with inverted, no-prefix, uhmt and mrl: is steerability caused by
    which prefix is trained on which level? The others compare v5 with mrl: capacity over numbers per
    block, noise over shares of wrong coarse labels in training, depth on three or more levels, backbone
    on a frozen encoder and on one whose last layers are trained too.

    An interrupted call goes on where it stopped.

    Examples:
        fractalctl ablate

        fractalctl ablate clinc/minilm trec/minilm --seeds 42,123,456

        fractalctl ablate clinc --strategy v5,inverted --epochs 10

        fractalctl ablate clinc --head fractal --seeds 42,123,456

        fractalctl ablate clinc trec --axis capacity --values 16,64,128

        fractalctl ablate clinc --axis noise

        fractalctl ablate clinc --axis depth

        fractalctl ablate clinc --axis backbone --layers 2 --max-train 2000
    """
    from fractalctl.measures.protocols import Protocol

    console, row = invocation.console, AXES[axis]
    max_test = max_test or row.max_test
    given = _given(
        axis,
        conditions=shared.names(strategy) or None,
        values=shared.numbers(values, "--values") if values else None,
        layers=layers,
        encoder_rate=encoder_rate,
        max_train=max_train,
        encoder=encoder,
    )
    results = [
        resolve_name(row.ablate)(
            chosen,
            invocation.runs,
            seeds=shared.numbers(seeds, "--seeds"),
            recipe=recipe,
            protocol=Protocol(protocol, max_test=max_test),
            device=device,
            progress=console.progress,
            argv=invocation.argv(
                features=[str(chosen.path)], max_test=max_test, device=None, **shared.resolved(recipe)
            ),
            **given,
        )
        for chosen in _choose_sets(invocation, features)
    ]
    documents = [document for _, document in results]
    console.table(
        f"{axis.value.capitalize()}, protocol {protocol}",
        ["corpus", "condition", "S", "t", "p adjusted (Holm)", "d"],
        [_row(comparison) for comparison in resolve_name(row.compare)(documents)],
    )
    console.emit([path for path, _ in results], documents[0] if len(documents) == 1 else documents)


def _given(axis: Axis, conditions: Sequence[str] | None, **options: Any) -> dict[str, Any]:
    """Keywords for the axis: what was given, so that it has its own defaults for all else.

    Raises:
        RequestError: an option was given that the axis does not have.
    """
    found = {name: value for name, value in options.items() if value is not None}
    if strange := [name for name in found if name not in AXES[axis].options]:
        option = strange[0].replace("_", "-")
        having = ", ".join(other for other, row in AXES.items() if strange[0] in row.options)
        raise RequestError(f"--{option} does not belong to axis {axis}, but to {having}")
    return found | ({"conditions": conditions} if conditions else {})


def _choose_sets(invocation: Invocation, arguments: list[str] | None) -> list["FeatureSet"]:
    names = expand_stdin(arguments)
    return [shared.choose_features(invocation, name) for name in names] or [
        shared.choose_features(invocation, None)
    ]


def _row(comparison: "Comparison") -> list[str]:
    found = comparison.document()

    def text(key: str, form: str) -> str:
        return "-" if found[key] is None else format(found[key], form)

    measure = "" if found["metric"] == "S" else f", {found['metric']}"
    return [
        found["corpus"],
        f"{found['a']} vs {found['b']}{measure}",
        f"{found['mean_a']:+.3f} vs {found['mean_b']:+.3f}",
        text("t", ".1f"),
        f"{text('p_adjusted', '.4f')} (m = {found['family_size']})",
        text("cohens_d", ".1f"),
    ]
