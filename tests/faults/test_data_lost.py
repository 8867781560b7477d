"""Nothing that was there is lost: heads, evaluations, the user's own files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments import training
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.conditions import Condition
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.report import report_results
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.heads.head import find_heads, load_head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from store import FeatureSet, FeatureStore
from store.errors import StoreError
from store.files import replace_folder
from tests.cli.calls import call, said
from tests.faults.conftest import train
from tests.feature_sets import make_features

ROOT = Path(__file__).parents[2]


def content(folder: Path) -> dict[str, bytes]:
    """Everything in a folder that a user sees."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_full_disk_while_a_head_is_replaced_leaves_the_old_one(features, head, tmp_path, monkeypatch):
    evaluation = head.folder / "evaluation-loo.json"
    evaluation.write_text("{}")
    before = content(tmp_path / "runs")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fractalctl.heads.head.write_document", full)
    with pytest.raises(OSError, match="No space left"):
        train(features, tmp_path / "runs", overwrite=Overwrite.ALWAYS)
    assert content(tmp_path / "runs") == before
    assert not [path for path in head.folder.parent.iterdir() if path.name.endswith(".tmp")]


def test_diverging_seeds_cost_neither_old_heads_nor_other_seeds(features, tmp_path):
    runs = tmp_path / "runs"
    first = train(features, runs, ["v5"], [1, 2]).heads
    before = content(runs)
    arms = build_arms(["v5"], 2, "mlp", {"dims": (4, 8), "epochs": 1, "learning_rate": 1e30})
    arms += build_arms(["mrl"], 2, None, {"dims": (4, 8), "epochs": 1})
    with pytest.raises(FractalError, match="no longer a finite number"):
        train_heads(features, arms, runs, [1, 2])
    assert {one.folder for one in first} < {one.folder for one in find_heads([runs])}
    assert before.items() <= content(runs).items()
    assert sum(one.strategy == "mrl" for one in find_heads([runs])) == 2


def test_files_of_the_user_stay_beside_a_head_that_is_replaced(features, head, tmp_path):
    (head.folder / "notes.txt").write_text("mine")
    (head.folder / "more").mkdir()
    (head.folder / "more" / "a").write_text("also mine")
    (head.folder / "evaluation-loo.json").write_text("{}")
    train(features, tmp_path / "runs", overwrite=Overwrite.ALWAYS)
    assert (head.folder / "notes.txt").read_text() == "mine"
    assert (head.folder / "more" / "a").read_text() == "also mine"
    assert not (head.folder / "evaluation-loo.json").exists(), "it described the head that is gone"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
def test_killed_at_any_line_a_folder_is_the_old_one_or_the_new_one(tmp_path):
    words = [sys.executable, "-m", "tests.faults.killing", str(tmp_path), "197"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 2


def test_a_head_that_was_aside_when_its_process_was_killed_is_found_again(features, head):
    head.folder.rename(head.folder.with_name(".seed-42.replaced"))
    (head.folder.with_name(".seed-42.77-ab.tmp")).mkdir()
    (head.folder.with_name(".seed-42.77-ab.tmp") / "head.json").write_text("{")
    assert [one.folder for one in find_heads([head.folder.parents[2]])] == [head.folder]
    assert load_head(head.folder).weights


def test_two_trainings_at_once_never_mix(features, tmp_path):
    """Own tables of one name and other content: they ask for the same folders."""
    table = (
        "full = [0, 1]\nprefix = [[1, 0], [0, 1]]\nkeep = [1, 1]\nprefix_probabilities = [0.5, 0.5]\n"
        "dims = [4, 8]\nepochs = {}\n"
    )
    program = (
        "import sys\nfrom pathlib import Path\nfrom fractalctl.heads.arms import read_arm\n"
        "from fractalctl.experiments.training import train_heads\nfrom store import FeatureSet\n"
        "train_heads(FeatureSet(sys.argv[1]), [read_arm(Path(sys.argv[2]), 2)], Path(sys.argv[3]), [1, 2, 3])"
    )
    processes = []
    for epochs in (1, 2):
        path = tmp_path / str(epochs) / "mine.toml"
        path.parent.mkdir()
        path.write_text(table.format(epochs))
        words = [sys.executable, "-c", program, str(features.path), str(path), str(tmp_path / "runs")]
        processes.append(subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True))
    for one in processes:
        _, said = one.communicate(timeout=600)
        assert one.returncode == 0, said
    heads = find_heads([tmp_path / "runs"])
    assert all(head.weights for head in heads)
    for folder in {head.folder.parent for head in heads}:
        alike = [head.document.settings for head in heads if head.folder.parent == folder]
        assert all(settings == alike[0] for settings in alike)
    assert {head.document.settings["epochs"] for head in heads} == {1, 2}
    assert len(heads) == 6


