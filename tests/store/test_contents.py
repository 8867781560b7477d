from types import SimpleNamespace

import numpy as np
import pytest

from store.errors import StoreRequestError
from tests.store.example import CLASS_NAMES, PARENTS, contents, splits


def with_rows(**changes):
    """The example's contents, one field of its test split changed by a function."""
    made = splits()
    rows = made["test"]
    made["test"] = SimpleNamespace(
        **{**vars(rows), **{key: change(getattr(rows, key)) for key, change in changes.items()}}
    )
    return made


def label(row: int, *classes: int):
    def change(labels: np.ndarray) -> np.ndarray:
        labels[row] = classes
        return labels

    return change


def item(row: int, text: str):
    return lambda texts: [*texts[:row], text, *texts[row + 1 :]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": lambda texts: texts[1:]}, r"'test' has 9 texts, int32 labels of shape \(10, 2\)"),
        ({"ids": lambda ids: ids[1:]}, r"10 texts, .* and 9 ids; expected \(10, 2\) integers and 10 ids"),
        ({"labels": lambda labels: labels[:, 0]}, r"labels of shape \(10,\)"),
        ({"labels": lambda labels: labels.astype(float)}, "float64 labels"),
        ({"texts": lambda _: []}, "split 'test' has no rows; leave it out"),
        ({"labels": label(3, 1, 6)}, "split 'test', row 3: class 6 at level 1, whose classes are 0 to 5"),
        ({"labels": label(4, -1, 2)}, "split 'test', row 4: class -1 at level 0, whose classes are 0 to 2"),
        ({"labels": label(5, 0, 2)}, "'test', row 5: its class at level 1 does not belong to its class"),
    ],
)  # fmt: skip
def test_rows_that_disagree_are_refused(changes: dict, message: str):
    with pytest.raises(StoreRequestError, match=message):
        contents(splits=with_rows(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": item(7, "bad \ud800")}, "texts of test, row 7: 'bad .* holds an unpaired surrogate"),
        ({"ids": item(2, "a\0")}, "ids of test, row 2: 'a.* holds a NUL"),
    ],
)
def test_strings_that_cannot_be_stored_are_refused_before_anything_is_encoded(changes: dict, message: str):
    with pytest.raises(StoreRequestError, match=message):
        contents(splits=with_rows(**changes)).fingerprint()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": {}}, "at least one split"),
        ({"class_names": CLASS_NAMES[1:], "parents": []}, "two levels or more.*got 1 levels and 0 tables"),
        ({"parents": []}, "got 2 levels and 0 tables"),
        ({"parents": [PARENTS[1:]]}, "one parent among the 3 classes of level 0 for each of its 6 classes"),
        ({"parents": [PARENTS + 1]}, "one parent among the 3 classes"),
        ({"parents": [PARENTS * 0.5]}, "one parent among the 3 classes"),
    ],
)
def test_a_tree_that_is_none_is_refused(changes: dict, message: str):
    with pytest.raises(StoreRequestError, match=message):
        contents(**changes)


@pytest.mark.parametrize(
    "changes", [{"labels": label(3, 2, 5)}, {"ids": item(0, "other")}, {"texts": item(9, "other")}]
)
def test_every_column_enters_the_fingerprint(changes: dict):
    assert contents(splits=with_rows(**changes)).fingerprint() != contents().fingerprint()


def test_the_fingerprint_sees_where_one_text_ends():
    one = contents(splits=with_rows(texts=lambda texts: ["ab", "c", *texts[2:]]))
    other = contents(splits=with_rows(texts=lambda texts: ["a", "bc", *texts[2:]]))
    assert one.fingerprint() != other.fingerprint()


def test_the_order_of_splits_does_not_matter():
    backwards = dict(reversed(splits().items()))
    assert contents(splits=backwards).fingerprint() == contents().fingerprint()
