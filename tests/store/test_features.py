import errno
import fcntl
import json
import pickle
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from store import Block, Contents, FeatureSet, FeatureStore, verify
from store.errors import StoreError, StoreRequestError
from store.layout import ENCODING_VERSION
from tests.store.example import (
    BLOCK_ROWS,
    CLASS_NAMES,
    DIMENSION,
    PARENTS,
    SPLITS,
    contents,
    encode,
    make,
    recipe,
    splits,
)


def test_everything_comes_back(features: FeatureSet):
    assert (features.corpus, features.backbone, features.name) == ("nature", "sum", "sum")
    assert features.identity == recipe().identity()
    assert (features.splits, features.dimension, features.n_levels) == (("train", "test"), DIMENSION, 2)
    assert features.class_names == CLASS_NAMES
    assert [parents.tolist() for parents in features.parents] == [PARENTS.tolist()]
    for split, rows in splits().items():
        assert features.n_rows(split) == SPLITS[split]
        assert features.texts(split) == rows.texts
        assert features.ids(split) == rows.ids
        assert np.array_equal(features.labels(split), rows.labels)
        assert features.labels(split).dtype == np.int32
    assert "train 27, test 10 rows of 6" in repr(features)


def test_three_levels_and_awkward_texts_come_back(store: FeatureStore):
    texts, ids = ["", "\0", "a\n\r\x1a", "😀" * 5000], ["", "ü", "a b", "x" * 300]
    rows = SimpleNamespace(
        texts=texts, labels=np.array([[0, 0, 0], [0, 1, 2], [0, 1, 1], [0, 0, 0]]), ids=ids
    )
    names, parents = (("a",), ("b", "c"), ("d", "e", "f")), [np.array([0, 0]), np.array([0, 1, 1])]
    with store.writer(recipe()) as writer:
        draft = writer.draft(Contents({"test": rows}, names, parents), 1)
        (block,) = draft.missing_blocks()
        draft.write_block(block, np.ones((4, 1)))
        features = draft.publish()
    assert features.splits == ("test",)
    assert features.texts("test") == rows.texts
    assert features.texts("test", [3, 0, 3]) == [rows.texts[3], "", rows.texts[3]]
    assert features.ids("test") == rows.ids
    assert features.class_names == names
    assert [table.tolist() for table in features.parents] == [[0, 0], [0, 1, 1]]
    verify(features.path)


def test_nothing_but_empty_texts_can_be_stored(store: FeatureStore):
    made = splits()
    for rows in made.values():
        rows.texts[:] = [""] * len(rows.texts)
    with store.writer(recipe()) as writer:
        draft = writer.draft(contents(splits=made), DIMENSION)
        for block in draft.missing_blocks():
            draft.write_block(block, encode(block))
        features = draft.publish()
    assert features.texts("train") == [""] * SPLITS["train"]
    verify(features.path)


def test_features_are_a_read_only_map_of_the_file(features: FeatureSet):
    for split, n_rows in SPLITS.items():
        mapped = features.features(split)
        assert isinstance(mapped, np.memmap)
        assert Path(mapped.filename) == features.path
        assert not mapped.flags.writeable
        assert mapped.flags.c_contiguous and mapped.flags.aligned
        assert (mapped.dtype, mapped.shape) == (np.dtype("<f4"), (n_rows, DIMENSION))
        with h5py.File(features.path) as file:
            assert np.array_equal(mapped, file[f"{split}/features"][:])
    assert np.array_equal(features.features("train")[:BLOCK_ROWS], encode(Block("train", 0, BLOCK_ROWS)))


def test_large_features_begin_on_a_page(store: FeatureStore):
    with store.writer(recipe()) as writer:
        draft = writer.draft(contents(), 300)
        for block in draft.missing_blocks():
            draft.write_block(block, np.ones((len(block), 300)))
        features = draft.publish()
    assert features.features("train").offset % 4096 == 0


def test_a_feature_set_can_be_sent_to_another_process(features: FeatureSet):
    again = pickle.loads(pickle.dumps(features))
    assert np.array_equal(again.features("test"), features.features("test"))


def test_the_recipe_holds_what_was_observed(features: FeatureSet):
    observed = features.recipe["observed"]
    assert observed["weights"] == "abc"
    assert observed["rows"] == SPLITS
    assert set(observed["store"]) == {"h5py", "hdf5"}


def test_the_same_set_is_the_same_bytes(features: FeatureSet, tmp_path: Path):
    assert make(tmp_path / "again").path.read_bytes() == features.path.read_bytes()


