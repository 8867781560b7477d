"""Axes on the command line."""

import json
import shlex
from pathlib import Path

import pytest

from store import Recipe
from tests.cli.calls import SMALL, call, done, said
from tests.feature_sets import make_features, make_store


@pytest.fixture(autouse=True)
def _sets(tmp_path: Path) -> None:
    make_features(make_store(tmp_path / "store"), "deep", depth=3)


ARM = "dims=4x8x12x16-epochs=1"


@pytest.mark.parametrize(
    ("words", "name", "shown"),
    [
        ("garden --axis capacity --values 3,6", "capacity", "at block 3 vs mrl"),
        ("garden --axis noise --values 0,30", "noise", "at noise 0 vs v5"),
        ("deep --axis depth --strategy v5,mrl", "depth", "S_02"),
        ("garden --strategy v5,pca --head linear", "alignment", "v5"),
    ],
)
def test_an_axis_writes_its_file_and_shows_its_tests(words: str, name: str, shown: str) -> None:
    small = SMALL.replace("--epochs 1 ", "") if "pca" in words else SMALL
    result = done(f"ablate {small} {words}")
    path = Path(result.stdout.strip())
    assert path.parts[-4:-1] == ("runs", words.split()[0], "gaussian")
    assert path.name.startswith(f"ablation-{name}-")
    assert shown in result.stderr
    document = json.loads(path.read_text())
    assert document["axis"] == name
    assert document["argv"][:2] == ["fractalctl", "ablate"]
    before = path.stat().st_mtime_ns
    done(shlex.join(document["argv"][1:]))
    assert path.stat().st_mtime_ns == before


def test_a_caption_says_who_answers_where_points_have_rows_of_their_own() -> None:
    kept = said(done(f"ablate {SMALL} garden --axis rows --values 2 --strategy v5"))
    assert "ask the training rows that were kept (protocol index-2000" in kept
    among = said(done(f"ablate {SMALL} deep --axis unseen --strategy v5 --protocol loo"))
    assert "ask each other, at each point those of its own classes, (protocol loo-2000" in among


def test_own_files_are_searched_as_a_search_does(tmp_path: Path) -> None:
    result = done(f"ablate {SMALL} garden --strategy v5,mrl")
    document = json.loads(Path(result.stdout.strip()).read_text())
    assert (document["protocol"], document["argv"].count("index")) == ("index", 1)
    assert f"ask the {document['n_reference']} training rows" in said(result)
    few = SMALL.replace("--epochs 1", "--epochs 1 --coarse 2 --partition-seeds 1")
    shown = done(f"synth {few} garden -s v5")
    assert json.loads(Path(shown.stdout.strip()).read_text())["protocol"] == "index"
    assert f"ask the {document['n_reference']} training rows" in said(shown)
    recipe = Recipe("clinc", {"spec": "clinc"}, "gaussian", {"dimension": 24}, ("train", "test"))
    make_features(make_store(tmp_path / "store"), recipe=recipe)
    both = done(f"ablate {SMALL} garden clinc --strategy v5,mrl").stdout.split()
    assert {json.loads(Path(path).read_text())["protocol"] for path in both} == {"loo"}


def test_the_noise_axis_asks_as_many_rows_as_the_paper_seems_to() -> None:
    path = Path(done(f"ablate {SMALL} garden --axis noise --values 0").stdout.strip())
    words = json.loads(path.read_text())["argv"]
    assert words[words.index("--max-test") + 1] == "500"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("garden --values 16", "--values does not belong to axis alignment, but to capacity, noise"),
        ("deep --axis depth --values 3", "--values does not belong to axis depth"),
        ("garden --axis width", "axis 'width' is not known (did you mean 'depth'?); choose from alignment"),
        ("garden --axis capacity --values a", "--values 'a': expected whole numbers"),
        ("garden --axis noise --values 120", "noise is a percentage"),
        ("garden --axis depth", "none is known above them"),
    ],
)
def test_wrong_requests_are_named(words: str, message: str) -> None:
    result = call(f"ablate {SMALL} {words}")
    assert result.exit_code == 2
    assert message in said(result)
