"""``fractalctl bench-latency``."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.errors import RequestError
from fractalctl.experiments.policy import Overwrite

if TYPE_CHECKING:
    from fractalctl.documents.latency import LatencyRecipe

SIZES, INDEXES = ["10000,100000"], ["flat,hnsw,ivf"]
EF_SEARCH, NPROBE = ["16,64,256"], ["1,8,32"]
UNDISTURBED = 0.9
"""Share of its core that the timing process should have."""


def recipe(
    sizes: Annotated[
        list[str], Option(metavar="N,...", help="Rows to search in, separated by commas.")
    ] = SIZES,
    index: Annotated[
        list[str],
        Option(
            metavar="NAME,...",
            help="Of flat, hnsw, ivf, and the databases qdrant, chroma, lancedb, separated by commas.",
        ),
    ] = INDEXES,
    dims: Annotated[
        list[str] | None,
        Option(
            metavar="N,...",
            help="Prefix lengths, separated by commas.",
            show_default="the head's; 64,128,192,256 of random vectors",
        ),
    ] = None,
    m: Annotated[int, Option(min=2, help="HNSW: neighbours of a node.")] = 32,
    ef_construction: Annotated[int, Option(min=1, help="HNSW: candidates while it is built.")] = 40,
    ef_search: Annotated[
        list[str], Option(metavar="N,...", help="HNSW: candidates of a search; one setting each.")
    ] = EF_SEARCH,
    nlist: Annotated[
        int | None, Option(min=1, help="IVF: lists.", show_default="4 times the root of the rows")
    ] = None,
    nprobe: Annotated[
        list[str], Option(metavar="N,...", help="IVF: lists that a search looks at; one setting each.")
    ] = NPROBE,
    queries: Annotated[int, Option(min=1, help="Rows that ask.")] = 200,
    rounds: Annotated[int, Option(min=1, help="How often each asks.")] = 5,
    seed: Annotated[int, Option(help="Of noise and random vectors.")] = 42,
) -> "LatencyRecipe":
    """What is timed, from option values."""
    from fractalctl.documents.latency import LatencyRecipe

    return LatencyRecipe(
        sizes=shared.numbers(sizes, "--sizes"),
        indexes=shared.names(index),
        dims=shared.lengths(dims) or (),
        m=m,
        ef_construction=ef_construction,
        ef_search=shared.numbers(ef_search, "--ef-search"),
        nlist=nlist,
        nprobe=shared.numbers(nprobe, "--nprobe"),
        queries=queries,
        rounds=rounds,
        seed=seed,
    )


@command(timed=recipe)
def bench_latency(
    invocation: Invocation,
    heads: Annotated[
        list[str] | None,
        Argument(
            metavar="HEADS",
            autocompletion=completion.HEADS,
            help="Heads, or folders of heads; - reads paths from standard input. Default: one of those below "
            "RUNS, which is named.",
            show_default=False,
        ),
    ] = None,
    random: Annotated[
        bool, Option("--random", help="Search random vectors; needs no head and no features.")
    ] = False,
    *,
    timed: "LatencyRecipe",
    overwrite: shared.OverwriteOption = Overwrite.CHANGED,
) -> None:
    """Time queries at every prefix length: what does a shorter vector save?

    One query at a time, in a process of its own with one thread on one core; lengths take turns, and every
    raw time is kept. Indexes are FAISS's; databases lie in a folder, and are asked through their own client.
    Test rows ask training rows; where more rows are searched than there are, they are repeated with noise,
    and the file says so.

    Examples:
        fractalctl bench-latency --sizes 10000

        fractalctl bench-latency clinc/minilm/v5/seed-42 --sizes 10000 --index flat

        fractalctl bench-latency --sizes 10000 --index hnsw --ef-search 16,64 --m 16

        fractalctl bench-latency --random --sizes 1000 --index flat,ivf --rounds 1
    """
    from fractalctl.experiments.latency import bench_head, bench_random
    from fractalctl.heads.head import find_heads
    from fractalctl.report.sections.latency import overview_tables

    console = invocation.console
    if random and heads:
        raise RequestError("--random searches random vectors; leave the heads out, or the option")
    if random:
        argv = invocation.argv(overwrite=None)
        found = [bench_random(invocation.runs, timed, overwrite, console.progress, argv, console.note)]
    else:
        store = invocation.feature_store
        found = []
        named = heads and find_heads(shared.head_paths(invocation, heads))
        for head in named or [shared.one_head(invocation, [])]:
            argv = invocation.argv(heads=[head.folder], overwrite=None)
            found.append(bench_head(head, store, timed, overwrite, console.progress, argv, console.note))
    documents = [document for _, document in found]
    console.tables(overview_tables(documents))
    least = min(result.core_share for document in documents for result in document.results)
    if least < UNDISTURBED:
        console.warn(
            f"others wanted the core: the process had as little as {least:.0%} of it, so slow queries may be "
            "theirs; repeat with --overwrite always on a quiet machine"
        )
    console.emit_results(found)
