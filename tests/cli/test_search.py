"""``search`` as a user meets it."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.calls import call, done, said
from tests.feature_sets import make_features, make_store


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_store(tmp_path / "store")
    done("train --strategy mrl,v5 --dims 4,8,16 --epochs 1 --seeds 123,42")
    return tmp_path / "runs"


HEAD = "garden/gaussian/v5-dims=4x8x16-epochs=1/seed-42"


def test_a_row_is_answered_for_people_and_for_programs(runs: Path) -> None:
    shown = done("search --row 3 --row 4 --top 2 --shortlist 20")
    assert shown.stdout == ""
    assert f"Head: {runs}/{HEAD} (the first arm in the order given" in shown.stderr
    named = done(f"search {HEAD} --row 3")
    assert f"Head: {runs}/{HEAD}\n" in named.stderr, "nothing was chosen"
    for words in ("Query [", "at 4 dimensions, ", "at 16 dimensions, ", "in two stages:", "train text "):
        assert words in shown.stderr
    document = json.loads(
        done(f"search {runs}/garden/gaussian/mrl-dims=4x8x16-epochs=1 --row 3 --top 2 --dims 8 --json").stdout
    )
    assert (document["corpus"], document["strategy"], document["seed"]) == ("garden", "mrl", 42)
    (query,) = document["queries"]
    assert query["text"].startswith("test text 3 ")
    assert list(query["answers"]) == ["8"]
    first, second = query["answers"]["8"]
    assert first["cosine"] >= second["cosine"]
    assert set(first) == {"row", "name", "text", "labels", "cosine"}
    assert query["two_stage"] is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("search", "nothing to search for: give a query, - for standard input, or --row N"),
        ("search garden ' '", "the query is empty: give a text, - for standard input, or --row N"),
        ("search - -", "standard input can give heads or queries, not both"),
        ("search my question", "my: no such file or folder (a query of several words belongs in quotes"),
        ("search --row 1 --dims 4,99", "--dims 4,99: expected ascending lengths from 1 to 16"),
        ("search -", "standard input: expected a query on each line, got none"),
        ("search hello", "its recipe does not say which encoder made it"),
        ("search --row 1 --features meadow/other", "takes features of gaussian, but"),
    ],
)
def test_wrong_requests_end_with_one_message(runs: Path, line: str, message: str) -> None:
    if "--features" in line:
        other = make_features(make_store(runs.parent / "store"), "meadow")
        line = line.replace("meadow/other", str(other.path))
        head = runs / HEAD / "head.json"
        head.write_text(head.read_text().replace('"backbone": "gaussian"', '"backbone": "minilm"'))
        line, message = f"{line} {head.parent}", message.replace("gaussian", "minilm")
    result = call(line, "")
    assert result.exit_code == 2, result.stderr
    assert message in said(result)


def test_all_commands_take_the_same_head_of_several(runs: Path) -> None:
    lines = (
        "search --row 1",
        "bench-latency --sizes 200 --index flat --rounds 1 --queries 20",
    )
    taken = {
        line: re.findall("^Head: (.*) \\(the first arm", done(line).stderr, re.MULTILINE) for line in lines
    }
    assert taken == {line: [str(runs / HEAD)] for line in lines}


def test_heads_come_through_a_pipe(runs: Path) -> None:
    heads = "\n".join(str(path) for path in sorted(runs.rglob("head.safetensors")))
    done("search - --row 1 --json", heads)
