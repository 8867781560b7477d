import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fractalctl.errors import FractalError
from fractalctl.measures.hits import pack_hits, unpack_hits
from fractalctl.measures.steerability import MEASURES, accuracies, estimate

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


def random_hits(queries: int) -> np.ndarray:
    return np.random.default_rng(1).random((queries, 4, 2)) < ACCURACY


def test_intervals_hold_the_estimate_and_narrow_with_queries() -> None:
    widths = []
    for queries in (100, 10_000):
        found = estimate(random_hits(queries))
        for name, one in found.items():
            assert one.low <= one.high
            if name != "S_mono":
                assert one.low <= one.value <= one.high
        widths.append(found["S"].high - found["S"].low)
    assert widths[1] < widths[0] / 5


def test_bootstrap_interval_agrees_with_the_normal_one() -> None:
    hits = random_hits(4000)
    found = estimate(hits)["S"]
    per_query = (hits[:, 0, 0] * 1.0 - hits[:, -1, 0]) + (hits[:, -1, 1] * 1.0 - hits[:, 0, 1])
    half = 1.96 * per_query.std() / np.sqrt(len(hits))
    assert found.value == pytest.approx(per_query.mean())
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.1 * half)


def test_bootstrap_is_repeatable() -> None:
    hits = random_hits(200)
    assert estimate(hits) == estimate(hits)
    assert estimate(hits, seed=1)["S"] != estimate(hits)["S"]


@given(arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(2, 4))))
def test_packed_hits_come_back(hits: np.ndarray) -> None:
    assert (unpack_hits(pack_hits(hits)) == hits).all()
    assert (accuracies(hits) == hits.mean(axis=0)).all()


def test_damaged_hits_are_refused() -> None:
    packed = pack_hits(random_hits(10))
    with pytest.raises(FractalError, match="damaged"):
        unpack_hits({**packed, "data": "%%%"})
    with pytest.raises(FractalError, match="hold 10 bytes, but shape"):
        unpack_hits({**packed, "shape": [11, 4, 2]})
