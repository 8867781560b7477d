"""Section 7, Tables 7, 8 and 9, Figure 11: retrieval, routing, two encoders or one, three levels, latency.

Sections 8 and 9 and the Matryoshka guide: wrong labels, information, what a shorter vector keeps.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from statistics import mean

from fractalctl.documents.latency import Latency, TimedIndex
from fractalctl.numbers import MISSING, interval, mean_sd, number, p_phrase, percent, percents, signed, spread
from fractalctl.paper.judging import (
    LEVEL,
    PREFIXES,
    Contrast,
    Finding,
    Verdict,
    alike,
    all_within,
    at_least,
    at_most,
    by_percent,
    by_points,
    claims,
    corrected,
    differ,
    every,
    finding,
    larger,
    printed,
)
from fractalctl.paper.places import Beside, Chapter, Group, Head, Place, ablated, evaluated
from fractalctl.report.results import Results
from fractalctl.report.sections.latency import NAMES, effort, settings, speedup, speedup_over_rounds
from fractalctl.statistics import paired_t
from fractalctl.statistics.observations import grouped

SHORT, FULL = 64, 256
AHEAD_FROM = 0.35
LENGTH = "64"
KINDS = {"retained_accuracy": "k-NN accuracy", "retained_hit_rate_at_10": "Recall@10"}
CERTAIN = {
    "holds": "the coarse bound exceeds the most that H(finer | L0) can be",
    "fails": "the fine bound exceeds the most that H(L0) can be",
    "open": "neither bound exceeds the other's entropy",
}


def _recall(length: int, level: str, head: Head) -> float:
    return float(head.result.hit_rate[str(length)][level]["1"])


def _ramp(place: Place, head: Head) -> float:
    short, full = (_recall(place.document.dims[end], place.levels[-1], head) for end in (0, -1))
    return full - short


def _judge_retrieval(group: Group) -> Iterator[Finding]:
    ramps = [place.contrast("v5", "mrl", partial(_ramp, place)) for place in group]

    def words(v5: float, mrl: float) -> str:
        return by_points(v5, mrl) + (f", {v5 / mrl:.1f} times" if mrl > 0 else "")

    yield from differ("steeper", corrected(ramps), words)
    for place in group:
        coarse = partial(_recall, place.document.dims[-1], place.levels[0])
        yield from alike("alike-coarse", place.contrast("v5", "mrl", coarse), by_percent)


def _retrieved(group: Group) -> Iterator[Beside]:
    for place in group:
        theirs = printed("table_7", place.document.corpus) if tuple(place.document.dims) == PREFIXES else {}
        for level in [level for level in place.levels if level in theirs]:
            for strategy, shares in theirs[level].items():
                for length, paper in zip(PREFIXES, shares, strict=True):
                    if values := place.values(strategy, read=partial(_recall, length, level)):
                        what = f"Recall@1 of {place.titles[level]} at {length}, %"
                        yield place.row(strategy, what, percents(values), number(paper, 1))


def _mixed(place: Place, alpha: float) -> Contrast:
    """Accuracy at a share of coarse queries, adaptive v5 against mrl; both curves are straight lines."""
    heads = {seed: head for seed, head in place.of("v5").items() if head.result.mrl is not None}
    curves = {seed: (head.result.adaptive, head.result.mrl.mixed) for seed, head in heads.items()}
    ours, theirs = (
        {seed: (1 - alpha) * both[side][0] + alpha * both[side][-1] for seed, both in curves.items()}
        for side in (0, 1)
    )
    return place.against("v5, mrl", ours, theirs)


def _judge_routing(group: Group) -> Iterator[Finding]:
    yield from differ("even-mix", corrected(_mixed(place, 0.5) for place in group), by_percent)
    for place in [place for place in group if printed("figure_11", place.document.corpus)]:
        ends = {alpha: one for alpha in (AHEAD_FROM, 1.0) for one in corrected([_mixed(place, alpha)])}
        if ends:
            leads = ", ".join(
                f"{100 * mean(one.gaps):+.1f} points at alpha = {alpha:g} ({p_phrase(one.p)})"
                for alpha, one in ends.items()
            )
            verdict = every(one.verdict for one in ends.values())
            yield place.finding("ahead", "v5, mrl", verdict, f"{leads}, {ends[1.0].seeds}")


def _routed(group: Group) -> Iterator[Beside]:
    for place in group:
        theirs, one = printed("figure_11", place.document.corpus), _mixed(place, 0.5)
        if theirs and one.pairs and place.is_papers:
            lengths = next(iter(place.of("v5").values())).result.mean_dimension
            what = "gain on an even mix, points"
            yield place.where, one.arms, what, percents(one.gaps, sign=True), number(theirs["gain"], 1)
            ours = number((lengths[0] + lengths[-1]) / 2, 0)
            yield place.row("v5", "mean length on it", ours, number(theirs["mean_dimension"], 0))


def _sides(place: Place, *sides: str) -> list[dict[int, float]]:
    """Accuracies by seed of v5's results, such as ``single.coarse_short``."""

    def read(side: str, head: Head) -> float:
        part, key = side.split(".")
        return float(getattr(getattr(head.result, part), key))

    return [place.by_seed("v5", read=partial(read, side)) for side in sides]


