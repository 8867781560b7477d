import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import Block, Parts
from store.errors import StoreError, StoreRequestError
from tests.store.example import CLASS_NAMES, DIMENSION, PARENTS, contents, encode, splits


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


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path, "stamp", DIMENSION, (("train", 20), ("test", 3)), block_rows=8)


def part_of(parts: Parts, block: Block) -> Path:
    (path,) = parts.folder.glob(f"{block.split}-*{block.start:03d}-*.part")
    return path


@given(st.lists(st.integers(1, 50), min_size=1, max_size=3), st.integers(1, 20))
def test_blocks_cover_every_row_once(sizes: list[int], block_rows: int):
    n_rows = tuple((f"split{number}", size) for number, size in enumerate(sizes))
    parts = Parts(Path(), "", 1, n_rows, block_rows)
    for split, size in n_rows:
        blocks = parts.blocks(split)
        assert [row for block in blocks for row in range(size)[block.rows]] == list(range(size))
        assert all(len(block) == block_rows for block in blocks[:-1])
    assert parts.blocks() == [block for split, _ in n_rows for block in parts.blocks(split)]


def test_blocks_are_written_in_any_order_and_read_back(parts: Parts):
    for block in reversed(parts.blocks()):
        parts.write_block(block, encode(block))
    assert parts.missing_blocks() == []
    for block in parts.blocks():
        assert np.array_equal(parts.read_block(block), encode(block))


def test_writing_a_block_again_changes_nothing(parts: Parts):
    block = parts.blocks()[0]
    parts.write_block(block, encode(block))
    before = part_of(parts, block).read_bytes()
    parts.write_block(block, encode(block))
    assert part_of(parts, block).read_bytes() == before
    assert len(list(parts.folder.iterdir())) == 1


def test_parts_can_be_sent_to_another_process(parts: Parts):
    assert pickle.loads(pickle.dumps(parts)) == parts
    assert len(pickle.dumps(parts)) < 500


def test_wider_floats_are_kept_as_float32(parts: Parts):
    block = parts.blocks()[0]
    parts.write_block(block, encode(block).astype(np.float64))
    assert np.array_equal(parts.read_block(block), encode(block))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "stale", "foreign", "longer", "empty"])
def test_a_part_that_is_not_what_was_written_is_made_again(parts: Parts, damage: str):
    first, second, *_ = parts.blocks()
    parts.write_block(first, encode(first))
    path = part_of(parts, first)
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:-1])
    elif damage == "flipped":
        path.write_bytes(content[:60] + bytes([content[60] ^ 1]) + content[61:])
    elif damage == "longer":
        path.write_bytes(content + b"x")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "foreign":  # a whole part, but of other rows
        parts.write_block(second, encode(second))
        path.write_bytes(part_of(parts, second).read_bytes())
    else:  # a whole part, but of another draft
        Parts(parts.folder, "other", DIMENSION, parts.n_rows, 8).write_block(first, encode(first))
    assert first in parts.missing_blocks()
    with pytest.raises(StoreError, match=r"train-000000000-000000008\.part: missing or damaged"):
        parts.read_block(first)
    parts.write_block(first, encode(first))
    assert first not in parts.missing_blocks()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_refused_with_its_row(parts: Parts, value: float):
    block = parts.blocks()[1]
    features = encode(block).astype(np.float64)
    features[3, 2] = value
    with pytest.raises(
        StoreError, match=r"row 11 of split 'train' are not finite \(-?(nan|inf) at dimension 2\)"
    ):
        parts.write_block(block, features)
    assert block in parts.missing_blocks()


def test_a_wrong_shape_is_refused_with_both_shapes(parts: Parts):
    with pytest.raises(
        StoreRequestError, match=r"rows 0 to 8 of split 'train' need .* \(8, 6\), got \(7, 6\)"
    ):
        parts.write_block(parts.blocks()[0], np.zeros((7, 6)))
