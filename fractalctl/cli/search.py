"""``fractalctl search``."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.console import Console
from fractalctl.cli.plumbing import Invocation, command, expand_stdin
from fractalctl.errors import RequestError
from fractalctl.numbers import number, percent

if TYPE_CHECKING:
    from fractalctl.backbones.spec import Encoder
    from fractalctl.experiments.calibration import Decision
    from fractalctl.experiments.search import Found, Lookup
    from fractalctl.heads.head import Head
    from fractalctl.measures.search import Answer, Answered, Reference
    from store import FeatureSet


HINT = " (a query of several words belongs in quotes; what stands before it are heads)"


AUTO = "auto"


@command()
def search(
    invocation: Invocation,
    words: Annotated[
        list[str] | None,
        Argument(
            metavar="[HEADS] QUERY",
            autocompletion=completion.HEADS,
            help="The last argument is the query, - reads one per line from standard input. Those before it "
            "are heads, or folders of heads (- reads paths). Default: all below RUNS. With --row there is no "
            "query.",
        ),
    ] = None,
    row: Annotated[
        list[int] | None, Option(help="Ask with this test row, counted from 0; may be repeated.")
    ] = None,
    dims: Annotated[
        list[str] | None,
        Option(
            metavar="N,...", help="Prefix lengths to search at, ascending.", show_default="the head's own"
        ),
    ] = None,
    top: Annotated[int, Option(min=1, help="Answers at each length.")] = 5,
    shortlist: Annotated[
        int | None,
        Option(
            min=1,
            help="Also search in two stages: so many rows by the shortest length, the best of them by the "
            "longest.",
        ),
    ] = None,
    funnel: Annotated[
        bool, Option("--funnel", help="With --shortlist: go through every length of --dims on the way.")
    ] = False,
    index: Annotated[
        Path | None,
        Option(exists=True, file_okay=False, help="Search this folder of `fractalctl index` instead."),
    ] = None,
    level: Annotated[
        str | None, Option(help="With --index: answer at this level, or auto: the finest that is sure.")
    ] = None,
    encoder: shared.EncoderOption = None,
    features: Annotated[str | None, Option(help="The feature set to search, if not the head's own.")] = None,
    device: shared.DeviceOption = "auto",
    offline: shared.OfflineOption = False,
    yes: shared.YesOption = False,
) -> None:
    """Ask the corpus of a trained head: the nearest training rows at every prefix length.

    Beside each length stand the classes that the answers vote for: short prefixes route, the full length
    finds. Of several heads one is taken, and named. Nothing is written; --json gives programs the answers.
    Without a query, at a terminal, it asks for one after the other.

    Examples:
        fractalctl search "my card was swallowed by the machine"

        fractalctl search clinc/minilm/v5 "play something slow" --dims 64,256

        fractalctl search --row 17 --shortlist 100

        fractalctl search --dims 64,128,256 --shortlist 100 --funnel --row 17

        fractalctl search --index trec-index --level auto "who wrote it"

        cat questions.txt | fractalctl search runs/trec - --json
    """
    from fractalctl.experiments.search import Lookup, rows_in, texts_in

    paths, query = _divided(words or [], bool(row))
    if query and not paths and index is None and ((invocation.runs / query).exists() or Path(query).exists()):
        invocation.console.note(f"'{query}' is taken for the query; what stands before a query names heads")
    reference = _reference(invocation, paths, index, features, device)
    wanted = _level(reference, level)
    lookup = Lookup(top, shared.lengths(dims), shortlist, funnel, wanted)
    if row:
        found = rows_in(reference, row, lookup)
        _show(invocation.console, found, reference, lookup)
        invocation.console.emit([], _document(reference, found))
        return
    found = []

    @cache
    def load() -> "Encoder":
        from fractalctl.backbones.encoder import load_backbone
        from fractalctl.backbones.resolve import recorded_backbone

        spec = recorded_backbone(reference.features, encoder, offline=offline)
        store = invocation.feature_store
        return load_backbone(spec, device=device, offline=offline, store=store)

    agree = shared.asking(invocation.console, yes)
    for texts in _questions(invocation.console, query):
        own = texts_in(reference, texts, lookup, load, agree, invocation.console.note)
        _show(invocation.console, own, reference, lookup)
        found += own
    invocation.console.emit([], _document(reference, found))


def _divided(words: Sequence[str], by_rows: bool) -> tuple[list[str], str]:
    """Heads and query; RequestError if there is no query, or standard input is asked for twice."""
    if not words and not by_rows and not sys.stdin.isatty():
        raise RequestError("nothing to search for: give a query, - for standard input, or --row N")
    heads, query = (list(words), "") if by_rows or not words else (list(words[:-1]), words[-1])
    if words and not by_rows and not query.strip():
        raise RequestError("the query is empty: give a text, - for standard input, or --row N")
    if query == "-" and "-" in heads:
        raise RequestError("standard input can give heads or queries, not both")
    return heads, query


def _reference(
    invocation: Invocation, paths: Sequence[str], index: Path | None, features: str | None, device: str
) -> "Reference":
    """What is searched: an index, or the feature set of a head."""
    from fractalctl.device import choose_device
    from fractalctl.experiments.indexing import open_index
    from fractalctl.measures.search import Reference

    if index is None:
        head = shared.one_head(invocation, paths, HINT)
        return Reference(head, _features(invocation, head, features), choose_device(device))
    if paths or features:
        raise RequestError("--index names a head and its feature set already; leave the others out")
    found = open_index(index, invocation.feature_store, device)
    invocation.console.note(f"Index: {index} (head {found.head.folder})")
    return found


def _level(reference: "Reference", name: str | None) -> int | None:
    """The number of a level that is called by its name or L0, L1 ...; RequestError if there is none."""
    from fractalctl.corpora.recorded import level_names, unnamed
    from fractalctl.experiments.search import FINEST_SURE

    if name is None or name == AUTO:
        return None if name is None else FINEST_SURE
    names = level_names(reference.features)
    for known in (names, unnamed(len(names))):
        if name in known:
            return known.index(name)
    raise RequestError(f"--level {name}: expected {', '.join(names)} or {AUTO}")


def _questions(console: Console, query: str) -> Iterator[list[str]]:
    """What is asked: all that is given at once, or at a terminal one after the other until an empty one."""
    if query:
        yield expand_stdin([query], "a query on each line")
        return
    while not console.quiet:
        console.note("\nQuery (empty to end):")
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield [line]


def _show(console: Console, found: "Sequence[Found]", reference: "Reference", lookup: "Lookup") -> None:
    from fractalctl.corpora.recorded import level_names

    names = level_names(reference.features)
    for one in found:
        decided = _decided(one.decision, names[one.decision.level]) if one.decision else None
        show_zoom(console, one.zoom, decided)
        if one.two_stage is not None:
            console.note("  through the funnel:" if lookup.funnel else "  in two stages:")
            _show_answers(console, one.two_stage)


def _decided(decision: "Decision", level: str) -> str:
    """What a query is said to be."""
    sure = "sure" if decision.sure else "not sure"
    outside = "" if decision.inside else "; further from the corpus than 95 % of its own rows: none of these?"
    return f"{level}: {' > '.join(decision.labels)} ({sure}, margin {number(decision.margin)}){outside}"


def _features(invocation: Invocation, head: "Head", name: str | None) -> "FeatureSet":
    from fractalctl.experiments.addresses import features_of

    store = invocation.feature_store
    features = shared.named_set(invocation, name) if name else features_of(head, store)
    if features.backbone != head.backbone:
        raise RequestError(
            f"{head.folder}: takes features of {head.backbone}, but {features.path} has others"
        )
    return features


def show_zoom(console: Console, one: "Answered", decided: str | None = None) -> None:
    """One query and what it finds at each length, with the path of classes of every answer.

    Shares are of answers that have the query's own classes or, where nobody knows them, those voted for. What
    was decided comes first, where something was.
    """
    known = f" [{' > '.join(one.query.labels)}]" if one.query.labels else ""
    console.note(f"\nQuery{known}: {_short(one.query.text)}")
    if decided:
        console.note(f"  {decided}")
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


def _document(reference: "Reference", found: "Sequence[Found]") -> dict[str, Any]:
    """What ``--json`` prints."""
    head, features = reference.head, reference.features
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
                "decision": None if one.decision is None else asdict(one.decision),
            }
            for one in found
        ],
    }
