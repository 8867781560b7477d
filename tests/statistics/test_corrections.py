"""Corrections against their definitions and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractalctl.errors import RequestError
from fractalctl.statistics import CORRECTIONS, adjust
from fractalctl.statistics.corrections import family_names

families = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def by_definition(p: list[float], correction: str) -> list[float]:
    """Adjusted p values from the formulas: over the sorted ones, the running extreme of p times a factor."""
    m, order = len(p), sorted(range(len(p)), key=p.__getitem__)
    harmonic = sum(1 / i for i in range(1, m + 1))
    factors = {
        "bonferroni": [m] * m,
        "holm": range(m, 0, -1),
        "hochberg": range(m, 0, -1),
        "bh": [m / i for i in range(1, m + 1)],
        "by": [harmonic * m / i for i in range(1, m + 1)],
    }[correction]
    stepped = [p[i] * factor for i, factor in zip(order, factors, strict=True)]
    down = correction in ("bonferroni", "holm")
    extremes = [max(stepped[: i + 1]) if down else min(stepped[i:]) for i in range(m)]
    return [min(1.0, extremes[order.index(i)]) for i in range(m)]


@given(families)
@settings(max_examples=80)
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_equals_its_definition(correction: str, p_values: list[float]):
    assert adjust(p_values, correction) == pytest.approx(by_definition(p_values, correction))


@given(families)
@settings(max_examples=80)
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_is_monotone_and_never_below_the_raw_p(correction: str, p_values: list[float]):
    adjusted = adjust(p_values, correction)
    assert all(raw - 1e-15 <= p <= 1 for raw, p in zip(p_values, adjusted, strict=True))
    in_order = [adjusted[i] for i in np.argsort(p_values, kind="stable")]
    assert in_order == sorted(in_order)


@given(families, st.randoms())
@settings(max_examples=40)
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_order_changes_nothing(correction: str, p_values: list[float], random):
    order = random.sample(range(len(p_values)), len(p_values))
    shuffled = adjust([p_values[i] for i in order], correction)
    expected = adjust(p_values, correction)
    assert shuffled == pytest.approx([expected[i] for i in order])


@given(families)
@settings(max_examples=40)
def test_strength(p_values: list[float]):
    by_name = {name: np.array(adjust(p_values, name)) for name in CORRECTIONS}
    assert (by_name["holm"] <= by_name["bonferroni"] + 1e-15).all()
    assert (by_name["hochberg"] <= by_name["holm"] + 1e-15).all()
    assert (by_name["bh"] <= by_name["hochberg"] + 1e-15).all()
    assert (by_name["bh"] <= by_name["by"] + 1e-15).all()


def test_a_missing_p_is_no_member():
    assert adjust([0.01, None, 0.02], "holm") == [0.02, None, 0.02]
    assert adjust([None, None], "bh") == [None, None]
    assert adjust([], "by") == []


def test_wrong_requests():
    with pytest.raises(RequestError, match="no correction 'sidak'; there are holm, bonferroni"):
        adjust([0.1], "sidak")
    with pytest.raises(RequestError, match=r"lie between 0 and 1, found 0\.1 to 1\.2"):
        adjust([0.1, 1.2], "holm")
    with pytest.raises(RequestError, match=r"lie between 0 and 1, found -0\.5 to 0\.1"):
        adjust([0.1, -0.5], "holm")
    with pytest.raises(RequestError, match="p values: value 1 of 1 is nan"):
        adjust([float("nan")], "holm")


MEMBERS = [("clinc", "minilm", "v5", "mrl"), ("clinc", None, "v5", "uhmt"), ("trec", "e5", "v5", "uhmt")]


@pytest.mark.parametrize(
    ("families", "names"),
    [
        (["pair"], ["v5 vs mrl", "v5 vs uhmt", "v5 vs uhmt"]),
        (["corpus"], ["clinc", "clinc", "trec"]),
        (["corpus-pair"], ["clinc, v5 vs mrl", "clinc, v5 vs uhmt", "trec, v5 vs uhmt"]),
        (["backbone"], ["minilm", "unnamed backbone", "e5"]),
        (["all"], ["all", "all", "all"]),
        (["main=v5"], ["main", "main", "main"]),
        (["one=mrl, no-prefix,", "other=uhmt"], ["one", "other", "other"]),
    ],
)
def test_what_is_corrected_together(families: list[str], names: list[str]):
    assert family_names(MEMBERS, families) == names


@pytest.mark.parametrize(
    ("families", "message"),
    [
        (["=v5"], "--family '=v5': expected pair, corpus"),
        (["main="], "--family 'main=': expected"),
        (["mainv5"], "--family 'mainv5': expected"),
        (["corpus", "pair"], "--family 'corpus': expected"),
        (["one=v5", "other=mrl"], "v5 vs mrl on clinc belongs to one and other"),
        (["one=mrl", "two=no-prefix"], "v5 vs uhmt on clinc belongs to none of one, two"),
    ],
)
def test_families_that_cannot_be(families: list[str], message: str):
    with pytest.raises(RequestError, match=message):
        family_names(MEMBERS, families)
