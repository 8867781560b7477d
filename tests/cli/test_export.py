"""``export`` as a user meets it."""

import json
from pathlib import Path

import pytest

from fractalctl.experiments import exporting
from tests.cli.calls import call, done, said
from tests.tiny import tiny_heads


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny_heads(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_folder_lies_beside_the_head_and_says_what_made_it(here: Path) -> None:
    result = done("export --encoder bert")
    (path,) = map(Path, result.stdout.split())
    assert (path.name, path.parent.name) == ("sentence-transformers", "seed-1")
    assert "Head: " in result.stderr
    document = json.loads((path / "fractalctl.json").read_text())
    assert document["argv"][:4] == ["fractalctl", "export", "--to", "sentence-transformers"]
    assert document["encoder"]["pooling"] == "mean"
    assert (
        json.loads(done("export --encoder bert --json").stdout)["head_identity"] == document["head_identity"]
    )


def test_a_folder_is_pushed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = []

    def push(folder: Path, repository: str, *, public: bool) -> str:
        pushed.append((folder, repository, public))
        return f"https://hub/{repository}/commit/1"

    monkeypatch.setattr(exporting, "push", push)
    result = done("export --encoder bert --output model --push me/zoom --public")
    assert result.stdout.split() == ["model", "https://hub/me/zoom/commit/1"]
    assert pushed == [(Path("model"), "me/zoom", True)]
    assert "--push" not in json.loads(Path("model/fractalctl.json").read_text())["argv"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export --to onxx --encoder bert", "format 'onxx' is not known (did you mean 'onnx'?); choose from"),
        ("export", "name that folder with --encoder FOLDER"),
        ("export --encoder bert --output bert", "bert: is there and no export of this program"),
        ("export missing", "missing: no such file or folder"),
        ("export --encoder bert --dims 4", "--dims says what databases hold; sentence-transformers"),
        ("export --encoder bert --to onnx --splits test", "--splits says what databases hold; onnx"),
        ("export --to qdrant --output db --dims 4,99", "expected ascending lengths from 1 to 16"),
        ("export --to qdrant --output db --push me/zoom", "--push is for models; db holds a database"),
        ("export --encoder bert --output model --push zoom", "--push 'zoom': expected owner/name"),
        ("export --encoder bert --output model --public", "--push OWNER/NAME says which"),
    ],
)
def test_wrong_requests_end_with_one_message(here: Path, line: str, message: str) -> None:
    if "qdrant" in line:
        pytest.importorskip("qdrant_client")
    result = call(line)
    assert result.exit_code == 2, result.stderr
    assert message in said(result)
    assert "Traceback" not in result.stderr
