"""Options that together make one thing, declared once and given to several commands."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from fractalctl.cli.plumbing import Invocation


def in_place_of(name: str, build: Callable[..., Any], function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a function in the place of the parameter that takes its result.

    Args:
        name: the command's parameter.
        build: its parameters are options; its result is the parameter's value.
        function: the command; its first parameter is the `Invocation`.
    """
    options = inspect.signature(build).parameters

    @functools.wraps(function)
    def expanded(invocation: Invocation, **values: Any) -> None:
        built = build(**{option: values.pop(option) for option in options})
        function(invocation, **{name: built}, **values)

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        parameters += options.values() if parameter.name == name else [parameter]
    keyword = inspect.Parameter.KEYWORD_ONLY
    first, *rest = parameters
    expanded.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what inspect and Typer read
        [first, *(parameter.replace(kind=keyword) for parameter in rest)]
    )
    return expanded
