"""Claims about further metrics and about latency."""

from typing import Any

import pytest

from fractalctl.documents.latency import (
    Embeddings,
    Latency,
    LatencyRecipe,
    Machine,
    Percentiles,
    RawTimes,
    Recall,
    TimedIndex,
)
from fractalctl.paper.judging import Verdict
from tests.paper.material import beside, evaluation, findings, results, verdicts
from tests.report.documents import with_metric

HOLDS, DIRECTION, FAILS, OPEN = Verdict


def measured(metric: str, parts: dict[str, list[dict[str, Any]]], **changes: Any):
    """Evaluations of arms, one for each of their results."""
    return results(
        evaluations=[
            with_metric(evaluation("clinc", arm, seed, 0.1, **changes), metric, part)
            for arm, found in parts.items()
            for seed, part in enumerate(found)
        ]
    )


def localisation(first: float, separation: float) -> dict[str, Any]:
    places = {"first": {"L0": 0.9, "L1": first}, "rest": {"L0": 0.8, "L1": 0.9}}
    return {"dimensions": {"first": (1, 64), "rest": (65, 256)}, "accuracy": places, "separation": separation}


def test_localisation() -> None:
    low = [localisation(value, value - 0.5) for value in (0.70, 0.71, 0.72)]
    high = [localisation(value, value - 0.9) for value in (0.80, 0.82, 0.81)]
    less, apart = (
        "v5's first block tells fine classes worse than mrl's",
        "v5 separates the levels by place more than mrl does",
    )
    assert verdicts("section-5-1", measured("localisation", {"v5": low, "mrl": high})) == {
        less: HOLDS,
        apart: HOLDS,
    }
    assert verdicts("section-5-1", measured("localisation", {"v5": high, "mrl": low})) == {
        less: FAILS,
        apart: FAILS,
    }
    rows = beside("section-5-1", measured("localisation", {"v5": low, "mrl": high}, protocol="index"))
    assert [row[1] for row in rows.values()] == ["94.7", "96.5"]
    assert beside("section-5-1", measured("localisation", {"v5": low})) == {}


def retrieval(ramp: float, coarse: float) -> dict[str, Any]:
    shares = {64: (coarse, 0.8 - ramp), 128: (coarse, 0.8), 192: (coarse, 0.8), 256: (coarse, 0.8)}
    rates = {str(d): {"L0": {"1": l0}, "L1": {"1": l1}} for d, (l0, l1) in shares.items()}
    return {
        "seed": 42, "cutoffs": [1], "n_queries": 250, "n_documents": 250, "answerable": {"L0": 1.0,
        "L1": 1.0},
        "hit_rate": rates, "mrr": {},
    }  # fmt: skip


def test_retrieval() -> None:
    steep, flat = (
        [retrieval(ramp + step / 100, 0.95 + step / 1000) for step in range(3)] for ramp in (0.06, 0.005)
    )
    steeper, alike = (
        "v5's fine Recall@1 ramps more steeply than mrl's",
        "v5 and mrl retrieve coarse classes alike at full length",
    )
    noisy = [retrieval(0.03, coarse) for coarse in (0.97, 0.92, 0.96)]
    worse = [retrieval(0.07 + step / 100, 0.80 + step / 200) for step in range(3)]
    flat[0] = retrieval(0.004, 0.951)
    assert verdicts("table-7", measured("retrieval", {"v5": steep, "mrl": flat})) == {
        steeper: HOLDS,
        alike: HOLDS,
    }
    assert verdicts("table-7", measured("retrieval", {"v5": steep, "mrl": worse})) == {
        steeper: FAILS,
        alike: FAILS,
    }
    assert verdicts("table-7", measured("retrieval", {"v5": noisy, "mrl": flat}))[alike] is OPEN
    rows = beside("table-7", measured("retrieval", {"v5": steep, "mrl": flat}))
    assert rows["clinc, minilm, 500 test rows", "v5", "Recall@1 of L1 at 64, %"] == ("73.0 ± 1.0", "87.1")


def test_retrieval_counts_once_under_two_protocols() -> None:
    found = measured("retrieval", {"v5": [retrieval(0.06, 0.9)] * 2, "mrl": [retrieval(0.01, 0.9)] * 2})
    twice = [
        *found.evaluations,
        *measured("retrieval", {"v5": [retrieval(0.06, 0.9)] * 2}, protocol="index").evaluations,
    ]
    assert len(findings("table-7", results(evaluations=twice))) == 2


