"""``index``, and ``search --index``, as a user meets them."""

import json
from pathlib import Path

import pytest

from tests.cli.calls import call, done, said
from tests.feature_sets import make_store
from tests.tiny import tiny_heads


@pytest.fixture
def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_store(tmp_path / "store")
    done("train --strategy v5 --dims 4,8,16 --epochs 1 --seeds 42")
    monkeypatch.chdir(tmp_path)
    result = done("index --dims 4,16 --output ix")
    assert result.stdout.split() == ["ix"]
    assert "400 rows; sure answers, on" in said(result)
    return tmp_path


def test_levels_are_answered_from_an_index(indexed: Path) -> None:
    document = json.loads(done("search --index ix --row 3 --row 4 --level auto --top 2 --json").stdout)
    for query in document["queries"]:
        assert list(query["answers"]) == ["4", "16"]
        decision = query["decision"]
        assert len(decision["labels"]) == decision["level"] + 1
        assert set(decision) == {"level", "labels", "margin", "sure", "inside", "nearness"}
    shown = done("search --index ix --row 3 --level L0 --shortlist 30 --funnel").stderr
    assert "Index: ix (head " in shown
    assert shown.index("L0: ") < shown.index("at 4 dimensions"), "what was asked comes first"
    assert "sure, margin" in shown
    assert "through the funnel:" in shown


def test_levels_that_no_margin_makes_sure_are_named(indexed: Path) -> None:
    result = done("index --dims 1 --error 0 --json --output strict")
    levels = json.loads(result.stdout)["calibration"]["levels"]
    unsure = [f"L{place}" for place, one in enumerate(levels) if one["margin"] is None]
    assert unsure
    assert f"No answer is sure of {' and '.join(unsure)}: no margin keeps that error" in said(result)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("search --row 1 --level L0", "a level is answered from an index"),
        ("search --index ix --row 1 --level area", "--level area: expected L0, L1 or auto"),
        ("search runs --index ix --row 1 --level L0", "--index names a head and its feature set already"),
        ("search --index runs --row 1", "no index here; 'fractalctl index' makes one"),
        ("search --index ix --row 1 --funnel", "--funnel narrows a shortlist"),
        ("search --index ix --row 1 --dims 4,8", "no index of 8 dimensions, only of 4, 16"),
        ("index --kind tree", "expected flat or hnsw"),
        ("index --outside nothing.txt", "nothing.txt"),
    ],
)
def test_wrong_requests_end_with_one_message(indexed: Path, line: str, message: str) -> None:
    result = call(line)
    assert result.exit_code == 2, result.stderr
    assert message in said(result)


def test_outside_texts_and_questions_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_heads(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("strange.txt").write_text("lost lost lost\nbank of bank\n")
    result = done("index --encoder bert --outside strange.txt --json")
    document = json.loads(result.stdout)
    assert document["n_outside"] == 2
    assert set(document["outside"]) == {"4", "8", "16"}
    assert "error at 95 % recall %" in result.stderr
    folder = Path(document["head"]) / "index"
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    asked = done(f"search --index {folder} --encoder bert --json", "the card\nplay the song\n\n")
    assert [query["text"] for query in json.loads(asked.stdout)["queries"]] == ["the card", "play the song"]
    assert "Query (empty to end):" in asked.stderr
