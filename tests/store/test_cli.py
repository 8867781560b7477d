import io
import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fractalctl.cli import build_app, plumbing
from fractalctl.cli import store as store_commands
from store import FeatureSet, FeatureStore
from tests.store.example import make


def call(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(
        build_app(["store"]), ["store", *map(str, words)], input=stdin, prog_name="fractalctl"
    )


@pytest.fixture
def damaged(store: FeatureStore, features: FeatureSet) -> Path:
    """A second set of which one feature has changed."""
    path = make(store.folder, corpus="animals").path
    content = bytearray(path.read_bytes())
    offset = FeatureSet(path).features("train").offset
    content[offset + 50] ^= 4
    path.write_bytes(content)
    return path


def test_ls_gives_paths_to_programs_and_a_table_to_people(features: FeatureSet):
    result = call("ls")
    assert (result.exit_code, result.stdout) == (0, f"{features.path}\n")
    for word in ("nature/sum", "train 27, test 10", "3 > 6", "KiB"):
        assert word in result.stderr


def test_ls_tells_of_damaged_and_unfinished_sets(store: FeatureStore, features: FeatureSet):
    (store.folder / "nature" / "broken.h5").write_text("text")
    (store.folder / "nature" / "half.h5.parts").mkdir()
    result = call("ls")
    assert result.stdout == f"{features.path}\n"
    assert "broken.h5: not an HDF5 file" in result.stderr
    assert "nature/half is unfinished; featurize goes on where it stopped" in result.stderr
    document = json.loads(call("ls", "--json").stdout)
    assert document["unfinished"] == [str(store.folder / "nature" / "half.h5")]
    assert [one["path"] for one in document["sets"]] == [str(features.path)]
    assert len(document["damaged"]) == 1


def test_ls_of_nothing(store: FeatureStore):
    result = call("ls")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no feature set in" in result.stderr


def test_info_shows_the_recipe_and_the_classes(features: FeatureSet):
    result = call("info")
    assert (result.exit_code, result.stdout) == (0, f"{features.path}\n")
    for word in ("backbone.identity.pooling       mean", features.identity, "L1", "train, validation, test"):
        assert word in result.stderr
    assert result.stderr.index("Rows per class") < result.stderr.index("Recipe"), "what was asked comes first"
    document = json.loads(call("info", "nature/sum", "--json").stdout)
    assert document["recipe"] == features.recipe
    assert document["rows"] == {"train": 27, "test": 10}
    assert document["classes"] == [3, 6]
    counts = [int((features.labels("train")[:, 1] == fine).sum()) for fine in range(6)]
    assert document["levels"][1]["classes"] == 6
    assert (document["levels"][1]["fewest"], document["levels"][1]["most"]) == (min(counts), max(counts))


def test_values_of_a_recipe_are_written_for_people() -> None:
    shown = {"levels": ["area", "intent"], "path": None, "separator": " > ", "normalises": True, "seed": 42}
    words = [*store_commands._fields({"corpus": shown})]
    assert words == [
        ("corpus.levels", "area, intent"),
        ("corpus.path", "—"),
        ("corpus.separator", "' > '"),
        ("corpus.normalises", "yes"),
        ("corpus.seed", "42"),
    ]


def test_an_unknown_set_is_a_wrong_request(features: FeatureSet):
    result = call("info", "none")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no feature set 'none'" in result.stderr


def test_verify_names_file_and_dataset_and_ends_with_1(features: FeatureSet, damaged: Path):
    result = call("verify")
    assert (result.exit_code, result.stdout) == (1, f"{features.path}\n")
    assert f"{damaged}: changed since it was written: train/features" in result.stderr
    assert "1 of 2 feature sets are intact" in result.stderr
    outcomes = json.loads(call("verify", "--json").stdout)
    assert [(one["path"], one["intact"], one["changed"]) for one in outcomes] == [
        (str(damaged), False, ["train/features"]),
        (str(features.path), True, []),
    ]


def test_verify_of_chosen_sets(features: FeatureSet, damaged: Path):
    assert call("verify", "nature", features.path).exit_code == 0
    assert call("verify", "-", stdin=f"{features.path}\n{damaged}\n").exit_code == 1
    assert call("verify", "elsewhere.h5").exit_code == 1


def test_rm_asks_and_refuses_where_nobody_can_answer(features: FeatureSet):
    result = call("rm", "nature")
    assert result.exit_code == 2
    assert "standard input is no terminal: give --yes" in result.stderr
    assert features.path.exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "exit_code"), [("y", 0), ("n", 1)])
def test_rm_does_as_it_is_told(
    store: FeatureStore,
    features: FeatureSet,
    monkeypatch: pytest.MonkeyPatch,
    capsys,
    answer: str,
    exit_code: int,
):
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    with pytest.raises(SystemExit) as ended:
        build_app(["store"])(["store", "rm", "nature/sum"], prog_name="fractalctl")
    assert ended.value.code == exit_code
    assert features.path.exists() == (answer == "n")
    assert "Remove 1 file(s)?" in capsys.readouterr().err


def test_rm_removes_finished_damaged_and_unfinished_sets(
    store: FeatureStore, features: FeatureSet, damaged: Path
):
    half = store.folder / "nature" / "half.h5"
    half.with_name("half.h5.parts").mkdir()
    result = call("rm", "nature", damaged, "--yes")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [str(half), str(features.path), str(damaged)],
    )
    assert (store.sets(), store.unfinished()) == ([], [])


def test_the_call_can_be_repeated(store: FeatureStore, features: FeatureSet, monkeypatch: pytest.MonkeyPatch):
    seen: list[list[str]] = []
    show = store_commands.show_set
    app = typer.Typer(name="fractalctl")
    app.callback()(lambda: None)
    group = typer.Typer()
    app.add_typer(group, name="store")

    def info(invocation: plumbing.Invocation, name: store_commands.Name = None) -> None:
        seen.append(invocation.argv())
        show(invocation, name)

    plumbing.register(group, plumbing.command()(info))
    result = CliRunner().invoke(app, ["store", "info", "nature", "--json"], prog_name="fractalctl")
    assert result.exit_code == 0
    folders = ["--store", str(store.folder), "--runs", str(store.folder.parent / "runs")]
    assert seen == [["fractalctl", "store", "info", *folders, "nature"]]