def test_the_documented_way_to_read_a_file_without_this_package(features: FeatureSet):
    with h5py.File(features.path) as file:
        made = json.loads(file.attrs["recipe"])
        del made["observed"]
        canonical = json.dumps(made, sort_keys=True, separators=(",", ":"))
        assert sha256(canonical.encode()).hexdigest() == file.attrs["identity"].decode()
        assert file["train/ids"].asstr()[3] == "train-3"
        assert file["levels/0/names"].asstr()[:].tolist() == list(CLASS_NAMES[0])
        texts, ends = file["train/texts"][:].tobytes(), file["train/text_ends"][:]
    starts = [0, *ends[:-1]]
    assert [texts[start:end].decode() for start, end in zip(starts, ends, strict=True)] == splits()[
        "train"
    ].texts


def edited(change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return edit


def without(name: str) -> Callable[[Path], None]:
    return edited(lambda file: file.__delitem__(name))


def attribute(name: str, value: str) -> Callable[[Path], None]:
    return edited(lambda file: file.attrs.__setitem__(name, value))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, r"sum\.h5: cut short, as by an interrupted copy; copy it again, or remove it"),
        (lambda path: path.write_text("text"), r"sum\.h5: not an HDF5 file; a feature set is made by"),
        (lambda path: path.write_bytes(b""), r"sum\.h5: (not an HDF5 file|cut short)"),
        (attribute("encoding-type", "anndata"), r"sum\.h5: an HDF5 file, but not a feature set"),
        (edited(lambda file: file.attrs.__delitem__("encoding-type")), r"sum\.h5: an HDF5 file, but not a f"),
        (attribute("encoding-version", "2.0"), r"sum\.h5: .* 2\.0, newer than 1\.0; upgrade fractalctl"),
        (attribute("encoding-version", "0.9"), r"sum\.h5: .* 0\.9, which is no longer read; featurize again"),
        (attribute("identity", "0" * 64), r"sum\.h5: its recipe is damaged"),
        (attribute("recipe", "{"), r"sum\.h5: damaged \(Expecting property name"),
        (without("train/features"), r"sum\.h5: incomplete \(.*features"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_a_feature_set_is_explained(features: FeatureSet, damage, message: str):
    damage(features.path)
    with pytest.raises(StoreError, match=message):
        FeatureSet(features.path)


def test_a_dataset_that_is_missing_is_named_when_it_is_asked_for(features: FeatureSet):
    without("train/ids")(features.path)
    again = FeatureSet(features.path)
    with pytest.raises(StoreError, match=r"sum\.h5: incomplete \(.*'ids'.*\); remove it"):
        again.ids("train")


def test_minor_versions_are_read(features: FeatureSet):
    assert ENCODING_VERSION == "1.0"
    attribute("encoding-version", "1.7")(features.path)
    assert FeatureSet(features.path).dimension == DIMENSION


def test_no_such_file_or_split(features: FeatureSet, tmp_path: Path):
    with pytest.raises(StoreRequestError, match=r"none\.h5: no such feature set"):
        FeatureSet(tmp_path / "none.h5")
    for read in (features.features, features.labels, features.ids, features.texts, features.n_rows):
        with pytest.raises(StoreRequestError, match=r"sum\.h5: no split 'validation'; it has train, test"):
            read("validation")


def test_a_set_that_was_removed_before_its_first_use_is_named(features: FeatureSet):
    features.path.unlink()
    with pytest.raises(StoreRequestError, match=r"sum\.h5: no such feature set"):
        features.labels("train")


def test_readers_need_no_lock_and_no_write_permission(features: FeatureSet):
    features.path.chmod(0o444)
    with features.path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # what HDF5 does in a process that writes
        assert FeatureSet(features.path).texts("test", [1])


def test_a_file_open_in_this_process_is_not_called_damaged(features: FeatureSet):
    with h5py.File(features.path, locking=True), pytest.raises(StoreError, match="open in this process"):
        FeatureSet(features.path)


def test_a_failing_disk_is_not_called_damage(features: FeatureSet, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "…")

    monkeypatch.setattr(h5py, "File", fail)
    with pytest.raises(StoreError, match=r"sum\.h5: cannot be read \(Input/output error\)$"):
        FeatureSet(features.path)


def test_a_copy_elsewhere_is_as_good(features: FeatureSet, tmp_path: Path):
    copy = tmp_path / "copy.h5"
    shutil.copy(features.path, copy)
    verify(copy)
