"""``fractalctl.toml``, ``init``, and what commands take when nobody says."""

import json
from pathlib import Path

import pytest

from store import FeatureStore
from store.errors import StoreError
from tests.backbones.models import as_sentence_transformers, build_bert
from tests.cli.calls import SMALL, call, done, said
from tests.feature_sets import make_store

TICKETS = "body,area,intent\n" + "".join(
    f"my {topic} number {row},{area},{topic}\n"
    for row in range(6)
    for area, topic in (("billing", "refund"), ("billing", "invoice"), ("tech", "crash"), ("tech", "login"))
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, and neither store nor runs in the environment."""
    folder = tmp_path / "project"
    (folder / "deep").mkdir(parents=True)
    (folder / "tickets.csv").write_text(TICKETS)
    monkeypatch.chdir(folder)
    for name in ("STORE", "RUNS"):
        monkeypatch.delenv(f"FRACTALCTL_{name}")
    return folder


def test_a_project_is_written_and_followed_from_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = done("init tickets.csv --text body --levels area,intent --backbone minilm --strategy v5")
    assert made.stdout == "fractalctl.toml\n"
    assert "2 area > 4 intent" in said(made)
    monkeypatch.chdir(project / "deep")
    looked_at = done("corpora info --json")
    described = json.loads(looked_at.stdout)
    assert (described["levels"], described["classes"]) == (["area", "intent"], [2, 4])
    assert "tickets: 2 area [L0] > 4 intent [L1]" in said(looked_at)
    make_store(project / "features")
    head, *_ = done(f"train {SMALL}").stdout.splitlines()
    assert Path(head).is_relative_to(project / "runs" / "garden")
    assert "v5-dims" in head
    assert f"{project / 'fractalctl.toml'}: strategy = v5" in said(done(f"train {SMALL}"))
    argv = json.loads((Path(head).parent / "head.json").read_text())["argv"]
    assert argv[argv.index("--store") + 1] == str(project / "features")
    assert FeatureStore().folder == project / "features", "Python opens what commands open"


def test_a_table_of_ones_own_is_trained_without_the_projects_arms(project: Path) -> None:
    (project / "fractalctl.toml").write_text('store = "features"\narms = ["v5", "mrl"]\n')
    make_store(project / "features")
    (project / "mine.toml").write_text(
        "full = [0, 1]\nprefix = [[1, 0], [0, 1]]\nprefix_probabilities = [0.5, 0.5]\nkeep = [1, 1]\n"
    )
    line = "train --supervision mine.toml --dims 4,8 --epochs 1 --seeds 42"
    own = done(line)
    assert [Path(path).parents[1].name for path in own.stdout.splitlines()] == ["mine-dims=4x8-epochs=1"]
    both = done(f"{line} --strategy mrl").stdout.splitlines()
    assert [Path(path).parents[1].name.partition("-")[0] for path in both] == ["mrl", "mine"]


def test_options_beat_the_environment_and_that_beats_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (project / "fractalctl.toml").write_text('store = "in-file"\n')
    for place in ("in-file", "in-environment", "in-option"):
        FeatureStore(project / place)

    def used(options: str = "") -> str:
        return said(done(f"store ls {options}")).partition("no feature set in ")[2].partition(";")[0]

    assert used() == str(project / "in-file")
    monkeypatch.setenv("FRACTALCTL_STORE", "in-environment")
    assert used() == "in-environment" == str(FeatureStore().folder)
    assert used("--store in-option") == "in-option"


def test_columns_of_the_file_are_not_those_of_registered_corpora(project: Path) -> None:
    (project / "fractalctl.toml").write_text('[corpus]\ntext = "body"\nlevels = ["area", "intent"]\n')
    described = json.loads(done("corpora info tickets.csv --json").stdout)
    assert described["levels"] == ["area", "intent"]
    wrong = call("corpora info clinc --offline")  # found nowhere: but it is asked for with levels of its own
    assert "area" not in said(wrong)
    rows = [f"text {row},a > {'bc'[row % 2]}" for row in range(12)]
    (project / "paths.csv").write_text("\n".join(["body,path", *rows]))
    assert json.loads(done("corpora info paths.csv --path path --json").stdout)["classes"] == [1, 2]


def test_a_model_folder_is_found_from_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_sentence_transformers(build_bert(project / "my-model"), "mean_tokens")
    done("init tickets.csv --text body --levels area,intent --backbone my-model")
    assert 'backbone = "./my-model"' in (project / "fractalctl.toml").read_text()
    monkeypatch.chdir(project / "deep")
    assert done("featurize").stdout.strip() == str(project / "features" / "tickets" / "my-model.h5")


def test_a_table_of_ones_own_is_trained_alone(project: Path) -> None:
    (project / "fractalctl.toml").write_text('store = "features"\narms = ["lda", "pca"]\n')
    (project / "steps.toml").write_text(
        "full = [0, 1]\nprefix = [[1, 0], [0, 1]]\nprefix_probabilities = [0.5, 0.5]\nkeep = [1.0, 1.0]\n"
        "dims = [4, 8]\nepochs = 1\n"
    )
    make_store(project / "features")
    trained = done("train --supervision steps.toml --seeds 42")
    assert len(trained.stdout.splitlines()) == 1
    assert "Only the tables of --supervision are trained" in said(trained)
    assert len(done("train --supervision steps.toml --seeds 42 -s pca").stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('stroe = "x"', "unknown field `stroe`; it may have store, runs, backbone, arms, corpus.path"),
        ("[corpus]\ncolumns = 1", "unknown field `columns` - at `$.corpus`"),
        ('[corpus]\nlevels = "area"', "at `$.corpus.levels`"),
        ("store = [", "not a TOML file"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(project: Path, content: str, message: str) -> None:
    (project / "fractalctl.toml").write_text(content)
    result = call("store ls")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{project / 'fractalctl.toml'}: " in said(result)
    assert message in said(result)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("init tickets.csv --text words --levels area,intent", "no column 'words'"),
        ("init tickets.cvs", "did you mean 'tickets.csv'?"),
        ("init --strategy zom", "did you mean 'zoom'?"),
        ("init --backbone miniln", "did you mean 'minilm'?"),
        (
            "init tickets.csv --text body --levels intent,area",
            "are the levels swapped (--levels area,intent)?",
        ),
    ],
)
def test_init_refuses_what_no_command_could_use(project: Path, line: str, message: str) -> None:
    result = call(line)
    assert result.exit_code == 2, result.stderr
    assert message in said(result)
    assert not (project / "fractalctl.toml").exists()


@pytest.mark.parametrize(("content", "why"), [("store = [", "not a TOML file"), ("store = 1", "store is 1")])
def test_python_names_a_wrong_file_too(project: Path, content: str, why: str) -> None:
    (project / "fractalctl.toml").write_text(content)
    with pytest.raises(StoreError, match=why):
        FeatureStore()


def test_a_project_within_another_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "says nothing any more" not in said(done("init"))
    monkeypatch.chdir(project / "deep")
    assert f"{project / 'fractalctl.toml'} says nothing any more to this folder" in said(done("init"))


def test_init_replaces_nothing(project: Path) -> None:
    (project / "fractalctl.toml").write_text("# mine\n")
    assert "is there already" in said(call("init"))
    assert (project / "fractalctl.toml").read_text() == "# mine\n"


def test_the_default_backbone_needs_no_network_where_it_is_installed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fractalctl.backbones import spec

    monkeypatch.setattr(spec, "find_spec", lambda _: object())
    assert spec.default_backbone() == "minilm"
    monkeypatch.setattr(spec, "find_spec", lambda _: None)
    assert spec.default_backbone() == "bge-small"
    tried = call("featurize tickets.csv --text body --levels area,intent --offline")
    assert "Backbone: bge-small (the extra minilm is not installed; --backbone names another)" in said(tried)
