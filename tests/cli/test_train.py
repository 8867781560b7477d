"""Arms on the command line, and what becomes of heads that are there."""

import json
from pathlib import Path

import pytest

from store import FeatureStore
from tests.cli.calls import call, done, said
from tests.feature_sets import make_features, make_store

FAST = "--dims 4,8,12,16 --epochs 1 --seeds 42"
TABLE = """full = [0.0, 1.0]
prefix = [[1.0, 0.0], [0.0, 1.0]]
prefix_probabilities = [0.5, 0.5]
keep = [1.0, 1.0]
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_store(tmp_path / "store")
    return tmp_path / "runs"


def heads(line: str) -> list[dict]:
    return json.loads(done(f"train {line} --json").stdout)


def test_old_options_are_short_for_set(runs: Path) -> None:
    (short,) = heads("--strategy v5 --dims 4,16 --epochs 2 --standardise no --prefix-per sample --seeds 42")
    (spelled,) = heads(
        "--strategy v5 --set dims=4x16 --set epochs=2 --set standardise=false --set prefix-per=sample "
        "--seeds 42"
    )
    assert short == spelled
    assert short["arm"] == "v5-dims=4x16-epochs=2-standardise=no-prefix_per=sample"
    settings = short["settings"]
    assert [settings[name] for name in ("dims", "epochs", "standardise", "prefix_per")] == [
        [4, 16],
        2,
        False,
        "sample",
    ]


def test_lists_that_are_repeated_add_up(runs: Path) -> None:
    found = heads("--strategy pca --strategy raw --dims 4 --dims 8,12 --seeds 42 --seeds 123,7")
    assert [(head["strategy"], head["seed"]) for head in found] == [
        (strategy, seed) for strategy in ("pca", "raw") for seed in (42, 123, 7)
    ]
    assert all(head["dims"] == [4, 8, 12] for head in found)
    words = found[1]["argv"]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--seeds"] == ["123"]


def test_a_setting_that_is_the_default_makes_no_other_arm(runs: Path) -> None:
    (head,) = heads("--strategy v5 --head linear --learning-rate 0.001 --seeds 42")
    assert head["arm"] == "v5"
    assert "0 heads trained" in done("train --strategy v5 --seeds 42").stderr


def test_a_trunk_and_its_own_settings(runs: Path) -> None:
    (head,) = heads(f"--strategy v5 --head mlp {FAST}")
    assert head["trunk"] == "mlp"
    assert head["arm"].startswith("v5-mlp")


def test_a_setting_goes_to_the_arms_that_have_a_use_for_it(runs: Path) -> None:
    found = heads(f"--strategy v5,supcon --set temperature=0.2 --prefix-per sample {FAST}")
    assert [head["arm"] for head in found] == [
        "v5-dims=4x8x12x16-epochs=1-prefix_per=sample",
        "supcon-dims=4x8x12x16-epochs=1-temperature=0.2",
    ]


def test_closed_forms_are_trained_beside_others(runs: Path) -> None:
    found = heads("--strategy pca,raw,lda,v5 --dims 4,8 --seeds 42,123")
    assert [head["strategy"] for head in found] == ["pca", "pca", "raw", "raw", "lda", "lda", "v5", "v5"]
    assert {head["trunk"] for head in found[:6]} == {None}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--strategy lda --epochs 10", "lda has no setting epochs"),
        ("--strategy lda --set epochs=10", "lda has no setting epochs"),
        ("--strategy lda --head mlp", "has no trunk"),
        ("--set epochs", "--set epochs: expected NAME=VALUE, such as epochs=10"),
        ("--set epochs=1 --epochs 2", "epochs has two values: 1 and 2"),
        ("--epochs 1 --epochs 2", "epochs has two values: 1 and 2"),
        ("--seeds 42 --seeds x", "--seeds '42,x': expected whole numbers separated by commas"),
        ("--set epoch=1", "zoom has no setting epoch (did you mean 'epochs'?); it has dims"),
        ("--strategy v5,v5x", "strategy 'v5x' is not known"),
        ("--strategy v5,mrl --set temperature=0.2", "v5: temperature changes nothing, for info_nce is 0"),
        ("--strategy heal --prefix-per sample", "heal: prefix_per changes nothing, for no prefix is drawn"),
        ("--supervision table.toml --strategy v5 --supervision other/table.toml", "table"),
        ("--supervision v5.toml", "'v5' is the name of a built-in or installed strategy; rename the file"),
        ("--supervision named.toml", "a supervision is named after its file; remove the key 'name'"),
    ],
)
def test_wrong_arms_are_refused_before_anything_is_written(
    runs: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    monkeypatch.chdir(runs.parent)
    Path("other").mkdir()
    for name in ("table.toml", "other/table.toml", "v5.toml"):
        Path(name).write_text(TABLE)
    Path("named.toml").write_text('name = "../../../escaped"\n' + TABLE)
    before = set(runs.parents[1].rglob("*"))
    result = call(f"train --dims 4,8 {line}")
    assert result.exit_code == 2
    assert message in said(result)
    noted = set(runs.parents[1].rglob("*.checked"))  # that a set was looked at
    assert set(runs.parents[1].rglob("*")) - noted == before - noted


def test_an_own_table_is_called_as_its_file(runs: Path) -> None:
    path = runs.parent / "mine.toml"
    path.write_text(TABLE)
    (head,) = heads(f"--supervision {path} --dims 4,8 --seeds 42")
    assert head["strategy"] == "mine"
    words = head["argv"]
    assert words[words.index("--supervision") + 1] == str(path)
    assert "--strategy" not in words


def test_several_sets_are_trained_on_and_two_corpora_of_one_name_are_told_apart(runs: Path) -> None:
    make_features(FeatureStore(runs.parent / "store"), "meadow", seed=2)
    sets = done("store ls --quiet").stdout
    trained = done(f"train - --strategy v5 {FAST}", sets)
    assert [Path(line).parents[3].name for line in trained.stdout.splitlines()] == ["meadow", "garden"]
    make_features(FeatureStore(runs.parent / "other"), "garden", seed=9)
    before = {path: path.read_bytes() for path in runs.rglob("head.json")}
    again = done(f"train garden --strategy v5 {FAST} --store {runs.parent / 'other'}")
    assert all(path.read_bytes() == content for path, content in before.items())
    assert Path(again.stdout.strip()).parents[2].name.startswith("gaussian-")
    evaluated = done("evaluate --metrics none")
    lines = [line for line in evaluated.stderr.splitlines() if "/gaussian" in line and "v5-dims" in line]
    rows = [line.split() for line in lines]
    assert len(rows) == 3
    assert len({tuple(row[:2]) for row in rows}) == 3
    assert sum("garden/gaussian" in row for row in rows) == 2


def test_what_is_replaced_is_said_before(runs: Path) -> None:
    (head,) = done(f"train --strategy v5 {FAST}").stdout.splitlines()
    (evaluation,) = done("evaluate").stdout.splitlines()
    kept = done(f"train --strategy v5 {FAST}")
    assert "1 were there already" in kept.stderr
    assert Path(evaluation).exists()
    replaced = done(f"train --strategy v5 {FAST} --overwrite always").stderr
    for path in (str(Path(head).parent), evaluation):
        assert replaced.index(path) < replaced.index("1 head trained")
    assert not Path(evaluation).exists()


def test_lengths_from_the_data_are_said_and_recorded(runs: Path) -> None:
    sized = done("train --strategy lda --dims auto --seeds 42 --json")
    (head,) = json.loads(sized.stdout)
    assert head["dims"] == head["capacity"]["chosen"] == head["settings"]["dims"]
    for level, length in enumerate(head["dims"]):
        assert f"[L{level}] has {length} numbers; right by length: 8 " in said(sized)
    lengths = ",".join(map(str, head["dims"]))
    assert "0 heads trained" in done(f"train --strategy lda --dims {lengths} --seeds 42").stderr
    assert "auto" not in " ".join(head["argv"])
    (more,) = heads("--strategy v5 --dims auto --holdout 0.4 --epochs 1 --seeds 42")
    assert more["capacity"]["rows"] > head["capacity"]["rows"]
