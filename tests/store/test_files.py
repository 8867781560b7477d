from pathlib import Path
from threading import Thread

import pytest

from store.errors import StoreError, StoreRequestError
from store.files import (
    locked,
    read_json,
    remove_empty,
    replace_folder,
    settle,
    sha256_of,
    write_aside,
    write_json,
)


def test_a_file_appears_whole_in_folders_that_are_made(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "file"
    with write_aside(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), write_aside(path) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_its_order_and_its_letters(tmp_path: Path):
    path = tmp_path / "file.json"
    write_json(path, {"z": 1.5, "a": ["ü", None]})
    assert path.read_text(encoding="utf-8") == '{\n  "z": 1.5,\n  "a": [\n    "ü",\n    null\n  ]\n}\n'
    assert read_json(path) == {"z": 1.5, "a": ["ü", None]}


def test_json_has_no_nan(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_unreadable_json_is_explained(tmp_path: Path):
    path = tmp_path / "file.json"
    with pytest.raises(StoreRequestError, match=r"file\.json: no such file"):
        read_json(path)
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(StoreError, match=r"file\.json: not JSON \(Expecting value, line 2, column 7\)"):
        read_json(path)
    path.write_bytes(b'"\xff"')
    with pytest.raises(StoreError, match=r"file\.json: not UTF-8 text"):
        read_json(path)


def test_checksum_of_a_file(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"__abc")
    assert sha256_of(path, start=2) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_goes_with_its_lock_and_with_nothing_else(tmp_path: Path):
    empty, kept = tmp_path / "empty", tmp_path / "kept"
    for folder in (empty, kept):
        with locked(folder):
            remove_empty(folder)
            assert (folder / ".lock").exists(), "another holds it"
    (kept / "file").write_text("mine")
    for folder in (empty, kept, tmp_path / "never"):
        remove_empty(folder)
    assert sorted(tmp_path.rglob("*")) == [kept, kept / ".lock", kept / "file"]
    (tmp_path / "bare").mkdir()
    remove_empty(tmp_path / "bare")
    assert not (tmp_path / "bare").exists()


def test_a_folder_that_is_just_being_replaced_is_not_put_back(tmp_path: Path, monkeypatch):
    """A reader who comes between the two renames waits, and finds the new one."""
    folder, rename = tmp_path / "seed-1", Path.rename
    for content in ("old", "new"):
        reader = Thread(target=settle, args=[folder])

        def meanwhile(path: Path, target: Path, reader: Thread = reader) -> Path:
            moved = rename(path, target)
            if target.suffix == ".replaced":
                reader.start()
                reader.join(0.3)
            return moved

        monkeypatch.setattr(Path, "rename", meanwhile)
        with replace_folder(folder, ("*",)) as aside:
            (aside / "head.json").write_text(content)
    reader.join()
    assert (folder / "head.json").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "seed-1"]


def test_links_of_the_user_stay_links_in_a_folder_that_is_replaced(tmp_path: Path):
    folder, links = tmp_path / "seed-1", {"gone": Path("nowhere"), "many": tmp_path / "many"}
    links["many"].mkdir()
    with replace_folder(folder, ()):
        pass
    (folder / "own").mkdir()
    for name, target in links.items():
        (folder / name).symlink_to(target)
        (folder / "own" / name).symlink_to(target)
    with replace_folder(folder, ()) as aside:
        (aside / "head.json").touch()
    for place in (folder, folder / "own"):
        assert {path.name: path.readlink() for path in place.iterdir() if path.is_symlink()} == links
    assert (folder / "head.json").exists()
