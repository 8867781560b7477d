import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from store import FeatureSet, FeatureStore
from store.errors import StoreError, StoreRequestError
from tests.store.example import BLOCK_ROWS, DIMENSION, contents, encode, make, recipe


def aged(features: FeatureSet, seconds: int) -> FeatureSet:
    os.utime(features.path, (seconds, seconds))
    return features


def begin(store: FeatureStore, n_blocks: int, **changes) -> Path:
    """A set whose writing stops after some blocks."""
    with store.writer(recipe(**changes)) as writer:
        draft = writer.draft(contents(), DIMENSION, block_rows=BLOCK_ROWS)
        for block in draft.missing_blocks()[:n_blocks]:
            draft.write_block(block, encode(block))
    return writer.path


def test_a_store_that_is_not_there_is_empty(tmp_path: Path):
    store = FeatureStore(tmp_path / "none")
    assert (store.sets(), store.unfinished(), store.select()) == ([], [], [])
    assert store.find(recipe()) is None
    with pytest.raises(
        StoreRequestError, match=r"no feature set in .*none; make one with fractalctl featurize"
    ):
        store.resolve()
    assert not store.folder.exists()


def test_a_set_is_found_by_its_recipe_alone(store: FeatureStore, features: FeatureSet):
    assert store.find(recipe()).path == features.path == store.path_for(recipe())
    assert store.find(recipe(observed={"seen": "elsewhere"})).path == features.path
    assert store.find(recipe(backbone_identity={"pooling": "cls"})) is None


def test_a_set_is_found_whatever_its_file_is_called(store: FeatureStore, features: FeatureSet):
    features.path.rename(features.path.with_name("renamed.h5"))
    assert store.find(recipe()).name == "renamed"
    with store.writer(recipe()) as writer:
        assert writer.finished.name == "renamed"


def test_another_recipe_of_the_same_names_gets_a_file_of_its_own(store: FeatureStore, features: FeatureSet):
    changed = {"backbone_identity": {"pooling": "cls"}}
    other = make(store.folder, **changed)
    assert other.name == f"sum-{recipe(**changed).identity()[:8]}"
    assert store.find(recipe()).path == features.path
    assert store.find(recipe(**changed)).path == other.path


def test_an_unfinished_set_keeps_its_name(store: FeatureStore):
    path = begin(store, 2)
    assert path == store.path_for(recipe())
    assert path != store.path_for(recipe(backbone_identity={}))
    assert store.unfinished() == [path]
    assert make(store.folder).path == path
    assert store.unfinished() == []


def test_a_writer_that_makes_no_block_leaves_nothing(store: FeatureStore):
    with pytest.raises(ZeroDivisionError), store.writer(recipe()):
        raise ZeroDivisionError  # as when the corpus cannot be loaded
    assert store.unfinished() == []
    assert store.path_for(recipe(backbone_identity={})).name == "sum.h5"


def test_blocks_are_kept_only_for_the_same_encoder(store: FeatureStore):
    begin(store, 2)
    with store.writer(recipe()) as writer:
        same = writer.draft(contents(), DIMENSION, block_rows=BLOCK_ROWS)
        assert len(same.missing_blocks()) == len(same.parts.blocks()) - 2
        for observed, dimension in (({"weights": "other"}, DIMENSION), ({}, DIMENSION + 1)):
            draft = writer.draft(contents(), dimension, observed, block_rows=BLOCK_ROWS)
            assert draft.missing_blocks() == draft.parts.blocks()


def test_publishing_with_a_block_missing_is_refused(store: FeatureStore):
    with store.writer(recipe()) as writer:
        draft = writer.draft(contents(), DIMENSION, block_rows=BLOCK_ROWS)
        for block in draft.missing_blocks()[1:]:
            draft.write_block(block, encode(block))
        with pytest.raises(StoreError, match=r"train-000000000-000000008\.part: missing or damaged"):
            draft.publish()
        assert not writer.path.exists()
        assert len(draft.missing_blocks()) == 1


def test_a_split_that_the_recipe_does_not_name_is_refused(store: FeatureStore):
    with (
        store.writer(recipe(splits=("train",))) as writer,
        pytest.raises(StoreRequestError, match="split 'test' is none"),
    ):
        writer.draft(contents(), DIMENSION)


