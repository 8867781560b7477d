"""``fractalctl verify``."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument

from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.errors import RequestError

SHOWN = 20
"""Differences of a file that are shown to people; ``--json`` has all."""
LONGEST = 60
"""Characters of a value that are shown to people."""


@command()
def verify(
    invocation: Invocation,
    files: Annotated[
        list[str],
        Argument(
            metavar="FILES",
            help="Heads, evaluations, ablations, syntheses, statistics; - reads paths from standard input.",
        ),
    ],
    device: shared.DeviceOption = "auto",
) -> None:
    """Make results again from what their files recorded, and compare.

    With the same versions on the same kind of machine the bytes are the same; elsewhere numbers are equal to
    rounding. What differs by more is named, and the command ends with 1. Nothing that is there is changed.

    Examples:
        fractalctl verify runs/trec/minilm/v5/seed-42

        fractalctl evaluate runs/trec/minilm/v5 | fractalctl verify -
    """
    from fractalctl.errors import FractalError
    from fractalctl.experiments.verifying import Outcome, verify_result
    from fractalctl.tables import Table

    console, store = invocation.console, invocation.feature_store
    paths = shared.result_paths(invocation, files)
    for path in paths:
        _check_single(Path(path))
    found = [verify_result(Path(path), store, _call, device) for path in paths]
    for one in found:
        for difference in one.differences[:SHOWN]:
            recorded, remade = map(_short, (difference.recorded, difference.remade))
            said = f"{difference.field}: recorded {recorded}, now {remade}"
            console.note(f"{one.file}: {said}")
        if one.outcome is not Outcome.SAME:
            for name, (then, now) in one.versions.items():
                console.note(f"{one.file}: made with {name} {then or 'unknown'}, now {now}")
    rows = [[one.file, str(one.outcome), len(one.differences)] for one in found]
    console.tables([Table("verified", "Made again", ["file", "outcome", "differences"], rows)])
    console.emit([one.file for one in found if one.outcome is not Outcome.DIFFERENT], found)
    if wrong := [one.file for one in found if one.outcome is Outcome.DIFFERENT]:
        raise FractalError(f"{', '.join(wrong)}: not what comes out when it is made again")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _check_single(path: Path) -> None:
    """Refuse a folder of several heads, which `runs ls` names, by one of them; RequestError says which."""
    if path.is_dir() and (below := sorted(path.glob("seed-*/head.json"))):
        raise RequestError(f"{path}: holds the heads of an arm; name one, such as {below[0].parent}")


def _call(words: Sequence[str]) -> None:
    """Call a command in this process, without its standard output; FractalError if it failed."""
    from fractalctl.cli import build_app
    from fractalctl.errors import FractalError

    with redirect_stdout(io.StringIO()):
        ended = typer.main.get_command(build_app(words[:1]))(
            list(words), prog_name="fractalctl", standalone_mode=False
        )
    if ended:
        raise FractalError(f"the recorded command 'fractalctl {words[0]}' ended with {ended}")