@pytest.mark.parametrize("name", ["t.csv", "evaluation-loo.json", "notes.json"])
def test_output_of_statistics_never_replaces_an_input_or_a_file_of_the_user(tmp_path, name):
    table = tmp_path / "t.csv"
    table.write_text("dataset,strategy,seed,steerability\na,v5,1,0.1\na,v5,2,0.2\na,mrl,1,0.0\na,mrl,2,0.1\n")
    target = tmp_path / name
    if not target.exists():
        target.write_text('{"encoding-type": "fractalctl-evaluation", "encoding-version": "2.0"}')
    before = target.read_bytes()
    result = call(f"stats {table} --output {target}")
    assert (result.exit_code, target.read_bytes()) == (2, before)
    assert f"{target}: is there and no earlier output" in said(result)
    assert call(f"stats {table} --output {tmp_path / 'new.json'}").exit_code == 0
    assert call(f"stats {table} --output {tmp_path / 'new.json'}").exit_code == 0


@pytest.mark.parametrize(
    ("line", "mine"),
    [("compare --output {}/t.csv", "t.csv"), ("compare --output {}/t.json", "t.png"),
     ("stats --figure {}/t.png --output {}/t.json", "t.pdf")],
)  # fmt: skip
def test_figures_and_comparisons_never_replace_a_file_of_the_user(tmp_path, line, mine):
    (tmp_path / mine).write_text("mine")
    result = call(line.format(tmp_path, tmp_path))
    assert (result.exit_code, (tmp_path / mine).read_text()) == (2, "mine")
    assert f"{tmp_path / mine}: is there and no earlier output" in said(result)


@pytest.mark.parametrize("name", ["results.md", "report.html", "tables"])
def test_a_report_never_replaces_files_of_the_user(tmp_path, name):
    output = tmp_path / "mine"
    if name == "tables":
        (output / name).mkdir(parents=True)
        (output / name / "a.csv").write_text("mine")
    else:
        output.mkdir()
        (output / name).write_text("mine")
    before = content(output)
    with pytest.raises(RequestError, match="is there and no earlier report"):
        report_results(tmp_path, output)
    assert content(output) == before


def test_a_path_that_is_no_utf8_is_refused_before_anything_is_computed(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/st\xff")
    features = make_features(FeatureStore(folder))
    with pytest.raises(RequestError, match="no UTF-8"):
        train(features, tmp_path / "runs")
    result = call(f"train --store '{folder}'")
    assert result.exit_code == 2
    assert "no UTF-8" in said(result)


@pytest.mark.parametrize("closed", ["1", "0,2"])
def test_closed_standard_streams_cost_no_head(features, tmp_path, closed):
    program = (
        "import os, sys\n"
        f"for number in ({closed},): os.close(number)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'fractalctl', *sys.argv[1:]])"
    )
    words = ["train", str(features.path), "-s", "lda", "--dims", "4,8", "--seeds", "1", "--runs",
             str(tmp_path / "runs")]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert len(find_heads([tmp_path / "runs"])) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_standard_error_costs_no_head(features, tmp_path):
    words = [sys.executable, "-m", "fractalctl", "train", str(features.path), "-s", "lda", "--dims", "4,8",
             "--runs", str(tmp_path / "runs")]  # fmt: skip
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=full, timeout=600)
    assert done.returncode == 0
    assert len(find_heads([tmp_path / "runs"])) == 5


