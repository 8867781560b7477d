"""``fractalctl strategies``: what can be trained, and with which settings."""

from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.numbers import MISSING
from fractalctl.tables import Table

if TYPE_CHECKING:
    from fractalctl.heads.arms import Strategy

BUILT_IN = "built in"
HELP = "What can be trained, its settings and sources."


@command()
def ls(invocation: Invocation) -> None:
    """List the strategies, those of plug-ins included.

    Names go to standard output.

    Examples:
        fractalctl strategies ls

        fractalctl strategies ls --json
    """
    from fractalctl.heads.arms import strategies

    described = [_described(strategy) for strategy in strategies().values()]
    columns = ("strategy", "meaning", "method", "trunk", "from")
    rows = [[one[column] or MISSING for column in ("name", *columns[1:])] for one in described]
    invocation.console.tables([Table("strategies", "Strategies", columns, rows, left=5)])
    invocation.console.emit([one["name"] for one in described], described)


@command()
def info(
    invocation: Invocation,
    name: Annotated[
        str, Argument(metavar="NAME", autocompletion=completion.STRATEGIES, help="As `ls` shows it.")
    ],
    levels: Annotated[int, Option(min=2, help="Of the corpus; tables of supervision depend on it.")] = 2,
) -> None:
    """Show a strategy: its method, source, and every setting with its type, default and meaning.

    Settings are changed with --set. Defaults are those of this strategy with its own trunk.

    Examples:
        fractalctl strategies info v5

        fractalctl strategies info lda --json
    """
    from fractalctl.heads.arms import build_arm, strategies
    from fractalctl.heads.settings import describe, fields_of

    arm = build_arm(name, levels)
    strategy = strategies()[name]
    kind = strategy.method.Settings
    meanings, defaults, fields = describe(kind), arm.typed(), fields_of(kind)
    settings = [
        {"name": one, "type": _type(fields[one].type), "default": defaults[one], "meaning": meanings[one]}
        for one in fields
    ]
    console, described = invocation.console, _described(strategy)
    console.note(f"{name} ({described['from']}): {strategy.meaning}")
    console.note(f"Method {strategy.method.name}, after {strategy.method.source}")
    if strategy.source and strategy.source != strategy.method.source:
        console.note(f"Settings after {strategy.source}")
    rows = [[one[key] for key in ("name", "default", "meaning", "type")] for one in settings]
    console.tables([Table("settings", "Settings", ("setting", "default", "meaning", "type"), rows, left=4)])
    console.emit([name], {**described, "nested": arm.nested, "settings": settings})


def _described(strategy: "Strategy") -> dict[str, Any]:
    from fractalctl.heads.arms import origin

    return {
        "name": strategy.name,
        "method": strategy.method.name,
        "trunk": strategy.trunk,
        "meaning": strategy.meaning,
        "source": strategy.source or strategy.method.source,
        "from": origin(strategy.name) or BUILT_IN,
    }


def _type(hint: Any) -> str:
    """A setting's type and range in words: ``int >= 1``, ``cosine or constant``, ``list of int``."""
    from msgspec import inspect

    return _words(inspect.type_info(hint))


def _words(found: Any) -> str:
    from msgspec import inspect

    if isinstance(found, inspect.Metadata):
        return _words(found.type)
    if isinstance(found, inspect.UnionType):
        return " or ".join(map(_words, found.types))
    if isinstance(found, inspect.LiteralType):
        return " or ".join(map(str, found.values))
    if isinstance(found, inspect.VarTupleType | inspect.ListType):
        return f"list of {_words(found.item_type)}"
    limits = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}
    given = {sign: getattr(found, name, None) for sign, name in limits.items()}
    ranges = [f"{sign} {value:g}" for sign, value in given.items() if value is not None]
    return " ".join([type(found).__name__.removesuffix("Type").lower(), *ranges])
