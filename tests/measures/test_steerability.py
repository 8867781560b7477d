import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec.structs import replace

from fractalctl.documents.measured import PackedHits
from fractalctl.errors import FractalError
from fractalctl.measures import steerability as module
from fractalctl.measures.steerability import (
    MEASURES,
    accuracies,
    estimate,
    gains,
    level_measures,
    monotone_zoom,
    pairwise_steerability,
    resampled_accuracies,
    steerability,
)

ACCURACY = np.array([[0.90, 0.50], [0.92, 0.60], [0.88, 0.58], [0.85, 0.70]])


def by_hand(accuracy: np.ndarray) -> dict[str, float]:
    """Every measure written out for four prefixes, as the paper defines them."""
    (a1, b1), (a2, b2), (a3, b3), (a4, b4) = ([row[0], row[-1]] for row in accuracy)
    pairs = [(a1 - a2) + (b2 - b1), (a1 - a3) + (b3 - b1), (a1 - a4) + (b4 - b1)]
    return {
        "S": (a1 - a4) + (b4 - b1),
        "S_auc": sum(pairs) / 3,
        "S_mono": sum([a1 >= a2, a2 >= a3, a3 >= a4, b1 <= b2, b2 <= b3, b3 <= b4]) / 6,
        "S_gap": (a1 - b1) - (a4 - b4),
        "delta_coarse": a1 - a4,
        "delta_fine": b4 - b1,
        "short_coarse": a1,
        "full_fine": b4,
        "specialization_gap": a1 - b1,
        "control_auc": (pairs[0] / 2 + (pairs[0] + pairs[1]) / 2 + (pairs[1] + pairs[2]) / 2) / 3,
    }


@pytest.mark.parametrize("name", MEASURES)
def test_measures_of_a_table(name: str) -> None:
    assert MEASURES[name](ACCURACY) == pytest.approx(by_hand(ACCURACY)[name])


@given(arrays(float, (4, 3), elements=st.floats(0, 1)))
def test_measures_of_any_table(accuracy: np.ndarray) -> None:
    expected = by_hand(accuracy)
    for name, measure in MEASURES.items():
        assert measure(accuracy) == pytest.approx(expected[name], abs=1e-12)
        assert measure(np.stack([accuracy, accuracy]))[1] == pytest.approx(expected[name], abs=1e-12)
    assert MEASURES["S"](accuracy) == pytest.approx(MEASURES["S_gap"](accuracy), abs=1e-12)


def test_one_prefix_steers_nothing() -> None:
    table = ACCURACY[:1]
    assert [float(MEASURES[name](table)) for name in ("S", "S_auc", "S_mono", "S_gap", "control_auc")] == [
        0
    ] * 5
    assert MEASURES["S_mono"](np.stack([table, table])).tolist() == [0, 0]


def test_two_prefixes_are_one_pair() -> None:
    table = np.array([[0.9, 0.5], [0.8, 0.7]])
    for name, value in {"S": 0.3, "S_auc": 0.3, "S_mono": 1, "S_gap": 0.3, "control_auc": 0.15}.items():
        assert MEASURES[name](table) == pytest.approx(value)


def random_hits(queries: int) -> np.ndarray:
    return np.random.default_rng(1).random((queries, 4, 2)) < ACCURACY


def test_intervals_hold_the_estimate_and_narrow_with_queries() -> None:
    widths = []
    for queries in (100, 10_000):
        found = estimate(random_hits(queries))
        assert list(found.values()) == list(found.intervals) == list(MEASURES)
        for name, value in found.values().items():
            low, high = found.intervals[name]
            assert low <= high
            if name != "S_mono":
                assert low <= value <= high
        widths.append(found.intervals["S"][1] - found.intervals["S"][0])
    assert widths[1] < widths[0] / 5


def test_bootstrap_interval_agrees_with_the_normal_one() -> None:
    hits = random_hits(4000)
    found = estimate(hits)
    per_query = (hits[:, 0, 0] * 1.0 - hits[:, -1, 0]) + (hits[:, -1, 1] * 1.0 - hits[:, 0, 1])
    half = 1.96 * per_query.std() / np.sqrt(len(hits))
    assert found.s == pytest.approx(per_query.mean())
    assert found.intervals["S"] == pytest.approx((found.s - half, found.s + half), abs=0.1 * half)


