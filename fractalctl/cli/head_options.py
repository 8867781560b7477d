"""Options that several commands about heads share, declared once."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractalctl.cli.plumbing import Invocation, expand_stdin
from fractalctl.errors import RequestError
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
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
HeadOption = Annotated[str, typer.Option("--head", help="Kind of head: linear.")]
DimsOption = Annotated[str, typer.Option("--dims", help="Ascending prefix lengths, separated by commas.")]
EpochsOption = Annotated[int, typer.Option("--epochs", min=1)]
BatchSizeOption = Annotated[int, typer.Option("--batch-size", min=1)]
LearningRateOption = Annotated[float, typer.Option("--learning-rate", help="Peak rate of AdamW.")]
WeightDecayOption = Annotated[float, typer.Option("--weight-decay")]
ScheduleOption = Annotated[str, typer.Option("--schedule", help="cosine or constant.")]
StandardiseOption = Annotated[
    Standardise, typer.Option("--standardise", help="Centre and scale the features.")
]
HoldoutOption = Annotated[
    float, typer.Option("--holdout", help="Share of training rows that chooses the best epoch.")
]
PrefixPerOption = Annotated[
    str, typer.Option("--prefix-per", help="Draw a prefix length per batch or per sample.")
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


def build_recipe(dims: str, standardise: Standardise, **options: Any) -> "TrainingRecipe":
    """A training recipe from option values; ``dims`` and ``standardise`` as they were typed.

    Raises:
        RequestError: a value is outside its range.
    """
    from fractalctl.heads.recipe import TrainingRecipe

    return TrainingRecipe(dims=numbers(dims, "--dims"), standardise=standardise is Standardise.YES, **options)