def _judge_two_encoders(group: Group) -> Iterator[Finding]:
    coarse = [
        place.against("v5, coarse", *_sides(place, "single.coarse_short", "dedicated.coarse_full"))
        for place in group
    ]
    yield from differ("beats-coarse", corrected(coarse), by_percent)
    for place in group:
        loss = place.against("v5, fine", *_sides(place, "dedicated.fine_full", "single.fine_full"))
        if loss.pairs:
            verdict, limits = at_most(loss.gaps, claims()["keeps-fine"].margin)
            evidence = f"{by_percent(*reversed(loss.means))}, loss: {limits}, {loss.seeds}"
            yield finding("keeps-fine", loss.where, loss.arms, verdict, evidence)


def _two_encoders(group: Group) -> Iterator[Beside]:
    rows = {
        ("v5", "coarse, shortest, %", "single.coarse_short"): "v5_coarse_short",
        ("coarse", "coarse, full, %", "dedicated.coarse_full"): "dedicated_coarse",
        ("v5", "fine, full, %", "single.fine_full"): "v5_fine_full",
        ("fine", "fine, full, %", "dedicated.fine_full"): "dedicated_fine",
    }
    for place in group:
        dense = place.document.protocol == "index"  # the paper's accuracies need many rows that answer
        theirs = printed("section_7", place.document.corpus) if dense else {}
        for (strategy, what, side), key in rows.items() if theirs else ():
            if values := list(_sides(place, side)[0].values()):
                yield place.row(strategy, what, percents(values), number(theirs[key], 1))


def _any(place: Place, strategy: str) -> dict[int, Head]:
    """Heads by seed on the axis depth, whatever its point is called."""
    found = (heads for name, heads in place.heads.items() if name[0] == strategy)
    return {seed: head for heads in found for seed, head in heads.items()}


def _more(place: Place, strategy: str, key: str) -> dict[int, float]:
    """A further number of the axis."""
    return {seed: head.more[key] for seed, head in _any(place, strategy).items()}


def _judge_depth(group: Group) -> Iterator[Finding]:
    for place in group:
        depth = len(place.levels)
        gains = {
            name: {
                title: list(_more(place, name, f"gain_{level}").values())
                for level, title in place.titles.items()
            }
            for name in ("v5", "mrl")
        }
        steps = [list(_more(place, "v5", f"S_{level}{level + 1}").values()) for level in range(depth - 1)]
        if all(steps):
            tests = [paired_t(step) for step in steps]
            points = ", ".join(f"{name} {100 * mean(values):+.1f}" for name, values in gains["v5"].items())
            p = max((test.p for test in tests if test.p is not None), default=None)
            evidence = f"gains in points {points}; largest {p_phrase(p)}, n = {len(steps[0])} seeds"
            verdict = every(larger(test.difference, test.p, test.n) for test in tests)
            yield place.finding("ramp", "v5", verdict, evidence)
        ends = (_more(place, strategy, f"S_0{depth - 1}") for strategy in ("v5", "mrl"))
        yield from differ("outermost", corrected([place.against("v5, mrl", *ends)]))
        if all(gains["mrl"].values()):
            yield place.finding("flat-levels", "mrl", *all_within("flat-levels", gains["mrl"]))


