"""Label trees against plain counting, and the message for classes under two parents."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from fractalctl.corpora import OnConflict
from fractalctl.corpora.tree import LabelTree, entropy_bits, grow_tree
from fractalctl.errors import RequestError

LETTERS = st.text("abc", min_size=1, max_size=2)


@st.composite
def corpora_of_paths(draw: st.DrawFn) -> tuple[int, list[tuple[str, ...]]]:
    depth = draw(st.integers(2, 4))
    return depth, draw(st.lists(st.tuples(*[LETTERS] * depth), min_size=1, max_size=60))


def grown(
    paths: list[tuple[str, ...]], on_conflict: OnConflict
) -> tuple[LabelTree, dict[tuple[str, ...], int]]:
    places = {path: f"row {number}" for number, path in reversed(list(enumerate(paths)))}
    return grow_tree(places, [f"level{number}" for number in range(len(paths[0]))], on_conflict)


@settings(max_examples=60)
@given(corpora_of_paths())
def test_a_tree_holds_every_path_and_its_entropies_are_those_of_scipy(
    drawn: tuple[int, list[tuple[str, ...]]],
) -> None:
    depth, paths = drawn
    tree, ids = grown(paths, OnConflict.QUALIFY)
    prefixes = [sorted({path[: level + 1] for path in paths}) for level in range(depth)]
    assert tree.depth == depth
    assert tree.class_counts == tuple(map(len, prefixes))
    assert tree.branching == tuple(len(finer) / len(coarser) for coarser, finer in pairwise(prefixes))
    labels = tree.lineage(np.array([ids[path] for path in paths], np.int32))
    assert labels.shape == (len(paths), depth)
    assert labels.dtype == np.int32
    for row, path in zip(labels, paths, strict=True):
        assert [prefixes[level][number] for level, number in enumerate(row)] == [
            path[: i + 1] for i in range(depth)
        ]
    joint = [entropy(np.bincount(column), base=2) for column in labels.T]
    expected = [joint[0], *(finer - coarser for coarser, finer in pairwise(joint))]
    np.testing.assert_allclose(tree.entropies(labels), expected, atol=1e-12)


@settings(max_examples=60)
@given(corpora_of_paths())
def test_names_are_unique_at_every_level_once_qualified(drawn: tuple[int, list[tuple[str, ...]]]) -> None:
    _, paths = drawn
    tree, ids = grown(paths, OnConflict.QUALIFY)
    for names in tree.names:
        assert len(set(names)) == len(names)
    for path, number in ids.items():
        assert tree.paths[number][-1] in (path[-1], " > ".join(path))


@settings(max_examples=60)
@given(corpora_of_paths())
def test_a_tree_is_refused_exactly_when_a_name_has_two_paths(
    drawn: tuple[int, list[tuple[str, ...]]],
) -> None:
    depth, paths = drawn
    prefixes = [{path[: level + 1] for path in paths} for level in range(depth)]
    conflict = any(len({prefix[-1] for prefix in level}) < len(level) for level in prefixes)
    if conflict:
        with pytest.raises(RequestError, match="stand"):
            grown(paths, OnConflict.ERROR)
    else:
        tree, _ = grown(paths, OnConflict.ERROR)
        assert all(
            name in {path[level] for path in paths}
            for level, names in enumerate(tree.names)
            for name in names
        )


def test_children_of_a_class_have_consecutive_ids() -> None:
    tree, ids = grown([("b", "x"), ("a", "z"), ("b", "w"), ("a", "y")], OnConflict.ERROR)
    assert tree.names == (("a", "b"), ("y", "z", "w", "x"))
    assert [list(parents) for parents in tree.parents] == [[0, 0, 1, 1]]
    assert ids == {("a", "y"): 0, ("a", "z"): 1, ("b", "w"): 2, ("b", "x"): 3}


def test_a_class_under_two_parents_is_shown_with_its_parents_and_places() -> None:
    paths = [("rivers", "bank"), ("money", "loan"), ("money", "bank")]
    with pytest.raises(RequestError) as caught:
        grown(paths, OnConflict.ERROR)
    problem, offender, remedy = str(caught.value).splitlines()
    assert problem == (
        "of level 'level1', one class stands under more than one class of level 'level0', "
        "and each must stand under exactly one:"
    )
    assert offender == "  'bank' under 'money' (row 2) and 'rivers' (row 0)"
    assert remedy == (
        "Correct the labels, or let such classes be named by their full path ('money > bank') "
        "with --on-conflict qualify."
    )


def test_only_the_first_offenders_are_listed() -> None:
    paths = [(parent, f"class {number}") for parent in "ab" for number in range(8)]
    with pytest.raises(RequestError, match=r"8 classes stand under more than one class(.|\n)*and 3 more"):
        grown(paths, OnConflict.ERROR)


def test_what_stands_below_a_qualified_class_is_told_apart_too() -> None:
    tree, _ = grown([("a", "other", "x"), ("b", "other", "x"), ("b", "own", "y")], OnConflict.QUALIFY)
    assert tree.names[1] == ("a > other", "b > other", "own")
    assert tree.names[2] == ("a > other > x", "b > other > x", "y")


def test_one_level_makes_no_tree() -> None:
    with pytest.raises(RequestError, match="at least two levels, not just 'topic'"):
        grow_tree({("a",): "row 1"}, ["topic"])


def test_entropy_of_a_certain_outcome_is_zero_and_positive_zero() -> None:
    assert str(entropy_bits(np.array([7, 0]))) == "0.0"
    assert entropy_bits(np.array([1, 1, 2])) == 1.5
