import random
from pathlib import Path

import h5py
import pytest

from store import FeatureSet, verify
from store.errors import ChangedError, StoreError, StoreRequestError
from store.layout import SEAL_BYTES

DATASETS = ("train/features", "test/features", "train/labels", "train/ids", "test/texts", "test/text_ends",
            "levels/1/parents", "levels/0/names")  # fmt: skip


def flip(path: Path, content: bytes, position: int, bits: int = 1) -> None:
    path.write_bytes(content[:position] + bytes([content[position] ^ bits]) + content[position + 1 :])


def test_a_published_set_is_intact(features: FeatureSet):
    verify(features.path)


def test_any_flipped_byte_is_found(features: FeatureSet):
    """Bytes all over the file: seal, superblock, attributes, trees, texts, features, gaps between them."""
    content, generator = features.path.read_bytes(), random.Random(42)
    positions = {0, 70, 200, SEAL_BYTES - 1, SEAL_BYTES, SEAL_BYTES + 8, SEAL_BYTES + 60, len(content) - 1}
    positions.update(generator.sample(range(len(content)), 400))
    for position in positions:
        flip(features.path, content, position, generator.randint(1, 255))
        with pytest.raises(StoreError, match=r"sum\.h5: "):
            verify(features.path)
    features.path.write_bytes(content)
    verify(features.path)


def positions_of(path: Path) -> dict[str, int]:
    """A byte in the middle of each dataset."""
    found = {}
    with h5py.File(path) as file:
        for name in DATASETS:
            found[name] = file[name].id.get_offset() + file[name].nbytes // 2
    return found


def test_the_dataset_that_changed_is_named(features: FeatureSet):
    content = features.path.read_bytes()
    for name, position in positions_of(features.path).items():
        flip(features.path, content, position)
        with pytest.raises(
            ChangedError, match=rf"sum\.h5: changed since it was written: {name}; remove"
        ) as caught:
            verify(features.path)
        assert caught.value.changed == (name,)


def test_a_change_outside_of_the_datasets_is_told_as_such(features: FeatureSet):
    with h5py.File(features.path, "r+") as file:
        file.attrs["note"] = "added later"
    with pytest.raises(ChangedError, match="its attributes or structure"):
        verify(features.path)


def test_a_change_made_with_h5py_is_found(features: FeatureSet):
    with h5py.File(features.path, "r+") as file:
        file["train/labels"][0, 0] = 1
    with pytest.raises(ChangedError, match="train/labels"):
        verify(features.path)


@pytest.mark.parametrize("length", [0, 100, SEAL_BYTES, SEAL_BYTES + 700, -1])
def test_a_truncated_file_is_found(features: FeatureSet, length: int):
    features.path.write_bytes(features.path.read_bytes()[:length])
    with pytest.raises(StoreError, match=r"sum\.h5: "):
        verify(features.path)


def test_bytes_added_at_the_end_are_found(features: FeatureSet):
    with features.path.open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(ChangedError, match="attributes or structure"):
        verify(features.path)


def test_no_such_file(tmp_path: Path):
    with pytest.raises(StoreRequestError, match="no such feature set"):
        verify(tmp_path / "none.h5")


def test_the_seal_can_be_checked_with_common_tools(features: FeatureSet):
    from hashlib import sha256

    content = features.path.read_bytes()
    assert content.split(b"\n")[2].decode() == sha256(content[SEAL_BYTES:]).hexdigest()
