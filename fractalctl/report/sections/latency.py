"""What shorter lengths save in search."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fractalctl.documents.latency import Latency, TimedIndex
from fractalctl.numbers import number
from fractalctl.report.figures import COLOURS, MARKERS, frame, new_figure
from fractalctl.report.results import Results, slug
from fractalctl.report.writers import markdown_text
from fractalctl.statistics.observations import grouped
from fractalctl.tables import Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDER = 90
NAMES = {
    "flat": "Flat", "hnsw": "HNSW", "ivf": "IVF",
    "qdrant": "Qdrant, local", "chroma": "Chroma", "lancedb": "LanceDB",
}  # fmt: skip
MEBIBYTE = 2**20


def build(results: Results) -> Section | None:
    """The report's part on latency; None where nothing was timed."""
    if not results.latencies:
        return None
    texts = dict.fromkeys(_text(one) for one in results.latencies)
    pictures = [_picture(one, n) for one in results.latencies for n in one.recipe.sizes]
    return Section("Query latency", [*texts, _table(results.latencies), *pictures], ORDER)


def where(one: Latency) -> str:
    """What tables call the embeddings."""
    if one.embeddings.source == "random":
        return f"random vectors of {one.full}"
    return f"{one.corpus}, {one.backbone}, {one.arm}, seed {one.seed}"


def settings(one: Latency) -> list[list[TimedIndex]]:
    """Results by index, size and effort: one for each length, ascending."""
    found = grouped(one.results, lambda timed: (timed.n, timed.index, tuple(timed.effort.items())))
    return [sorted(members, key=lambda timed: timed.dimension) for members in found.values()]


def overview_tables(found: Sequence[Latency]) -> list[Table]:
    """Each document at a glance: medians, what the shortest length gains, and what it finds."""
    return [_overview(one) for one in found]


def _overview(one: Latency) -> Table:
    rows = []
    for setting in settings(one):
        medians = [number(timed.microseconds.p50, 0) for timed in setting]
        gains = [number(speedup(setting[-1], setting[0]), 1), number(100 * setting[0].recall.full, 1)]
        rows.append([*_place(setting[0]), *medians, *gains])
    short = one.dims[0]
    columns = ["index", "setting", *(f"@{d}" for d in one.dims)]
    columns += [f"@{short}, times faster", f"@{short}, recall"]
    caption = (
        f"{where(one)}: median microseconds of a query at each length, and recall@{one.recipe.k} in % "
        "against exact search at the full length"
    )
    return Table("latency-overview", caption, columns, rows, left=2)


def speedup(full: TimedIndex, timed: TimedIndex) -> float:
    """How many times faster a median query is than at the full length."""
    return full.microseconds.p50 / timed.microseconds.p50


def effort(timed: TimedIndex) -> str:
    """How hard a search tries, in words."""
    alone = "exact" if timed.index == "flat" else "as it comes"
    return ", ".join(f"{name} = {value}" for name, value in timed.effort.items()) or alone


def _place(timed: TimedIndex) -> list[str]:
    return [f"{NAMES.get(timed.index, timed.index)}, n = {timed.n:,}", effort(timed)]


def _text(one: Latency) -> str:
    found, recipe, machine = one.embeddings, one.recipe, one.machine
    if found.source == "random":
        rows = f"{found.rows} Gaussian vectors (seed {found.random_seed})"
    elif found.repeated_rows:
        rows = (
            f"{found.real_rows} training rows, the {found.repeated_rows} beyond them repetitions with "
            f"Gaussian noise of {found.noise} standard deviations on each feature"
        )
    else:
        rows = f"{found.real_rows} training rows"
    return (
        f"{markdown_text(where(one))}: up to {rows}. {recipe.queries} queries, {recipe.rounds} rounds, one "
        f"query at a time, {machine.threads} thread on one core ({markdown_text(machine.processor)}, faiss "
        f"{machine.faiss}); inner products of unit vectors, k = {recipe.k}; the lengths take turns. Times "
        "are of this machine, ratios less so."
    )


