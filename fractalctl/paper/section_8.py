"""Sections 8 and 9 and the Matryoshka guide: wrong labels, information, what a shorter vector keeps."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from statistics import mean

from fractalctl.numbers import interval, mean_sd, number, percent, percents, signed
from fractalctl.paper.chapter import Chapter
from fractalctl.paper.judging import LEVEL, Finding, Verdict, at_least, by_points, corrected, differ
from fractalctl.paper.places import Beside, Group, Head, Place, ablated, evaluated
from fractalctl.paper.printed import printed
from fractalctl.statistics import paired_t

LENGTH = "64"
KINDS = {"retained_accuracy": "k-NN accuracy", "retained_hit_rate_at_10": "Recall@10"}
CERTAIN = {
    "holds": "the coarse bound exceeds the most that H(finer | L0) can be",
    "fails": "the fine bound exceeds the most that H(L0) can be",
    "open": "neither bound exceeds the other's entropy",
}


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
        theorems = [head.result.theorem_1 for head in place.heads.get(("v5",), {}).values()]
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
    return [share for head in place.heads.get(("mrl",), {}).values() if (share := read(head)) is not None]


def _judge_retention(group: Group) -> Iterator[Finding]:
    wanted = printed("guide")["kept"][LENGTH] / 100
    for place in group:
        for kind, title in KINDS.items():
            if kept := _shares(place, kind, LENGTH):
                verdict = at_least(mean(kept), paired_t(kept, level=LEVEL).ci, wanted)
                evidence = f"{title} at {place.levels[-1]}: {percents(kept)} %, n = {len(kept)} seeds"
                yield place.finding("keeps", "mrl", verdict, evidence)


def _retention(group: Group) -> Iterator[Beside]:
    for place in group:
        for length, paper in printed("guide")["kept"].items():
            if kept := _shares(place, "retained_accuracy", length):
                yield place.row("mrl", f"accuracy kept at {length}, %", percents(kept), number(paper, 0))


CHAPTERS = (
    Chapter("section-8", ablated("noise"), _judge_noise, _noise),
    Chapter(
        "theorem-1", evaluated("information", lambda one: f"{one.rows.test} test rows"), _judge_information
    ),
    Chapter("guide", evaluated("retention"), _judge_retention, _retention),
)