def test_a_set_that_changes_while_it_is_used_makes_no_head(features, tmp_path, monkeypatch):
    fit = training.fit_arms

    def overwritten(*args: object):
        for job, fitted in fit(*args):
            with features.path.open("r+b") as stream:
                stream.seek(-8, os.SEEK_END)
                stream.write(b"\0" * 8)
            os.utime(features.path, ns=(1, 1))
            yield job, fitted

    monkeypatch.setattr(training, "fit_arms", overwritten)
    with pytest.raises(StoreError, match="was changed by another program while it was in use"):
        train(features, tmp_path / "runs")
    assert not list((tmp_path / "runs").rglob("head.json"))


@pytest.fixture
def cut_short(monkeypatch) -> None:
    """Every feature set that is trained on loses its second half in place meanwhile."""
    read = training.training_examples

    def examples(features: FeatureSet, *others: object):
        found = read(features, *others)
        os.truncate(features.path, features.n_bytes // 2)
        return found

    monkeypatch.setattr(training, "training_examples", examples)


def test_a_set_that_is_cut_short_while_it_is_trained_on_ends_no_process(features, tmp_path, cut_short):
    with pytest.raises(StoreError, match="was changed by another program while it was in use"):
        train(features, tmp_path / "runs", ["v5", "lda"], settings={"dims": (4, 8)})
    assert not list((tmp_path / "runs").rglob("head.json"))


def test_a_set_that_changes_makes_no_run_of_an_experiment(features, tmp_path, cut_short):
    few = {"settings": {"dims": (4, 8)}, "seeds": [1], "protocol": Protocol("loo", max_test=30)}
    with pytest.raises(StoreError, match="was changed by another program while it was in use"):
        ablate("alignment", features, tmp_path / "runs", ["lda", "pca"], **few)
    assert not list((tmp_path / "runs").rglob("*.parts/*.json"))


def test_a_set_that_changes_makes_no_evaluation(features, head, store, monkeypatch):
    measure = Evaluator.measure

    def meanwhile(*arguments: object):
        os.utime(features.path, ns=(1, 1))
        return measure(*arguments)

    monkeypatch.setattr(Evaluator, "measure", meanwhile)
    with pytest.raises(StoreError, match="was changed by another program while it was in use"):
        evaluate_heads([head], Protocol("loo"), store)
    assert not list(head.folder.glob("evaluation*"))


def test_a_smaller_experiment_leaves_what_a_larger_one_has_finished(features, tmp_path, monkeypatch):
    """Runs that a larger call had finished when it was stopped are there when it is given again."""
    few = {"protocol": Protocol("loo", max_test=30)}
    request, smaller = {"values": (2, 3), "seeds": (1, 2)}, {"values": (2,), "seeds": (1,)}
    trained, one_by_one = [], Condition.train

    def stops(self: Condition, jobs, *others):
        for job, run in one_by_one(self, jobs, *others):
            trained.append((self.point["block"], job.seed))
            yield job, run
            if len(trained) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(Condition, "train", stops)
    with pytest.raises(KeyboardInterrupt):
        ablate("capacity", features, tmp_path, ["lda"], **few, **request)
    ablate("capacity", features, tmp_path, ["lda"], **few, **smaller)
    ablate("capacity", features, tmp_path, ["lda"], **few, **request)
    assert trained == [(2, 1), (2, 2), (3, 1), (2, 1), (3, 2)]
    assert not list(tmp_path.rglob("*.parts"))


def test_a_folder_that_is_replaced_keeps_nothing_half_written(tmp_path):
    folder = tmp_path / "seed-1"
    with pytest.raises(ZeroDivisionError), replace_folder(folder, ()) as aside:
        (aside / "a").write_text("half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
