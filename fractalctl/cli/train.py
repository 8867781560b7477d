"""``fractalctl train``."""

from typing import TYPE_CHECKING

import typer

from fractalctl.cli import head_options as shared
from fractalctl.cli.executor_options import with_executor
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
    from fractalctl.executors import Executor
    from fractalctl.heads.recipe import TrainingRecipe


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "train")(shared.with_recipe(with_executor(train)))


def train(
    invocation: Invocation,
    features: shared.FeaturesArgument = None,
    strategy: shared.StrategyOption = None,
    supervision: shared.SupervisionOption = None,
    seeds: shared.SeedsOption = shared.DEFAULT_SEEDS,
    overwrite: shared.OverwriteOption = Overwrite.CHANGED,
    device: shared.DeviceOption = "auto",
    *,
    executor: "Executor | None",
    recipe: "TrainingRecipe",
) -> None:
    """Train heads on a feature set, many at once.

    One head per strategy and seed, trained together. Heads that are already there are not trained again.

    Examples:
        fractalctl train --strategy v5

        fractalctl train clinc/minilm --strategy v5,mrl --seeds 42,123,456,789,1024

        fractalctl train clinc --head fractal --strategy v5,mrl

        fractalctl train clinc --strategy v5,inverted --executor dask --scheduler tcp://head-node:8786

        fractalctl train --supervision my-table.toml --dims 32,64,128,256

        fractalctl featurize clinc | fractalctl train - --strategy v5 | fractalctl evaluate -
    """
    from fractalctl.experiments.training import supervisions, train_heads

    chosen = shared.choose_features(invocation, features)
    default = () if supervision else ("v5",)
    tables = supervisions(chosen, recipe, shared.names(strategy, default), supervision or ())
    files = {path.stem: path for path in supervision or ()}

    def argv(table_name: str, seed: int) -> list[str]:
        own = files.get(table_name)
        return invocation.argv(
            features=str(chosen.path),
            seeds=str(seed),
            strategy=None if own else [table_name],
            supervision=[own] if own else None,
            device=None,
            overwrite=None,
            **shared.resolved(recipe),
        )

    trained = train_heads(
        chosen,
        tables,
        invocation.runs,
        shared.numbers(seeds, "--seeds"),
        recipe,
        overwrite,
        device,
        invocation.console.progress,
        argv,
        executor,
    )
    invocation.console.note(trained.summary())
    invocation.console.emit(
        [head.weights_path for head in trained.heads], [head.description for head in trained.heads]
    )