def routing(adaptive: tuple[float, float], mrl: tuple[float, float] | None) -> dict[str, Any]:
    def rival(ends: tuple[float, float]) -> dict[str, Any]:
        return {"dimension": 256, "mixed": list(ends), "ahead": None, "head_identity": "h"}

    return {
        "alphas": [0.0, 1.0], "short": 64, "full": 256, "mean_dimension": [256.0, 64.0],
        "adaptive": list(adaptive),
        "fixed": {}, "mrl": mrl and rival(mrl),
    }  # fmt: skip


def test_routing() -> None:
    even, ahead = (
        "adaptive v5 beats mrl at full length on an even mix",
        "adaptive v5 is ahead of mrl wherever alpha >= 0.35",
    )

    def judged(fine: float, coarse: float, spread: float) -> dict[str, Verdict]:
        parts = [routing((fine + step * spread, coarse + step * spread), (0.8, 0.8)) for step in (-1, 0, 1)]
        return verdicts("figure-11", measured("routing", {"v5": parts}))

    assert judged(0.79, 0.95, 0.001) == {even: HOLDS, ahead: HOLDS}
    assert judged(0.70, 0.85, 0.001) == {even: FAILS, ahead: FAILS}
    assert judged(0.70, 0.95, 0.001) == {even: HOLDS, ahead: FAILS}
    assert judged(0.79, 0.95, 0.1) == {even: DIRECTION, ahead: DIRECTION}
    alone = measured("routing", {"v5": [routing((0.8, 0.9), None)] * 3})
    assert verdicts("figure-11", alone) == {}
    rows = beside("figure-11", measured("routing", {"v5": [routing((0.79, 0.95), (0.8, 0.8))] * 2}))
    assert rows["clinc, minilm, loo", "v5, mrl", "gain on an even mix, points"] == ("+7.0 ± 0.0", "1.3")
    assert rows["clinc, minilm, loo", "v5", "mean length on it"] == ("160", "160")


def dual(ours: tuple[float, float], dedicated: tuple[float, float]) -> dict[str, Any]:
    def side(coarse: float, fine: float) -> dict[str, Any]:
        sizes = dict.fromkeys(("heads", "head_bytes", "bytes_per_document", "coarse_query_bytes"), 1)
        return {"coarse_short": coarse, "coarse_full": coarse, "fine_full": fine, **sizes}

    return {
        "short": 64,
        "full": 256,
        "single": side(*ours),
        "dedicated": side(*dedicated),
        "head_identities": {},
    }


def test_two_encoders() -> None:
    beats = "v5's shortest prefix beats a dedicated coarse encoder at full length"
    keeps = "v5 at full length is within 1 point of a dedicated fine encoder"

    def judged(coarse: float, loss: float, spread: float) -> dict[str, Verdict]:
        parts = [
            dual((0.9 + coarse + step * spread, 0.9 - loss + step * spread), (0.9, 0.9))
            for step in (-1, 0, 1)
        ]
        return verdicts("section-7", measured("dual", {"v5": parts}))

    assert judged(0.02, 0.003, 0.001) == {beats: HOLDS, keeps: HOLDS}
    assert judged(-0.02, 0.03, 0.001) == {beats: FAILS, keeps: FAILS}
    assert judged(0.02, 0.003, 0.05) == {beats: DIRECTION, keeps: OPEN}


def information(
    verdict: str, coarse: float, fine: float, shares: tuple[float, float] = (0.8, 0.3)
) -> dict[str, Any]:
    def bits(value: float) -> dict[str, Any]:
        return {"bits": value, "interval": (value - 0.1, value + 0.1)}

    entropy = {"plug_in": 3.0, "corrected": 3.1, "most": 3.2}
    theorem = {
        "dimension": 64, "coarse": bits(coarse), "fine_given_coarse": bits(fine),
        "difference": bits(coarse - fine),
        "h_coarse": entropy, "h_fine_given_coarse": entropy, "coarse_share": shares[0],
        "fine_share": shares[1],
        "verdict": verdict,
    }  # fmt: skip
    return {
        "unit": "bits", "seed": 42, "strengths": [1.0], "rows": {"known": 1, "validation": 1, "test": 500},
        "entropy": {}, "bounds": {}, "theorem_1": theorem,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "coarse", "expected"),
    [
        (["holds"] * 3, 2.0, HOLDS),
        (["fails"] * 3, 1.0, FAILS),
        (["open"] * 3, 2.0, DIRECTION),
        (["holds", "open", "open"], 2.0, DIRECTION),
        (["open"] * 3, 1.0, OPEN),
        (["fails", "open", "open"], 2.0, OPEN),
    ],
)
def test_theorem_1_says_what_is_certain(words, coarse, expected) -> None:
    found = measured("information", {"v5": [information(word, coarse, 1.5) for word in words]})
    assert verdicts("theorem-1", found) == {"under v5": expected}