def test_bootstrap_is_repeatable() -> None:
    hits = random_hits(200)
    assert estimate(hits) == estimate(hits) == estimate(hits, resamples=2000, seed=0)
    assert estimate(hits, seed=1).intervals["S"] != estimate(hits).intervals["S"]


def test_bootstrap_spreads_as_resampling_queries_one_by_one_does() -> None:
    hits, random = random_hits(80), np.random.default_rng(0)
    ours = resampled_accuracies(hits, 4000, 0)
    plain = np.array([hits[random.integers(0, 80, 80)].mean(axis=0) for _ in range(4000)])
    assert ours.mean(axis=0) == pytest.approx(plain.mean(axis=0), abs=0.005)
    shape = (4000, -1)
    assert np.cov(ours.reshape(shape).T) == pytest.approx(np.cov(plain.reshape(shape).T), abs=3e-4)


@pytest.mark.parametrize("chunk", [1, 20_000])
def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    hits = random_hits(500)
    whole = estimate(hits, resamples=300)
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    assert estimate(hits, resamples=300) == whole


def test_bootstrap_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60,000 queries, whether they fall into few patterns of hits or each has its own."""
    monkeypatch.setattr(module, "CHUNK_BYTES", 2**23)
    every_query_its_own = np.random.default_rng(0).random((60_000, 12, 4)) < 0.5
    for hits, resamples in ((random_hits(60_000), 2000), (every_query_its_own, 200)):
        tracemalloc.start()
        estimate(hits, resamples)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # Patterns as float64 are beyond the chunks: as large as the hits times eight.
        assert peak < 2**23 + 12 * hits.nbytes


@given(arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(2, 4))))
def test_packed_hits_come_back(hits: np.ndarray) -> None:
    assert (PackedHits.pack(hits).unpack() == hits).all()
    assert (accuracies(hits) == hits.mean(axis=0)).all()


def test_damaged_hits_are_refused() -> None:
    packed = PackedHits.pack(random_hits(10))
    with pytest.raises(FractalError, match="damaged"):
        replace(packed, data="%%%").unpack()
    with pytest.raises(FractalError, match="hold 10 bytes, but shape"):
        replace(packed, shape=(11, 4, 2)).unpack()


TABLES = st.integers(2, 5).flatmap(
    lambda levels: arrays(np.float64, (4, levels), elements=st.floats(0, 1, width=32))
)


@given(TABLES)
def test_pairs_add_up_and_the_outermost_is_s(accuracy) -> None:
    found, last = pairwise_steerability(accuracy), accuracy.shape[1] - 1
    assert found[f"S_0{last}"] == pytest.approx(float(steerability(accuracy)), abs=1e-12)
    steps = sum(found[f"S_{level}{level + 1}"] for level in range(last))
    assert steps == pytest.approx(found[f"S_0{last}"], abs=1e-12)
    for name, value in found.items():
        coarser, finer = int(name[2]), int(name[3])
        short, full = accuracy[0], accuracy[-1]
        assert value == pytest.approx(
            (short[coarser] - full[coarser]) + (full[finer] - short[finer]), abs=1e-12
        )


def test_the_papers_table_8_gives_the_papers_s() -> None:
    v5 = np.array([[98.6, 97.7, 92.7], [98.9, 98.3, 94.7], [99.0, 98.5, 95.4], [99.1, 98.7, 95.9]]) / 100
    assert gains(v5) == pytest.approx([0.005, 0.010, 0.032])
    assert pairwise_steerability(v5)["S_02"] == pytest.approx(0.027)
    assert monotone_zoom(v5) == 1
    mrl = np.array([[98.4, 97.9, 94.9], [98.7, 98.1, 95.3]]) / 100
    assert pairwise_steerability(mrl)["S_02"] == pytest.approx(0.001)


def test_a_tie_is_no_zoom() -> None:
    assert monotone_zoom(np.array([[0.5, 0.5, 0.5], [0.6, 0.6, 0.8]])) == 0.5


def test_measures_of_a_document() -> None:
    accuracy = {"64": {"L0": 0.9, "L1": 0.5}, "128": {"L0": 0.8, "L1": 0.7}}
    found = level_measures(accuracy)
    assert found == pytest.approx({"gain_L0": -0.1, "gain_L1": 0.2, "S_01": 0.3, "monotone_zoom": 1.0})
