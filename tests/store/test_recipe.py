import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import Recipe, safe_name
from store.errors import StoreRequestError
from store.recipe import check_name
from tests.store.example import recipe

names = st.from_regex(r"[a-z][a-z0-9._-]{0,8}[a-z0-9]", fullmatch=True)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
objects = st.dictionaries(st.text(), values, max_size=4)
recipes = st.builds(
    Recipe,
    corpus=names,
    corpus_identity=objects,
    backbone=names,
    backbone_identity=objects,
    splits=st.lists(st.sampled_from(["train", "validation", "test"]), unique=True).map(tuple),
    observed=objects,
)


def reordered(value):
    """The same JSON value with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(recipes, recipes)
def test_identities_are_equal_exactly_when_the_identifying_parts_are(one: Recipe, other: Recipe):
    def identifying(recipe: Recipe) -> str:
        return json.dumps({**recipe.document(), "observed": None}, sort_keys=True)

    assert (one.identity() == other.identity()) == (identifying(one) == identifying(other))


@given(recipes, objects)
def test_what_was_observed_does_not_identify(one: Recipe, observed: dict):
    assert replace(one, observed=observed).identity() == one.identity()


@given(recipes)
def test_the_order_of_keys_does_not_matter(one: Recipe):
    assert Recipe.from_document(reordered(one.document())).identity() == one.identity()


@given(recipes)
def test_a_recipe_survives_being_written_as_json(one: Recipe):
    again = Recipe.from_document(json.loads(json.dumps(one.document())))
    assert (again, again.identity()) == (one, one.identity())


@pytest.mark.parametrize(
    "change",
    [
        {"corpus": "other"},
        {"corpus_identity": {"source": "here", "options": {"max_train": 28, "seed": 42}}},
        {"backbone": "other"},
        {"backbone_identity": {"pooling": "cls", "dtype": "float32"}},
        {"backbone_identity": {"pooling": "mean"}},
        {"splits": ("train", "test")},
    ],
)
def test_any_change_of_an_identifying_field_changes_the_identity(change: dict):
    assert recipe(**change).identity() != recipe().identity()


def test_the_identity_is_known_forever():
    """Changing how identities are made would orphan every feature set; this number may not change."""
    assert recipe().identity() == "f04f3b631417ec3afa641533d03d10ad0f9e72d37cfb28428f7242d740dfc466"


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/b", "a\\b", "../a", "a b", "a:b", ".hidden", "a.", "a" * 101, "a\n"),
        *("e\u0301", "\u0301", "☃", "\ud800"),
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(name: str):
    with pytest.raises(StoreRequestError, match="cannot be a file name"):
        recipe(corpus=name)
    with pytest.raises(StoreRequestError, match="cannot be a file name"):
        recipe(backbone=name)
    with pytest.raises(StoreRequestError, match="cannot be a file name"):
        recipe(splits=(name,))


@given(st.text())
def test_safe_name_gives_a_name_that_is_accepted(text: str):
    assert check_name("backbone", safe_name(text)) == safe_name(safe_name(text))


def test_a_split_cannot_take_the_place_of_the_levels():
    with pytest.raises(StoreRequestError, match="cannot be called 'levels'"):
        recipe(splits=("levels",))


@pytest.mark.parametrize("value", [float("nan"), Path("here"), {1, 2}, b"bytes"])
def test_only_json_values_can_identify(value: object):
    with pytest.raises(StoreRequestError, match="JSON values only"):
        recipe(corpus_identity={"value": value})


def test_a_recipe_too_long_for_the_file_is_refused_before_anything_is_encoded():
    with pytest.raises(StoreRequestError, match="longer than 60000 characters"):
        replace(recipe(), observed={"files": ["x" * 64] * 1000})
