"""``embed`` as a user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calls import call, done, said
from tests.tiny import tiny_heads


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny_heads(tmp_path)
    (tmp_path / "tickets.csv").write_text("id,body\nx,the card\ny,play the song\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_vectors_of_a_table(here: Path) -> None:
    result = done("embed tickets.csv --text body --encoder bert --dims 4,16")
    assert result.stdout.split() == [f"tickets-vectors-{name}" for name in ("4.npy", "16.npy")] + [
        "tickets-vectors.json"
    ]
    assert "Head: " in result.stderr
    assert "accuracies once 'fractalctl evaluate' has measured the head" in said(result)
    done("evaluate --protocol index")
    again = done("embed runs tickets.csv --text body --encoder bert --dims 4 --dtype binary --json")
    document = json.loads(again.stdout)
    assert document["lengths"]["4"]["bytes"] == 1
    assert set(document["lengths"]["4"]["accuracy"]) == {"L0", "L1"}
    for words in ("bytes a text", "of the backbone's", "L1 [L1]", "bert, whole", "protocol index"):
        assert words in again.stderr
    signs = np.unpackbits(np.load("tickets-vectors.npy"), axis=1)[:, :4]
    assert (signs == (np.load("tickets-vectors-4.npy") > 0)).all()


def test_lines_of_standard_input(here: Path) -> None:
    result = done("embed - --encoder bert --output lines.parquet", "the card\n\nplay the song\n")
    assert result.stdout.split() == ["lines.parquet", "lines.json"]
    document = json.loads(Path("lines.json").read_text())
    assert (document["n_texts"], document["source"]) == (2, "-")


def test_standard_input_that_is_no_text_is_refused(here: Path) -> None:
    result = call("embed - --encoder bert", b"the card\n\xff\n")
    assert result.exit_code == 2
    assert "standard input: not UTF-8 text (invalid start byte)" in said(result)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("embed", "Missing argument"),
        ("embed a b c", "expected a head and a file of texts, got 3 arguments"),
        ("embed missing tickets.csv", "missing: no such file or folder"),
        ("embed nothing.csv --encoder bert", "nothing.csv: no such file"),
        ("embed tickets.csv --encoder bert", "no column 'text'; name one of 'id', 'body' with --text"),
        ("embed tickets.csv --text body", "name that folder with --encoder FOLDER"),
        ("embed tickets.csv --text body --dims 4,99", "expected ascending lengths from 1 to 16"),
        ("embed tickets.csv --text body --output x.bin", "must end in .npy or .parquet"),
        ("embed -", "standard input: expected a text on each line, got none"),
        ("embed runs", "runs: names heads; a file of texts, or - for standard input, stands behind it"),
        ("embed tiny/bert", "tiny/bert: names heads; a file of texts"),
    ],
)
def test_wrong_requests_end_with_one_message(here: Path, line: str, message: str) -> None:
    result = call(line, "")
    assert result.exit_code == 2, result.stderr
    assert message in said(result)
    assert "Traceback" not in result.stderr
    assert not list(here.glob("*.npy"))
