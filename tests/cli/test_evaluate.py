"""``evaluate`` as a user meets it: its table, its metrics, its rows."""

import json
import shlex
from pathlib import Path

import pytest

from store import FeatureStore, Recipe
from tests.cli.calls import call, done, said
from tests.feature_sets import make_features, make_store

SMALL = "--dims 4,8,12,16 --epochs 1 --seeds 42"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_store(tmp_path / "store")
    done(f"train --strategy v5 {SMALL}")
    return tmp_path / "runs"


def test_the_table_has_a_row_for_each_arm_and_the_backbone_cut(runs: Path) -> None:
    done(f"train --strategy mrl {SMALL}")
    rows = [line.split() for line in done("evaluate").stderr.splitlines() if "garden/gaussian" in line]
    assert [row[1] for row in rows[:2]] == ["mrl-dims=4x8x12x16-epochs=1", "v5-dims=4x8x12x16-epochs=1"]
    assert [row[1:3] for row in rows[2:]] == [["gaussian,", "cut"], ["gaussian,", "PCA"]]
    (document, _) = json.loads(done("evaluate --json").stdout)
    cut = document["profile"]["truncated"]
    assert rows[2][-6:-2] == [
        f"{100 * cut[length][level]:.1f}" for level in ("L0", "L1") for length in ("4", "16")
    ]


def test_heads_that_are_measured_elsewhere_say_where_they_were_trained(runs: Path) -> None:
    make_features(make_store(runs.parent / "store"), "meadow", seed=2)
    (own,) = json.loads(done("evaluate --json").stdout)
    result = done("evaluate --features meadow --json")
    (moved,) = json.loads(result.stdout)
    assert (moved["corpus"], moved["trained_on"]["corpus"]) == ("meadow", "garden")
    assert "(trained on garden/gaussian)" in said(result)
    assert json.loads(next(runs.rglob("evaluation-index.json")).read_text()) == own


def test_missing_matches_can_be_trained_by_pasting_the_command(runs: Path) -> None:
    refused = call("evaluate --metrics dual")
    assert refused.exit_code == 2
    command = refused.stderr.splitlines()[-1]
    assert command.startswith("fractalctl train ")
    assert "--strategy coarse,fine" in command
    assert not list(runs.rglob("evaluation-*.json"))
    without = done("evaluate --metrics all")
    assert "dual" in said(without).partition("Warning")[2]
    done(command.removeprefix("fractalctl "))
    result = done(f"evaluate --metrics all {next(runs.rglob('v5*/seed-42'))}")
    for words in ("hit rate", "Mixed accuracy", "two, dedicated", "bits", "backbone, cut"):
        assert words.lower() in said(result).lower()


@pytest.mark.parametrize(
    ("given", "standard"), [("none", []), ("leakage", ["baselines", "cascade", "leakage"])]
)
def test_metrics_by_commas_and_repetition_are_remade_by_the_argv(
    runs: Path, given: str, standard: list[str]
) -> None:
    result = done(f"evaluate --metrics {given},retrieval,localisation --metrics routing --json")
    (document,) = json.loads(result.stdout)
    assert sorted(document["metrics"]) == sorted([*standard, "localisation", "retrieval", "routing"])
    words = document["argv"]
    named = words[words.index("--metrics") + 1].split(",")
    assert sorted(set(named) - {"none"}) == sorted(document["metrics"])
    next(runs.rglob("evaluation-index.json")).unlink()
    (again,) = json.loads(done(shlex.join([*words[1:], "--json"])).stdout)
    assert again == document
    assert "1 of 1 evaluations were up to date" in done(f"evaluate --metrics {given},routing").stderr


def test_leakage_and_cascade_are_shown_unless_they_are_left_out(runs: Path) -> None:
    without = done("evaluate --metrics none --json")
    assert json.loads(without.stdout)[0]["metrics"] == {}
    assert "shortlist" not in said(without)
    result = done("evaluate")
    assert "linear probe" in said(result)
    assert "shortlist of 64" in said(result)
    assert "1 of 1 evaluations were up to date" in done("evaluate").stderr


