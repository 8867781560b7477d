"""``fractalctl bench-latency``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractalctl.cli import head_options as shared
from fractalctl.cli.console import Console
from fractalctl.cli.plumbing import Invocation, command, expand_stdin
from fractalctl.errors import RequestError
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
    from fractalctl.heads.head import Head

UNDISTURBED = 0.9
"""Share of its core that the timing process should have."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "bench-latency")(bench_latency)


def bench_latency(
    invocation: Invocation,
    heads: Annotated[
        list[str] | None,
        typer.Argument(
            help="Heads, or folders of heads; - reads paths from standard input. Default: the v5 head below "
            "RUNS that was written last, else the head."
        ),
    ] = None,
    sizes: Annotated[
        str, typer.Option("--sizes", help="Rows to search in, separated by commas.")
    ] = "10000,100000",
    index: Annotated[
        str, typer.Option("--index", help="Of flat, hnsw and ivf, separated by commas.")
    ] = "flat,hnsw,ivf",
    dims: Annotated[
        str | None,
        typer.Option(
            "--dims",
            help="Prefix lengths, separated by commas.",
            show_default=f"the head's; {shared.DEFAULT_DIMS} of random vectors",
        ),
    ] = None,
    random: Annotated[
        bool, typer.Option("--random", help="Search random vectors; needs no head and no features.")
    ] = False,
    m: Annotated[int, typer.Option("--m", min=2, help="HNSW: neighbours of a node.")] = 32,
    ef_construction: Annotated[
        int, typer.Option("--ef-construction", min=1, help="HNSW: candidates while it is built.")
    ] = 40,
    ef_search: Annotated[
        str, typer.Option("--ef-search", help="HNSW: candidates of a search; one setting each.")
    ] = "16,64,256",
    nlist: Annotated[
        int | None,
        typer.Option("--nlist", min=1, help="IVF: lists.", show_default="4 times the root of the rows"),
    ] = None,
    nprobe: Annotated[
        str, typer.Option("--nprobe", help="IVF: lists that a search looks at; one setting each.")
    ] = "1,8,32",
    queries: Annotated[int, typer.Option("--queries", min=1, help="Rows that ask.")] = 200,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often each asks.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Of noise and random vectors.")] = 42,
    overwrite: shared.OverwriteOption = Overwrite.CHANGED,
) -> None:
    """Time FAISS queries at every prefix length: what does a shorter vector save?

    One query at a time, in a process of its own with one thread on one core; lengths take turns, and every
    raw time is kept. Test rows ask training rows; where more rows are searched than there are, they are
    repeated with noise, and the file says so.

    Examples:
        fractalctl bench-latency

        fractalctl bench-latency runs/clinc/minilm/v5/seed-42 --sizes 10000 --index flat,hnsw

        fractalctl bench-latency --index hnsw --ef-search 16,32,64,128 --m 16

        fractalctl bench-latency --random --sizes 10000,100000,1000000 --index flat,ivf --rounds 1
    """
    from fractalctl.experiments.latency import bench_head, bench_random
    from fractalctl.experiments.searched import LatencyRecipe
    from store import FeatureStore

    console = invocation.console
    if random and heads:
        raise RequestError("--random searches random vectors; leave the heads out, or the option")
    recipe = LatencyRecipe(
        sizes=shared.numbers(sizes, "--sizes"),
        indexes=shared.names([index]),
        dims=shared.numbers(dims, "--dims") if dims else (),
        m=m,
        ef_construction=ef_construction,
        ef_search=shared.numbers(ef_search, "--ef-search"),
        nlist=nlist,
        nprobe=shared.numbers(nprobe, "--nprobe"),
        queries=queries,
        rounds=rounds,
        seed=seed,
    )
    if random:
        argv = invocation.argv(overwrite=None)
        found = [bench_random(invocation.runs, recipe, overwrite, console.progress, argv)]
    else:
        store = FeatureStore(invocation.store)
        found = []
        for head in _choose(invocation, expand_stdin(heads)):
            argv = invocation.argv(heads=[str(head.folder)], overwrite=None)
            found.append(bench_head(head, store, recipe, overwrite, console.progress, argv))
    documents = [document for _, document in found]
    for document in documents:
        _show(console, document)
    console.emit([path for path, _ in found], documents[0] if len(documents) == 1 else documents)


def _choose(invocation: Invocation, paths: Sequence[str]) -> list["Head"]:
    """The heads that are named, or the v5 head written last below RUNS, else the head written last."""
    from fractalctl.heads.head import find_heads

    if paths:
        return find_heads([Path(path) for path in paths])
    heads = find_heads([invocation.runs])
    chosen = max(heads, key=lambda head: (head.strategy == "v5", head.weights_path.stat().st_mtime))
    invocation.console.note(f"Head: {chosen.folder}")
    return [chosen]


def _show(console: Console, document: dict[str, Any]) -> None:
    """Draw one row per index, size and effort; the report has every figure."""
    from fractalctl.report.latency import overview

    table = overview(document)
    console.table(table.caption, table.columns, table.rows)
    least = min(result["core_share"] for result in document["results"])
    if least < UNDISTURBED:
        console.warn(
            f"others wanted the core: the process had as little as {least:.0%} of it, so slow queries may be "
            "theirs; repeat with --overwrite always on a quiet machine"
        )