def _deep(group: Group) -> Iterator[Beside]:
    for place in group:
        theirs, one = printed("table_8", place.document.corpus), place.document
        alike_trees = theirs.get("classes") == one.profile.classes and tuple(one.dims) == PREFIXES
        if not (alike_trees and place.is_papers):
            continue
        for strategy in ("v5", "mrl"):
            heads = list(_any(place, strategy).values())
            for level in place.levels if heads else ():
                for length, paper in zip(PREFIXES, theirs[strategy][level], strict=True):
                    ours = percents([head.accuracy[str(length)][level] for head in heads])
                    what = f"{place.titles[level]} at {length}, %"
                    yield place.row(strategy, what, ours, number(paper, 1))
            if values := list(_more(place, strategy, "S_02").values()):
                yield place.row(strategy, "S_02", mean_sd(values), spread(*theirs["S_02"][strategy]))


Timed = tuple[Latency, list[dict[int, TimedIndex]]]
"""A document, and the times of one of its indexes by length, for each effort of a search."""


def _paper_times(index: str) -> dict[int, float]:
    return {int(length): float(spent) for length, spent in printed("table_9")[index]["microseconds"].items()}


def _timed(results: Results) -> list[Timed]:
    """The indexes of the paper's kinds and sizes."""
    rows = {index: paper["rows"] for index, paper in printed("table_9").items()}
    groups = []
    for document in results.latencies:
        fitting = [one for one in settings(document) if one[0].n == rows.get(one[0].index)]
        for found in grouped(fitting, lambda one: one[0].index).values():
            efforts = [{timed.dimension: timed for timed in one} for one in found]
            if known := [one for one in efforts if {SHORT, FULL} <= one.keys()]:
                groups.append((document, known))
    return groups


def _where(one: Latency) -> tuple[str, str]:
    """What findings call the embeddings, and the arm."""
    if one.arm is None:
        return "random vectors", MISSING
    return f"{one.corpus}, {one.backbone}, seed {one.seed}", one.arm


def _judge_latency(group: Timed) -> Iterator[Finding]:
    document, efforts = group
    index = efforts[0][FULL].index
    paper, ends = _paper_times(index), [(one[FULL], one[SHORT]) for one in efforts]
    times = [(speedup(*both), speedup_over_rounds(*both)) for both in ends]
    shown = "; ".join(
        f"{ratio:.1f} times ({low:.1f} to {high:.1f} over rounds; {effort(full)})"
        for (ratio, (low, high)), (full, _) in zip(times, ends, strict=True)
    )
    for name, wanted in (("faster", 1.0), ("times", paper[FULL] / paper[SHORT])):
        verdict = every(at_least(*one, wanted) for one in times)
        yield finding(f"{name}-{index}", *_where(document), verdict, shown)


def _latencies(group: Timed) -> Iterator[Beside]:
    document, efforts = group
    for by_length in efforts:
        full = by_length[FULL]
        paper = _paper_times(full.index)
        for length in [length for length in by_length if length in paper]:
            one = by_length[length]
            ours = f"{number(one.microseconds.p50, 0)} ({number(speedup(full, one), 1)} times)"
            theirs = f"{number(paper[length], 0)} ({number(paper[FULL] / paper[length], 1)} times)"
            what = f"{NAMES[full.index]}, {effort(full)}, {length}: microseconds"
            yield *_where(document), what, ours, theirs


def _left(place: Place, share: float) -> float | None:
    """Mean S of v5 at a share of noise over that without; None where that is not above zero."""
    clean, noisy = place.values("v5", 0), place.values("v5", share)
    return mean(noisy) / mean(clean) if clean and noisy and mean(clean) > 0 else None


def _judge_noise(group: Group) -> Iterator[Finding]:
    for place in group:
        theirs = printed("section_8", place.document.corpus) if place.is_papers else {}
        for share, paper in theirs.items():
            if (left := _left(place, int(share))) is not None:
                yield _kept(place, int(share), left, paper["kept"])
        tested = [
            place.against("v5, mrl", place.by_seed("v5", share), place.by_seed("mrl", share))
            for share in place.points("mrl")
            if share
        ]
        yield from differ("most-noise", corrected(tested)[-1:])


