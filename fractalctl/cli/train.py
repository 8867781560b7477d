"""``fractalctl train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from fractalctl.cli import options as shared
from fractalctl.cli.arm_options import ArmOptions, arms, spelled
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.cli.project import from_project
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
    from fractalctl.executors import Executor
    from fractalctl.experiments.tuning import TunedArm
    from fractalctl.heads.arms import Arm
    from fractalctl.heads.head import Head
    from store import FeatureSet

    Origins = dict[Arm, TunedArm]


@command(wanted=arms, executor=shared.executor)
def train(
    invocation: Invocation,
    features: shared.FeaturesArgument = None,
    *,
    wanted: ArmOptions,
    supervision: Annotated[
        list[Path] | None,
        Option(
            exists=True,
            dir_okay=False,
            help="An own table of supervision (TOML), called as its file is; may be repeated.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        Option(
            "--tune",
            min=2,
            metavar="TRIALS",
            help="First choose the learning rate, and what else the method names, on validation rows.",
            show_default="no tuning",
        ),
    ] = None,
    seeds: shared.SeedsOption = shared.DEFAULT_SEEDS,
    overwrite: shared.OverwriteOption = Overwrite.CHANGED,
    device: shared.DeviceOption = "auto",
    executor: "Executor | None",
) -> None:
    """Train heads on feature sets, many at once.

    One head per strategy and seed, trained together. Heads that are already there are not trained again; what
    has to give way to a new one is named before.

    Examples:
        fractalctl train --strategy v5

        fractalctl train clinc/minilm --strategy v5,mrl --seeds 42,123,456,789,1024

        fractalctl train clinc --head fractal --strategy v5,mrl

        fractalctl train clinc -s v5,supcon --set epochs=10 --set dims=32,64,128,256

        fractalctl train clinc -s v5 --executor dask --scheduler scheduler.json

        fractalctl train --supervision my-table.toml --dims 32,64,128,256

        fractalctl train clinc --strategy zoom --dims auto

        fractalctl train clinc --strategy mrl-e,hanley --tune 8 --seeds 42

        fractalctl store ls -q | fractalctl train - -s lda | fractalctl evaluate -
    """
    from fractalctl.cli.overview import capacity_lines, held_out_lines
    from fractalctl.corpora.recorded import level_names
    from fractalctl.experiments.addresses import USUAL
    from fractalctl.experiments.training import build_arms, train_heads
    from fractalctl.experiments.tuning import SHARE, TunedArm, size_lengths, tune

    files = {path.stem: path for path in supervision or ()}
    strategies = wanted.strategies or (() if files else (USUAL,))
    if files and from_project(invocation.command, "strategy"):
        invocation.console.note(
            "Only the tables of --supervision are trained; --strategy names others beside"
        )
        strategies = ()
    if not wanted.strategies and not files:
        invocation.console.note(f"Strategy: {USUAL} (--strategy names others, 'strategies ls' lists them)")
    heads: list[Head] = []
    for chosen in shared.choose_features(invocation, features):
        settings, capacity = dict(wanted.settings), None
        if settings.get("dims") == "auto":
            capacity = size_lengths(chosen, settings.get("holdout", SHARE))
            settings["dims"] = ",".join(map(str, capacity.chosen))
            for line in capacity_lines(capacity, level_names(chosen)):
                invocation.console.note(line)
        arms = build_arms(strategies, chosen.n_levels, wanted.trunk, settings, supervision or ())
        tuned = [TunedArm(arm, arm) for arm in arms]
        if trials is not None:
            tuned = tune(
                chosen,
                arms,
                trials,
                invocation.runs,
                wanted.settings,
                device,
                invocation.console.progress,
                executor,
                invocation.console.note,
                again=overwrite is Overwrite.ALWAYS,
            )
        origins = {one.arm: one for one in tuned}

        def argv(
            arm: "Arm", seed: int, chosen: "FeatureSet" = chosen, origins: "Origins" = origins
        ) -> list[str]:
            own, origin = files.get(arm.strategy), origins[arm]
            return invocation.argv(
                features=[chosen.path],
                strategy=None if own else [arm.strategy],
                supervision=[own] if own else None,
                **spelled(origin.plain, without=origin.tuning.ranges if origin.tuning else ()),
                seeds=seed,
                overwrite=None,
                device=None,
            )

        trained = train_heads(
            chosen,
            [one.arm for one in tuned],
            invocation.runs,
            shared.numbers(seeds, "--seeds"),
            overwrite,
            device,
            invocation.console.progress,
            argv,
            executor,
            invocation.console.note,
            {arm: one.tuning for arm, one in origins.items() if one.tuning},
            capacity,
        )
        invocation.console.note(f"{chosen.corpus}/{chosen.name}: {trained.summary()}")
        for line in held_out_lines(trained.heads, level_names(chosen), chosen.n_rows("train")):
            invocation.console.note(line)
        heads += trained.heads
    invocation.console.note("What each length answers, on test rows: fractalctl evaluate")
    invocation.console.emit([head.weights_path for head in heads], [head.document for head in heads])