def _table(found: Sequence[Latency]) -> Table:
    rows = []
    for one in found:
        for setting in settings(one):
            for timed in setting:
                spent, low, high = timed.microseconds, *speedup_over_rounds(setting[-1], timed)
                cells = [
                    timed.dimension,
                    *(number(value, 0) for value in (spent.p50, spent.p95, spent.p99, spent.qps)),
                    number(speedup(setting[-1], timed), 1), f"{number(low, 1)} to {number(high, 1)}",
                    *(number(100 * share, 1) for share in (timed.recall.own, timed.recall.full)),
                    number(timed.index_bytes / MEBIBYTE, 1), number(timed.build_seconds, 1),
                    number(100 * timed.core_share, 0),
                ]  # fmt: skip
                rows.append([where(one), *_place(timed), *cells])
    columns = ["where", "index", "setting", "dimensions", "p50", "p95", "p99", "per second", "times faster"]
    columns += ["over rounds", "recall, own", "recall, full", "MiB", "built in s", "core"]
    caption = (
        "Microseconds of a query (percentiles over queries and rounds), queries per second, times faster "
        "than at the longest length (medians; smallest and largest ratio over rounds), recall in % against "
        "exact search at that length and at the full one, size of the index, time to build it with one "
        "thread, and the share of the wall clock in % that the process had its core while it was timed: far "
        "below 100, others had it too."
    )
    return Table("latency", caption, columns, rows, left=3)


def speedup_over_rounds(full: TimedIndex, timed: TimedIndex) -> tuple[float, float]:
    """The smallest and the largest `speedup` of a round."""
    rounds = zip(full.medians_by_round, timed.medians_by_round, strict=True)
    ratios = [slow / fast for slow, fast in rounds]
    return min(ratios), max(ratios)


def _picture(one: Latency, n: int) -> Picture:
    caption = (
        f"{where(one)}: what a query costs and what it finds, among {n:,} rows. Points of a line differ in "
        "how hard the search tries; the dotted line bounds what is reached in a given time. Exact "
        f"neighbours at {one.full} dimensions are the truth."
    )
    found = [timed for timed in one.results if timed.n == n]
    fastest = min(found, key=lambda timed: timed.microseconds.p50)
    alt = (
        f"{where(one)}, {n:,} rows: the fastest is {NAMES.get(fastest.index, fastest.index)} with "
        f"{fastest.dimension} numbers ({number(fastest.microseconds.p50, 0)} microseconds, recall "
        f"{number(100 * fastest.recall.full, 1)} %)."
    )
    return Picture(f"latency-{slug(where(one))}-{n}", caption, lambda: _draw(one, n), alt)


def _draw(one: Latency, n: int) -> "Figure":
    """Recall against time, a colour for each length and a marker for each kind of index."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogLocator

    found = [timed for timed in one.results if timed.n == n]
    colours = dict(zip(one.dims, COLOURS * len(one.dims), strict=False))
    markers = dict(zip(dict.fromkeys(timed.index for timed in found), MARKERS * len(found), strict=False))
    figure = new_figure(8.0, 3.6)
    axes = figure.subplots()
    for index, marker in markers.items():
        for d, colour in colours.items():
            points = [_point(timed) for timed in found if (timed.index, timed.dimension) == (index, d)]
            axes.plot(*zip(*points, strict=True), color=colour, marker=marker, linewidth=0.8, markersize=6)
    axes.step(*zip(*frontier(map(_point, found)), strict=True), "k:", where="post", linewidth=0.8)
    label = f"recall@{one.recipe.k} against the full length (%)"
    axes.set_xscale("log")
    frame(axes, xlabel="microseconds per query (median)", ylabel=label, title=f"n = {n:,}")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    keys = [Line2D([], [], color=colour, label=f"{d} numbers") for d, colour in colours.items()]
    plain: dict[str, Any] = {"linestyle": "none", "color": "0.3"}
    keys += [
        Line2D([], [], marker=marker, label=NAMES.get(index, index), **plain)
        for index, marker in markers.items()
    ]
    keys.append(Line2D([], [], color="black", linestyle=":", label="best"))
    figure.legend(handles=keys, loc="outside right upper", frameon=False, fontsize="small")
    return figure


def _point(timed: TimedIndex) -> tuple[float, float]:
    return timed.microseconds.p50, 100 * timed.recall.full


def frontier(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of (cost, quality) points that no cheaper one equals or exceeds, by cost.

    >>> frontier([(1, 50), (2, 40), (3, 90), (3, 80)])
    [(1, 50), (3, 90)]
    """
    best: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or quality > best[-1][1]:
            best.append((cost, quality))
    return best