def _kept(place: Place, share: int, left: float, wanted: float) -> Finding:
    clean, noisy = place.by_seed("v5", 0), place.by_seed("v5", share)
    test = paired_t([noisy[seed] - wanted * s for seed, s in clean.items() if seed in noisy], level=LEVEL)
    evidence = (
        f"{percent(left)} left; S less {percent(wanted)} of S without noise {test.difference:+.3f}, 90 % "
        f"interval {interval(test.ci, 3)}, n = {test.n} seeds"
    )
    return place.finding(f"kept-{share}", "v5", at_least(test.difference, test.ci, 0.0), evidence)


def _noise(group: Group) -> Iterator[Beside]:
    for place in group:
        for share, paper in printed("section_8", place.document.corpus).items() if place.is_papers else ():
            if values := place.values("v5", int(share)):
                yield place.row("v5", f"S at {share} % noise", mean_sd(values), signed(paper["S"]))
                ours, theirs = percent(_left(place, int(share))), percent(paper["kept"])
                yield place.row("v5", f"left at {share} % noise", ours, theirs)


def _lean(head: Head) -> float:
    """By how much more of the coarse information the prefix holds than of the fine, as shares of each."""
    theorem = head.result.theorem_1
    return float((theorem.coarse_share or 0.0) - (theorem.fine_share or 0.0))


def _judge_information(group: Group) -> Iterator[Finding]:
    for place in group:
        theorems = [head.result.theorem_1 for head in place.of("v5").values()]
        if theorems:
            counts = Counter(theorem.verdict for theorem in theorems)
            coarse = mean(theorem.coarse.bits for theorem in theorems)
            fine = mean(theorem.fine_given_coarse.bits for theorem in theorems)
            seeds = "; ".join(
                f"{count} of {len(theorems)} seeds: {CERTAIN[word]}" for word, count in counts.items()
            )
            evidence = (
                f"at least {coarse:.2f} bits of L0, at least {fine:.2f} of finer levels given L0; {seeds}"
            )
            verdict = _certain(set(counts), coarse > fine)
            yield place.finding("inequality", "v5", verdict, evidence)
    yield from differ("leans", corrected(place.contrast("v5", "mrl", _lean) for place in group), by_points)


def _certain(words: set[str], more_coarse: bool) -> Verdict:
    if words == {"holds"}:
        return Verdict.HOLDS
    if words == {"fails"}:
        return Verdict.FAILS
    return Verdict.DIRECTION if more_coarse and "fails" not in words else Verdict.OPEN


def _retained(kind: str, length: str, level: str, head: Head) -> float | None:
    part = head.result.head.get(length)
    value: float | None = getattr(part, kind)[level] if part else None
    return value


def _shares(place: Place, kind: str, length: str) -> list[float]:
    read = partial(_retained, kind, length, place.levels[-1])
    return [share for head in place.of("mrl").values() if (share := read(head)) is not None]


def _judge_retention(group: Group) -> Iterator[Finding]:
    wanted = printed("guide")["kept"][LENGTH] / 100
    for place in group:
        for kind, title in KINDS.items():
            if kept := _shares(place, kind, LENGTH):
                verdict = at_least(mean(kept), paired_t(kept, level=LEVEL).ci, wanted)
                level = place.titles[place.levels[-1]]
                evidence = f"{title} at {level}: {percents(kept)} %, n = {len(kept)} seeds"
                yield place.finding("keeps", "mrl", verdict, evidence)


def _retention(group: Group) -> Iterator[Beside]:
    for place in group:
        for length, paper in printed("guide")["kept"].items():
            if kept := _shares(place, "retained_accuracy", length):
                yield place.row("mrl", f"accuracy kept at {length}, %", percents(kept), number(paper, 0))


CHAPTERS = (
    Chapter("table-8", ablated("depth"), _judge_depth, _deep),
    Chapter(
        "table-7",
        evaluated("retrieval", lambda one: f"{one.n_queries + one.n_documents} test rows"),
        _judge_retrieval,
        _retrieved,
    ),
    Chapter("figure-11", evaluated("routing"), _judge_routing, _routed),
    Chapter("section-7", evaluated("dual"), _judge_two_encoders, _two_encoders),
    Chapter("table-9", _timed, _judge_latency, _latencies),
    Chapter("section-8", ablated("noise"), _judge_noise, _noise),
    Chapter(
        "theorem-1", evaluated("information", lambda one: f"{one.rows.test} test rows"), _judge_information
    ),
    Chapter("guide", evaluated("retention"), _judge_retention, _retention),
)
