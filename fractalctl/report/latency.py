"""What shorter lengths save in search (paper, Table 9)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from fractalctl.report.figures import COLOURS, MARKERS, new_figure
from fractalctl.report.measured import published, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.statistics.reading import encoder_of

PATTERN = "latency.json"
NAMES = {"flat": "Flat", "hnsw": "HNSW", "ivf": "IVF"}
MEBIBYTE = 2**20

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """One index, size and effort at every length.

    Attributes:
        document: where it was measured.
        results: one per length, ascending.
    """

    document: Document
    results: Sequence[Result]

    @property
    def index(self) -> str:
        """Kind of index."""
        return str(self.results[0]["index"])

    @property
    def n(self) -> int:
        """Rows that are searched."""
        return int(self.results[0]["n"])

    @property
    def effort(self) -> str:
        """What makes its searches fast or exact."""
        return ", ".join(f"{name} = {value}" for name, value in self.results[0]["effort"].items()) or "exact"

    def speedup(self, result: Result) -> float:
        """How many times faster a median query is than at the longest length."""
        return median(self.results[-1]) / median(result)


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on latency; None where nothing was timed."""
    if not documents:
        return None
    parts = [_text(document) for document in documents]
    pictures = [_picture(document, n) for document in documents for n in document["recipe"]["sizes"]]
    claims = [claim for document in documents for claim in _claims(document)]
    return Section("Query latency", [*dict.fromkeys(parts), *tables(documents), *pictures], claims)


def tables(documents: Sequence[Document]) -> list[Table]:
    """The paper's table beside ours, and everything that was measured."""
    found = [setting for document in documents for setting in settings(document)]
    theirs = [setting for setting in found if _published(setting)]
    return [*([_paper_table(theirs)] if theirs else []), _whole_table(found)]


def overview(document: Document) -> Table:
    """One document at a glance: medians, what the shortest length gains, and what it finds."""
    dims, rows = document["dims"], []
    for setting in settings(document):
        short = setting.results[0]
        medians = [f"{median(result):.0f}" for result in setting.results]
        gains = [f"{setting.speedup(short):.1f}", f"{100 * short['recall']['full']:.1f}"]
        rows.append([*_place(setting)[1:], *medians, *gains])
    columns = [
        "index",
        "setting",
        *(f"@{d}" for d in dims),
        f"@{dims[0]}, times faster",
        f"@{dims[0]}, recall",
    ]
    caption = (
        f"{where(document)}: median microseconds of a query at each length, and recall@"
        f"{document['recipe']['k']} in % against exact search at the full length"
    )
    return Table("latency-overview", caption, columns, rows, left=2)


def settings(document: Document) -> list[Setting]:
    """Results of a document, by everything but their length."""

    def key(result: Result) -> tuple[Any, ...]:
        return result["n"], result["index"], tuple(result["effort"].items())

    return [Setting(document, list(group)) for _, group in groupby(document["results"], key)]


def median(result: Result) -> float:
    """Microseconds of a median query."""
    return float(result["microseconds"]["p50"])


def where(document: Document) -> str:
    """What tables and claims call the embeddings."""
    if document["embeddings"]["source"] == "random":
        return "random vectors"
    return f"{document['corpus']}, {encoder_of(document)}, {document['strategy']}, seed {document['seed']}"


def _text(document: Document) -> str:
    embeddings, recipe, machine = (document[key] for key in ("embeddings", "recipe", "machine"))
    if embeddings["source"] == "random":
        rows = f"{embeddings['rows']} Gaussian vectors (seed {embeddings['random_seed']})"
    elif embeddings["repeated_rows"]:
        rows = (
            f"{embeddings['real_rows']} training rows, the {embeddings['repeated_rows']} beyond them "
            f"repetitions with Gaussian noise of {embeddings['noise']} standard deviations on each feature"
        )
    else:
        rows = f"{embeddings['real_rows']} training rows"
    return (
        f"{where(document)}: up to {rows}. {recipe['queries']} queries, {recipe['rounds']} rounds, one query "
        f"at a time, {machine['threads']} thread on one core ({machine['processor']}, faiss "
        f"{machine['faiss']}); inner products of unit vectors, k = {recipe['k']}; the lengths take turns. "
        "Times are of this machine, ratios less so."
    )


def _published(setting: Setting) -> Mapping[str, float]:
    """The paper's microseconds by length for the same index and size."""
    theirs = published("latency").get(setting.index, {})
    return theirs["microseconds"] if theirs.get("rows") == setting.n else {}


def _paper_table(found: Sequence[Setting]) -> Table:
    rows = []
    for setting in found:
        paper = _published(setting)
        for result in setting.results:
            theirs = paper.get(str(result["dimension"]))
            beside = [theirs, f"{paper[max(paper, key=int)] / theirs:.1f}"] if theirs else ["-", "-"]
            ours = [f"{median(result):.0f}", f"{setting.speedup(result):.1f}"]
            rows.append([*_place(setting), result["dimension"], *ours, *beside])
    columns = [
        "where",
        "index",
        "setting",
        "dimensions",
        "microseconds",
        "times faster",
        "paper's microseconds",
        "paper's times faster",
    ]
    caption = (
        "Median microseconds of a query, and how many times faster it is than at the longest length "
        "(Table 9). The paper does not say how its HNSW was built and searched."
    )
    return Table("table-9-latency", caption, columns, rows, left=3)