def test_blocks_left_over_beside_a_finished_set_go_at_the_next_look_up(
    store: FeatureStore, features: FeatureSet
):
    leftovers = features.path.with_name("sum.h5.parts")
    leftovers.mkdir()
    (leftovers / "train-000000000-000000008.part").write_bytes(b"old")
    assert store.unfinished() == []
    assert store.find(recipe()) is not None
    assert not leftovers.exists()


def test_sets_come_newest_first_and_damaged_ones_are_told(store: FeatureStore):
    old = aged(make(store.folder), 1000)
    new = aged(make(store.folder, corpus="animals"), 2000)
    (store.folder / "nature" / "broken.h5").write_text("text")
    damaged: list[StoreError] = []
    assert [one.path for one in store.sets(damaged.append)] == [new.path, old.path]
    assert [str(error) for error in damaged] == [
        f"{store.folder}/nature/broken.h5: not an HDF5 file; a feature set is made by fractalctl featurize"
    ]
    assert store.find(recipe()).path == old.path


def test_names_are_resolved(store: FeatureStore):
    first = aged(make(store.folder), 1000)
    second = aged(make(store.folder, backbone_identity={"pooling": "cls"}), 3000)
    third = aged(make(store.folder, corpus="animals"), 2000)
    assert store.resolve().path == second.path
    assert store.resolve("nature").path == second.path
    assert store.resolve("animals").path == store.resolve(Path("animals")).path == third.path
    assert store.resolve("nature/sum").path == first.path
    assert store.resolve(store.name_of(second.path)).path == second.path
    assert store.resolve(third.path).path == store.resolve(str(third.path)).path == third.path
    first.path.unlink()
    assert store.resolve("nature/sum").path == second.path
    with pytest.raises(
        StoreRequestError, match=f"no feature set 'none' in .*; there is animals/sum, nature/{second.name}"
    ):
        store.resolve("none")


def test_a_damaged_set_that_is_asked_for_by_name_is_explained(store: FeatureStore, features: FeatureSet):
    features.path.write_text("text")
    with pytest.raises(StoreError, match=r"sum\.h5: not an HDF5 file"):
        store.resolve("nature/sum")


def test_a_damaged_set_is_not_in_the_way(store: FeatureStore, features: FeatureSet):
    features.path.write_text("text")
    again = make(store.folder)
    assert again.name == f"sum-{recipe().identity()[:8]}"


def test_selecting_covers_what_cannot_be_read(store: FeatureStore, features: FeatureSet):
    features.path.write_text("text")
    other = begin(store, 1, corpus="animals")
    assert store.select() == [features.path]
    assert store.select(unfinished=True) == [other, features.path]
    assert store.select("animals", unfinished=True) == store.select("animals/sum", unfinished=True) == [other]
    with pytest.raises(StoreRequestError, match="no feature set 'animals'"):
        store.select("animals")


def test_removing(store: FeatureStore, features: FeatureSet):
    unfinished = begin(store, 1, corpus="animals")
    store.remove(features.path)
    store.remove(unfinished)
    assert (store.sets(), store.unfinished()) == ([], [])
    with pytest.raises(
        StoreRequestError, match=r"sum\.h5: no feature set of the store .*; nothing is removed"
    ):
        store.remove(features.path)


@pytest.mark.parametrize(
    "path", ["nature/../../outside.h5", "../outside.h5", "nature/sum.h5.lock", "outside.h5"]
)
def test_only_sets_of_the_store_can_be_removed(store: FeatureStore, features: FeatureSet, path: str):
    shutil.copy(features.path, store.folder.parent / "outside.h5")
    with pytest.raises(StoreRequestError, match="nothing is removed"):
        store.remove(store.folder / path)
    assert (store.folder.parent / "outside.h5").exists()


def test_a_set_that_is_being_written_is_not_removed(store: FeatureStore, features: FeatureSet):
    with (
        FileLock(f"{features.path}.lock"),
        pytest.raises(StoreError, match="a process is writing it just now"),
    ):
        store.remove(features.path)
    assert features.path.exists()


def test_a_store_that_nobody_names_is_the_one_of_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRACTALCTL_STORE", str(tmp_path / "mine"))
    assert FeatureStore().folder == tmp_path / "mine"
    monkeypatch.delenv("FRACTALCTL_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert FeatureStore().folder.is_relative_to(tmp_path) == (os.name == "posix")
    assert FeatureStore().folder.name == "store"