def test_an_unknown_metric_is_a_wrong_request(runs: Path) -> None:
    result = call("evaluate --metrics recall")
    assert result.exit_code == 2
    assert "metric 'recall' is not known; choose from" in said(result)
    assert not list(runs.rglob("evaluation-*.json"))


def test_rows_are_drawn_by_a_seed_and_duplicates_left_out(runs: Path) -> None:
    ways = ("", "--max-test 60", "--max-test 60 --rows-seed 7", "--drop-duplicates")
    paths = [Path(done(f"evaluate {options} --quiet").stdout.strip()) for options in ways]
    assert len(set(paths)) == 4
    documents = [json.loads(path.read_text()) for path in paths]
    assert documents[1]["accuracy"] != documents[2]["accuracy"]
    assert [document["rows_seed"] for document in documents] == [42, 42, 7, 42]
    assert documents[3]["dropped_duplicates"] is True


def test_what_was_asked_comes_first_in_the_corpus_s_own_words(tmp_path: Path) -> None:
    identity = {"levels": ["area", "intent"], "made": 0}
    recipe = Recipe("tickets", identity, "gaussian", {"dimension": 24}, ("train", "test"))
    make_features(FeatureStore(tmp_path / "store"), recipe=recipe)
    trained = done(f"train --strategy v5,lda {SMALL}")
    assert "at 16 numbers, area [L0] right " in said(trained)
    assert "lda: at" not in said(trained)  # a closed form holds nothing out
    assert "Held-out rows ask each other" in said(trained), (
        "60 of 12 classes: five would have to vote among four"
    )
    result = done("evaluate --json")
    (document, _) = json.loads(result.stdout)
    heard = result.stderr
    assert "120 test rows ask the 400 training rows (protocol index, k = 5)" in said(result)
    assert "4 numbers take 25 % of the bytes of 16" in said(result)
    first, *_ = heard.partition("S with its SD")
    assert "area [L0] at 4   intent [L1] at 16" in first
    expected = {
        "gaussian, cut": document["profile"]["truncated"],
        "gaussian, PCA": document["metrics"]["baselines"]["result"]["pca"],
    }
    for name, accuracy in expected.items():
        cells = [f"{100 * accuracy['4']['L0']:.1f}", f"{100 * accuracy['16']['L1']:.1f}"]
        assert next(line.split()[-3:-1] for line in first.splitlines() if name in line) == cells
    assert "Held-out rows ask" not in said(done(f"train --strategy v5 {SMALL} --holdout 0.25"))
    assert document["profile"]["levels"] == ["area", "intent"]


def test_principal_components_are_those_of_the_arm_that_is_trained(runs: Path) -> None:
    done("train --strategy pca --dims 4,8,12,16 --seeds 42")
    documents = {one["strategy"]: one for one in json.loads(done("evaluate --json").stdout)}
    assert documents["v5"]["metrics"]["baselines"]["result"]["pca"] == documents["pca"]["accuracy"]


def test_the_usual_protocol_is_that_of_the_corpus(tmp_path: Path) -> None:
    identity = {"spec": "1", "levels": ["coarse", "fine"]}
    published = Recipe("trec", identity, "gaussian", {"dimension": 24}, ("train", "test"))
    store = make_store(tmp_path / "store")
    make_features(store, recipe=published)
    done(f"train garden trec --strategy v5 {SMALL}")
    paths = [Path(line) for line in done("evaluate").stdout.splitlines()]
    assert sorted((path.parents[3].name, path.name) for path in paths) == [
        ("garden", "evaluation-index.json"),
        ("trec", "evaluation-loo.json"),
    ]
    for path in paths:
        argv = json.loads(path.read_text())["argv"]
        assert argv[argv.index("--protocol") + 1] in path.name