def _place(setting: Setting) -> list[str]:
    return [where(setting.document), f"{NAMES[setting.index]}, n = {setting.n:,}", setting.effort]


def _whole_table(found: Sequence[Setting]) -> Table:
    rows = []
    for setting in found:
        for result in setting.results:
            spent, recall = result["microseconds"], result["recall"]
            cells = [
                result["dimension"],
                *(f"{spent[name]:.0f}" for name in ("p50", "p95", "p99", "qps")),
                f"{setting.speedup(result):.1f}",
                *(f"{100 * recall[name]:.1f}" for name in ("own", "full")),
                f"{result['index_bytes'] / MEBIBYTE:.1f}",
                f"{result['build_seconds']:.1f}",
                f"{100 * result['core_share']:.0f}",
            ]
            rows.append([*_place(setting), *cells])
    columns = ["where", "index", "setting", "dimensions", "p50", "p95", "p99", "per second", "times faster"]
    columns += ["recall, own", "recall, full", "MiB", "built in s", "core"]
    caption = (
        "Microseconds of a query (percentiles over queries and rounds), queries per second, times faster "
        "than at the longest length (medians), recall@10 in % against exact search at that length and at the "
        "full one, size of the index, time to build it with one thread, and the share of the wall clock in % "
        "that the process had its core while it was timed: far below 100, others had it too."
    )
    return Table("latency", caption, columns, rows, left=3)


def _picture(document: Document, n: int) -> Picture:
    """Recall against time, a colour for each length and a marker for each kind of index."""
    found = [setting for setting in settings(document) if setting.n == n]
    figure = new_figure(8.0, 3.6)
    axes = figure.subplots()
    for place, name in enumerate(dict.fromkeys(setting.index for setting in found)):
        own = [setting for setting in found if setting.index == name]
        for number, d in enumerate(document["dims"]):
            colour = COLOURS[number % len(COLOURS)]
            results = [result for one in own for result in one.results if result["dimension"] == d]
            x, y = np.array([_point(result) for result in results]).T
            look: dict[str, Any] = {"color": colour, "marker": MARKERS[place], "label": f"{NAMES[name]}, {d}"}
            axes.plot(x, y, linewidth=0.8, markersize=5, **look)
    x, y = np.array(frontier(_point(result) for one in found for result in one.results)).T
    axes.step(x, y, where="post", color="black", linewidth=0.8, linestyle=":", label="best")
    label = f"recall@{document['recipe']['k']} against the full length (%)"
    axes.set(xscale="log", xlabel="microseconds per query (median)", ylabel=label, title=f"n = {n:,}")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    caption = (
        f"{where(document)}: what a query costs and what it finds, among {n:,} rows. Points of a line differ "
        "in how hard the search tries; the dotted line bounds what is reached in a given time. Exact "
        f"neighbours at {document['full']} dimensions are the truth."
    )
    return Picture(f"latency-{_slug(document)}-{n}", caption, figure)


def _point(result: Result) -> tuple[float, float]:
    return median(result), 100 * float(result["recall"]["full"])


def frontier(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of (cost, quality) points that no cheaper one equals or exceeds, by cost."""
    best: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or quality > best[-1][1]:
            best.append((cost, quality))
    return best


def _slug(document: Document) -> str:
    return "-".join(where(document).replace("+", " ").replace(",", "").split())


def _claims(document: Document) -> list[Claim]:
    """The caption of Table 9: how many times faster the shortest length is, per kind of index."""
    found = [setting for setting in settings(document) if _published(setting)]
    claims = []
    for index in dict.fromkeys(setting.index for setting in found):
        own = [setting for setting in found if setting.index == index]
        paper = _published(own[0])
        short, full = min(map(int, paper)), max(map(int, paper))
        if not {short, full} <= set(document["dims"]):
            continue
        wanted = paper[str(full)] / paper[str(short)]
        ratios = [_ratios(setting, short, full) for setting in own]
        evidence = f"n = {own[0].n:,}: " + "; ".join(
            f"{middle:.1f} times ({low:.1f} to {high:.1f} over rounds; {setting.effort})"
            for setting, (low, middle, high) in zip(own, ratios, strict=True)
        )
        what = f"{short} numbers are searched faster than {full} with {NAMES[index]}"
        claims += [
            (f"{what} (Table 9)", where(document), verdict(all(low > 1 for low, _, _ in ratios), evidence)),
            (
                f"{what}, {wanted:.1f} times (Table 9)",
                where(document),
                verdict(all(middle >= wanted for _, middle, _ in ratios), evidence),
            ),
        ]
    return claims


def _ratios(setting: Setting, short: int, full: int) -> tuple[float, float, float]:
    """Smallest over rounds, that of all times, and largest over rounds: median at full over that at short."""
    by_length = {result["dimension"]: result for result in setting.results}
    rounds = [by_length[d]["medians_by_round"] for d in (full, short)]
    each = [slow / fast for slow, fast in zip(*rounds, strict=True)]
    return min(each), median(by_length[full]) / median(by_length[short]), max(each)
