"""The options that say which arms are meant: strategies, their trunk and their settings."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from fractalctl.cli import completion
from fractalctl.cli.options import names
from fractalctl.errors import RequestError

if TYPE_CHECKING:
    from fractalctl.heads.arms import Arm

THEIR_OWN = "the strategy's own"
SHORTHANDS = {
    "dims": "Ascending prefix lengths, separated by commas; train sizes them by level with auto.",
    "epochs": "Passes over the training rows.",
    "batch_size": "Rows of a step.",
    "learning_rate": "Peak rate of AdamW.",
    "weight_decay": "Of AdamW.",
    "schedule": "cosine, constant or one-cycle.",
    "standardise": "Centre and scale the features: yes or no.",
    "holdout": "Share of training rows that chooses the best epoch.",
    "prefix_per": "Draw a prefix length per batch or per sample.",
}
"""Settings that have an option of their own, which is short for ``--set``."""
LISTS = ("dims",)
"""Those that have several values, which an option that is repeated adds to."""


@dataclass(frozen=True)
class ArmOptions:
    """What was asked for, before anybody knows which settings a strategy has.

    Attributes:
        strategies: names; none means the command's default.
        trunk: of all that have one; None is each strategy's own.
        settings: text by name, as it was typed.
    """

    strategies: tuple[str, ...] = ()
    trunk: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


StrategyOption = Annotated[
    list[str] | None,
    Option(
        "--strategy",
        "-s",
        metavar="NAME",
        autocompletion=completion.STRATEGIES,
        help="Repeat it or separate names by commas; see strategies ls.",
    ),
]


def arms(
    strategy: StrategyOption = None,
    head: Annotated[
        str | None,
        Option(metavar="TRUNK", help="linear, mlp, residual, parts or fractal.", show_default=THEIR_OWN),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the strategies; may be repeated. strategies info NAME lists them. The options "
            "below are short for it.",
        ),
    ] = None,
    **short: list[str] | None,
) -> ArmOptions:
    """What was asked for; RequestError if ``--set`` is no assignment, or a setting has two values."""
    settings: dict[str, str] = {}
    for assignment in assignments or ():
        name, equals, value = assignment.partition("=")
        if not (name.strip() and equals):
            raise RequestError(f"--set {assignment}: expected NAME=VALUE, such as epochs=10")
        _assign(settings, name.strip().replace("-", "_"), value.strip())
    for name, values in short.items():
        for text in [",".join(values)] if values and name in LISTS else values or ():
            _assign(settings, name, text)
    return ArmOptions(names(strategy), head, settings)


def _signature() -> inspect.Signature:
    """The options of `arms`, with those of `SHORTHANDS` in the place of its keywords."""
    *own, _ = inspect.signature(arms).parameters.values()
    short = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                list[str] | None,
                Option(
                    f"--{name.replace('_', '-')}",
                    metavar="N,..." if name in LISTS else "VALUE",
                    help=text,
                    show_default=THEIR_OWN,
                ),
            ],
        )
        for name, text in SHORTHANDS.items()
    ]
    return inspect.Signature([*own, *short])


arms.__signature__ = _signature()  # type: ignore[attr-defined]  # what `command` reads


def _assign(settings: dict[str, str], name: str, value: str) -> None:
    if settings.setdefault(name, value) != value:
        raise RequestError(f"{name} has two values: {settings[name]} and {value}")


def spelled(arm: "Arm", without: Collection[str] = ()) -> dict[str, Any]:
    """Values of these options that make an arm again, for `Invocation.argv`.

    Args:
        without: settings that are left out, since they are chosen again.
    """
    left_out = {"trunk", *without}
    settings = [f"{name}={text}" for name, text in arm.typed().items() if name not in left_out]
    return {"head": arm.trunk, "assignments": settings, **dict.fromkeys(SHORTHANDS)}
