"""``fractalctl search``."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractalctl.cli import options as shared
from fractalctl.cli.console import Console
from fractalctl.cli.plumbing import Invocation, command, expand_stdin
from fractalctl.errors import RequestError
from fractalctl.numbers import percent

if TYPE_CHECKING:
    from fractalctl.experiments.search import Found
    from fractalctl.heads.head import Head
    from fractalctl.measures.answers import Answer, Answered
    from store import FeatureSet


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "search")(search)


def search(
    invocation: Invocation,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[HEADS] QUERY",
            help="The last argument is the query, - reads one per line from standard input. Those before it "
            "are heads, or folders of heads (- reads paths). Default: all below RUNS. With --row there is no "
            "query.",
        ),
    ] = None,
    row: Annotated[
        list[int] | None,
        typer.Option("--row", help="Ask with this test row, counted from 0; may be repeated."),
    ] = None,
    dims: Annotated[
        str | None,
        typer.Option("--dims", help="Prefix lengths to search at, ascending.", show_default="the head's own"),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Answers at each length.")] = 5,
    shortlist: Annotated[
        int | None,
        typer.Option(
            "--shortlist",
            min=1,
            help="Also search in two stages: so many rows by the shortest length, the best of them by the "
            "longest.",
        ),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(
            "--encoder", exists=True, file_okay=False, help="Where the backbone is, if it was a folder."
        ),
    ] = None,
    features: Annotated[
        str | None, typer.Option("--features", help="The feature set to search, if not the head's own.")
    ] = None,
    device: shared.DeviceOption = "auto",
    offline: shared.OfflineOption = False,
) -> None:
    """Ask the corpus of a trained head: the nearest training rows at every prefix length.

    Beside each length stand the classes that the answers vote for: short prefixes route, the full length
    finds. Of several heads one is taken, and named. Nothing is written; --json gives programs the answers.

    Examples:
        fractalctl search "my card was swallowed by the machine"

        fractalctl search runs/clinc/minilm/v5 "play something slow" --dims 64,256 --top 10

        fractalctl search --row 17 --shortlist 100

        cat questions.txt | fractalctl search runs/trec - --json
    """
    from fractalctl.backbones.recorded import recorded_backbone
    from fractalctl.experiments.search import Lookup, search_rows, search_texts

    paths, query = _divided(words or [], bool(row))
    lookup = Lookup(top, shared.numbers(dims, "--dims") if dims else None, shortlist)
    head = _choose(invocation, paths)
    chosen = _features(invocation, head, features)
    if row:
        found = search_rows(head, chosen, row, lookup, device)
    else:
        if offline:
            from fractalctl.backbones.locate import go_offline

            go_offline()
        texts = expand_stdin([query], "a query on each line")
        spec = recorded_backbone(chosen, encoder, offline=offline)
        found = search_texts(head, chosen, texts, lookup, spec, device, offline)
    for one in found:
        show_zoom(invocation.console, one.zoom)
        if one.two_stage is not None:
            invocation.console.note("  in two stages:")
            _show_answers(invocation.console, one.two_stage)
    invocation.console.emit([], _document(head, chosen, found))


def _divided(words: Sequence[str], by_rows: bool) -> tuple[list[str], str]:
    """Heads and query among the arguments.

    Raises:
        RequestError: there is no query, or standard input is asked for twice.
    """
    if not words and not by_rows:
        raise RequestError("nothing to search for: give a query, - for standard input, or --row N")
    heads, query = (list(words), "") if by_rows else (list(words[:-1]), words[-1])
    if query == "-" and "-" in heads:
        raise RequestError("standard input can give heads or queries, not both")
    return heads, query


def _choose(invocation: Invocation, paths: Sequence[str]) -> "Head":
    from fractalctl.experiments.addresses import RULE, choose_head

    folders = [Path(path) for path in expand_stdin(paths)] or [invocation.runs]
    if missing := [folder for folder in folders if not folder.exists()]:
        raise RequestError(
            f"{missing[0]}: no such file or folder (a query of several words belongs in quotes; what stands "
            "before it are heads)"
        )
    head = choose_head(folders)
    invocation.console.note(f"Head: {head.folder} ({RULE})")
    return head


def _features(invocation: Invocation, head: "Head", name: str | None) -> "FeatureSet":
    from fractalctl.experiments.addresses import features_of
    from store import FeatureStore

    store = FeatureStore(invocation.store)
    features = store.resolve(name) if name else features_of(head, store)
    if features.backbone != head.backbone:
        raise RequestError(
            f"{head.folder}: takes features of {head.backbone}, but {features.path} has others"
        )
    return features


def show_zoom(console: Console, one: "Answered") -> None:
    """One query and what it finds at each length, with the path of classes of every answer.

    Shares are of answers that have the query's own classes or, where nobody knows them, those voted for.
    """
    known = f" [{' > '.join(one.query.labels)}]" if one.query.labels else ""
    console.note(f"\nQuery{known}: {_short(one.query.text)}")
    for length, answers in one.answers.items():
        wanted = one.query.labels or one.votes[length]
        shares = [f"{percent(one.agreement(length, level))} from {wanted[level]}" for level in (0, -1)]
        console.note(f"  at {length} dimensions, {', '.join(shares)}:")
        _show_answers(console, answers)


def _show_answers(console: Console, answers: "Sequence[Answer]") -> None:
    for answer in answers:
        console.note(f"    {answer.cosine:.3f} [{' > '.join(answer.labels)}] {_short(answer.text)}")


def _short(text: str) -> str:
    return textwrap.shorten(text, 90, placeholder=" ...")


def _document(head: "Head", features: "FeatureSet", found: "Sequence[Found]") -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "corpus": head.corpus,
        "backbone": head.backbone,
        "strategy": head.strategy,
        "arm": head.document.arm,
        "seed": head.seed,
        "head": str(head.folder),
        "features": str(features.path),
        "metric": "cosine",
        "queries": [
            {
                **asdict(one.zoom.query),
                "votes": {str(length): classes for length, classes in one.zoom.votes.items()},
                "answers": {
                    str(length): [asdict(answer) for answer in answers]
                    for length, answers in one.zoom.answers.items()
                },
                "two_stage": None if one.two_stage is None else [asdict(answer) for answer in one.two_stage],
            }
            for one in found
        ],
    }
