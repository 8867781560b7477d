"""Pairs of levels against plain arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as draw
from hypothesis.extra.numpy import arrays

from fractalctl.measures.levels import gains, level_measures, monotone_zoom, pairwise_steerability
from fractalctl.measures.steerability import steerability

TABLES = draw.integers(2, 5).flatmap(
    lambda levels: arrays(np.float64, (4, levels), elements=draw.floats(0, 1, width=32))
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
    assert found["gains"] == pytest.approx({"L0": -0.1, "L1": 0.2})
    assert found["pairwise"] == pytest.approx({"S_01": 0.3})
    assert found["monotone_zoom"] == 1.0
