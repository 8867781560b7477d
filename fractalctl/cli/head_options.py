"""Options that several commands about heads share, declared once."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractalctl.cli.expansion import in_place_of
from fractalctl.cli.plumbing import Invocation, expand_stdin
from fractalctl.errors import RequestError
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
    from fractalctl.heads.head import Head
    from fractalctl.heads.recipe import TrainingRecipe
    from store import FeatureSet


class Standardise(StrEnum):
    """Whether inputs are centred and scaled."""

    YES = "yes"
    NO = "no"


FeaturesArgument = Annotated[
    str | None,
    typer.Argument(
        help="Feature set: a .h5 file, CORPUS or CORPUS/BACKBONE of the store, or - for a path on "
        "standard input. Default: the one written last."
    ),
]
HeadsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Heads, or folders of heads; - reads paths from standard input. Default: all below RUNS."
    ),
]
ProtocolOption = Annotated[str, typer.Option("--protocol", help="loo or index.")]
MaxTestOption = Annotated[
    int | None,
    typer.Option(
        "--max-test", min=1, help="First test rows that ask.", show_default="500 for loo, all for index"
    ),
]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option("--strategy", "-s", help="Named supervision; repeat it or separate names by commas."),
]
SupervisionOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--supervision", exists=True, dir_okay=False, help="Own supervision table (TOML); may be repeated."
    ),
]
SeedsOption = Annotated[str, typer.Option("--seeds", help="Seeds, separated by commas.")]
HeadOption = Annotated[str, typer.Option("--head", help="Kind of head: linear or fractal.")]
DimsOption = Annotated[str, typer.Option("--dims", help="Ascending prefix lengths, separated by commas.")]
EpochsOption = Annotated[int, typer.Option("--epochs", min=1)]
BatchSizeOption = Annotated[int | None, typer.Option("--batch-size", min=1, show_default="16; fractal 32")]
LearningRateOption = Annotated[
    float | None,
    typer.Option("--learning-rate", help="Peak rate of AdamW.", show_default="1e-3; fractal 1e-4"),
]
WeightDecayOption = Annotated[float, typer.Option("--weight-decay")]
ScheduleOption = Annotated[
    str | None,
    typer.Option("--schedule", help="cosine or constant.", show_default="cosine; fractal constant"),
]
StandardiseOption = Annotated[
    Standardise | None,
    typer.Option("--standardise", help="Centre and scale the features.", show_default="yes; fractal no"),
]
HoldoutOption = Annotated[
    float, typer.Option("--holdout", help="Share of training rows that chooses the best epoch.")
]
PrefixPerOption = Annotated[
    str | None,
    typer.Option(
        "--prefix-per",
        help="Draw a prefix length per batch or per sample.",
        show_default="batch; fractal sample",
    ),
]
OverwriteOption = Annotated[
    Overwrite, typer.Option("--overwrite", help="What happens to results that exist.")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]

DEFAULT_SEEDS = "42,123,456,789,1024"
DEFAULT_DIMS = "64,128,192,256"


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers separated by commas.

    Raises:
        RequestError: a part is no whole number.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise RequestError(f"{option} '{text}': expected whole numbers separated by commas") from None


def names(values: list[str] | None, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names given by repeating an option, by commas, or both; each once."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part)) or default


def choose_features(invocation: Invocation, argument: str | None) -> "FeatureSet":
    """The feature set that the argument names, or the one written last; says which on standard error.

    Raises:
        RequestError: standard input names none or several.
        StoreError: there is no such set.
    """
    from store import FeatureStore

    if argument == "-":
        lines = expand_stdin(["-"])
        if len(lines) != 1:
            raise RequestError(
                f"standard input: expected the path of one feature set, got {len(lines)} lines"
            )
        argument = lines[0]
    features = FeatureStore(invocation.store).resolve(argument)
    if argument is None:
        invocation.console.note(f"Feature set: {features.path} (the one written last)")
    return features


def choose_heads(invocation: Invocation, arguments: list[str] | None) -> "Sequence[Head]":
    """The heads that the arguments name, or all below RUNS; says so on standard error.

    Raises:
        RequestError: there is none.
    """
    from fractalctl.heads.head import find_heads

    paths = expand_stdin(arguments)
    if not paths:
        paths = [str(invocation.runs)]
        invocation.console.note(f"Heads: all below {invocation.runs}")
    return find_heads([Path(path) for path in paths])


def build_recipe(
    head: HeadOption = "linear",
    dims: DimsOption = DEFAULT_DIMS,
    epochs: EpochsOption = 5,
    batch_size: BatchSizeOption = None,
    learning_rate: LearningRateOption = None,
    weight_decay: WeightDecayOption = 0.01,
    schedule: ScheduleOption = None,
    standardise: StandardiseOption = None,
    holdout: HoldoutOption = 0.15,
    prefix_per: PrefixPerOption = None,
) -> "TrainingRecipe":
    """A training recipe from option values as they were typed; None is the default of the kind of head.

    Raises:
        RequestError: there is no such kind of head, or a value is outside its range.
    """
    from fractalctl.heads.recipe import TrainingRecipe

    return TrainingRecipe.for_head(
        head,
        dims=numbers(dims, "--dims"),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        schedule=schedule,
        standardise=None if standardise is None else standardise is Standardise.YES,
        holdout=holdout,
        prefix_per=prefix_per,
    )


def with_recipe(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `build_recipe` in the place of its parameter ``recipe``."""
    return in_place_of("recipe", build_recipe, function)


def resolved(recipe: "TrainingRecipe") -> dict[str, object]:
    """Values of the options whose defaults depend on the kind of head, for `Invocation.argv`."""
    return {
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "schedule": recipe.schedule,
        "standardise": Standardise.YES if recipe.standardise else Standardise.NO,
        "prefix_per": recipe.prefix_per,
    }