def test_leaning_to_coarse_information() -> None:
    leans = "v5's shortest prefix leans to coarse information more than mrl's"
    more, less = (
        [information("open", 2, 1, (share + step / 100, 0.3)) for step in range(3)] for share in (0.9, 0.6)
    )
    less[0] = information("open", 2, 1, (0.61, 0.3))
    assert verdicts("theorem-1", measured("information", {"v5": more, "mrl": less}))[leans] is HOLDS
    assert verdicts("theorem-1", measured("information", {"v5": less, "mrl": more}))[leans] is FAILS


def retention(share: float) -> dict[str, Any]:
    length = {
        "accuracy": {"L1": 0.8}, "hit_rate_at_10": {"L1": 0.8}, "retained_accuracy": {"L0": 1.0, "L1": share},
        "retained_hit_rate_at_10": {"L0": 1.0, "L1": None}, "bytes_per_document": 256, "relative_cost": 0.25,
    }  # fmt: skip
    here = {
        "microseconds_per_query": {}, "n_queries": 1, "n_reference": 1, "repetitions": 1, "threads": 1,
        "processor": "",
    }  # fmt: skip
    return {"head": {"64": length, "256": length}, "backbone": {}, "measured_here": here}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.9, 0.91, 0.92], HOLDS),
        ([0.7, 0.71, 0.72], FAILS),
        ([0.95, 0.7, 0.85], DIRECTION),
        ([0.9, 0.7, 0.7], OPEN),
    ],
)
def test_the_guides_share(shares, expected) -> None:
    found = measured("retention", {"mrl": [retention(share) for share in shares]})
    assert verdicts("guide", found) == {
        "64 numbers of a Matryoshka head keep at least 80 % of the quality": expected
    }


def latency(medians: dict[int, list[float]], index: str = "flat", n: int = 10_000) -> Latency:
    timed = [
        TimedIndex(
            index=index, parameters={}, effort={} if index == "flat" else {"ef_search": 16}, n=n,
            dimension=length,
            microseconds=Percentiles(p50=sorted(rounds)[1], p95=1, p99=1, mean=1, qps=1),
            medians_by_round=rounds,
            core_share=1.0, recall=Recall(own=1.0, full=1.0), index_bytes=1, build_seconds=1.0, times="",
        )
        for length, rounds in medians.items()
    ]  # fmt: skip
    machine = Machine(processor="", core=None, threads=1, faiss="", faiss_options=[], numpy="")
    return Latency(
        corpus="random", dims=list(medians), full=max(medians), recipe=LatencyRecipe(),
        embeddings=Embeddings(source="random"), machine=machine, results=timed,
        times=RawTimes(file="", sha256="", unit="us"), identity="i",
    )  # fmt: skip


def test_latency() -> None:
    faster, times = "64 numbers are searched faster than 256 with Flat", "5.1 times"

    def judged(*short: float) -> list[Verdict]:
        document = latency({64: list(short), 256: [100.0, 100.0, 100.0]})
        found = findings("table-9", results(latencies=[document]))
        assert [one.claim.text for one in found] == [faster, f"{faster}, {times}"]
        return [one.verdict for one in found]

    assert judged(10.0, 11.0, 12.0) == [HOLDS, HOLDS]
    assert judged(30.0, 31.0, 32.0) == [HOLDS, FAILS]
    assert judged(18.0, 19.0, 30.0) == [HOLDS, DIRECTION]
    assert judged(15.0, 30.0, 90.0) == [HOLDS, OPEN]
    assert judged(110.0, 120.0, 130.0) == [FAILS, FAILS]


def test_other_sizes_are_not_the_papers() -> None:
    document = latency({64: [10.0] * 3, 256: [100.0] * 3}, n=500)
    assert findings("table-9", results(latencies=[document])) == []
    assert beside("table-9", results(latencies=[document])) == {}


def test_table_9_stands_beside_the_papers() -> None:
    document = latency({64: [10.0] * 3, 256: [100.0] * 3}, "hnsw", 100_000)
    rows = beside("table-9", results(latencies=[document]))
    what = "HNSW, ef_search = 16, 64: microseconds"
    assert rows["random vectors", "—", what] == ("10 (10.0 times)", "39 (3.7 times)")
