"""``fractalctl ablate``."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fractalctl.cli import head_options as shared
from fractalctl.cli.plumbing import Invocation, command, expand_stdin

if TYPE_CHECKING:
    from fractalctl.heads.recipe import TrainingRecipe
    from fractalctl.statistics.comparisons import Comparison
    from store import FeatureSet


class Axis(StrEnum):
    """What the experiment varies."""

    ALIGNMENT = "alignment"


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
    seeds: shared.SeedsOption = shared.DEFAULT_SEEDS,
    protocol: Annotated[str, typer.Option("--protocol", help="loo or index.")] = "loo",
    max_test: Annotated[int, typer.Option("--max-test", min=1, help="First test rows that ask.")] = 2000,
    device: shared.DeviceOption = "auto",
    *,
    recipe: "TrainingRecipe",
) -> None:
    """Vary one thing under control: train every condition on one fixed split and compare steerability.

    The alignment axis compares v5 with inverted, no-prefix, uhmt and mrl: is steerability caused by
    which prefix is trained on which level?

    Examples:
        fractalctl ablate

        fractalctl ablate clinc/minilm trec/minilm --seeds 42,123,456

        fractalctl ablate clinc --strategy v5,inverted --epochs 10

        fractalctl ablate clinc --head fractal --seeds 42,123,456
    """
    from fractalctl.experiments.ablation import CONDITIONS, ablate_alignment
    from fractalctl.measures.protocols import Protocol
    from fractalctl.statistics.conditions import compare_conditions

    console = invocation.console
    sets = _choose_sets(invocation, features)
    rule = Protocol(protocol, max_test=max_test)
    results = [
        ablate_alignment(
            chosen,
            invocation.runs,
            shared.names(strategy, CONDITIONS),
            shared.numbers(seeds, "--seeds"),
            recipe,
            rule,
            device,
            console.progress,
            invocation.argv(features=[str(chosen.path)], device=None, **shared.resolved(recipe)),
        )
        for chosen in sets
    ]
    documents = [document for _, document in results]
    console.table(
        f"{axis.value.capitalize()}, protocol {protocol}",
        ["corpus", "condition", "S", "t", "p adjusted (Holm)", "d"],
        [_row(comparison) for comparison in compare_conditions(documents)],
    )
    console.emit([path for path, _ in results], documents[0] if len(documents) == 1 else documents)


def _choose_sets(invocation: Invocation, arguments: list[str] | None) -> list["FeatureSet"]:
    names = expand_stdin(arguments)
    return [shared.choose_features(invocation, name) for name in names] or [
        shared.choose_features(invocation, None)
    ]


def _row(comparison: "Comparison") -> list[str]:
    found = comparison.document()

    def text(key: str, form: str) -> str:
        return "-" if found[key] is None else format(found[key], form)

    return [
        found["corpus"],
        f"{found['a']} vs {found['b']}",
        f"{found['mean_a']:+.3f} vs {found['mean_b']:+.3f}",
        text("t", ".1f"),
        f"{text('p_adjusted', '.4f')} (m = {found['family_size']})",
        text("cohens_d", ".1f"),
    ]
