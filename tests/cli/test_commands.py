"""The commands as a whole: help, start-up, defaults, wrong requests, and argv that remakes a result."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import fractalctl
from fractalctl.cli import COMMANDS, build_app
from tests.cli.calls import CALLS, SMALL, call, done, process, said
from tests.feature_sets import make_features, make_store

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "datasets", "sklearn", "scipy", "numpy", "h5py", "faiss", "matplotlib",
         "pandas", "statsmodels", "jinja2")  # fmt: skip


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_every_command_explains_itself(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = done(shlex.join([*words, "--help"])).stdout
    assert all(option in text for option in ("--store", "--runs", "--json", "--quiet", "--verbose"))


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_no_list_is_lost_where_an_option_is_repeated(words: list[str]) -> None:
    command = typer.main.get_command(build_app(words[:1]))
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    single = [option.opts[0] for option in command.params if not getattr(option, "multiple", True)]
    lists = "by commas", "N,...", "NAME,...", "Lengths", "Prefix lengths", "Splits"
    said = {option.opts[0]: f"{option.metavar} {getattr(option, 'help', '')}" for option in command.params}
    assert not [option for option in single if any(word in said[option] for word in lists)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_help_and_import_load_nothing_heavy() -> None:
    code = (
        "import sys, fractalctl, fractalctl.cli as cli, store\n"
        "try: cli.build_app()(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("name", fractalctl.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(fractalctl, name).__doc__


def test_unknown_public_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        getattr(fractalctl, "trian")  # noqa: B009  the look-up is what is tested


def test_version_and_wrong_options() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", process("--version").stdout)
    wrong = process("train --queries none")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_defaults_take_the_obvious_thing_and_say_which(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    trained = done(f"train {SMALL}")
    paths = [Path(path).relative_to(tmp_path / "runs").as_posix() for path in trained.stdout.splitlines()]
    assert paths == [
        f"garden/gaussian/zoom-dims=4x8x12x16-epochs=1/seed-{seed}/head.safetensors" for seed in (42, 123)
    ]
    assert f"garden/gaussian.h5 (the only one in {tmp_path / 'store'})" in trained.stderr
    assert "Strategy: zoom (--strategy names others" in trained.stderr
    evaluated = done("evaluate --protocol index")
    assert f"Heads: all below {tmp_path / 'runs'}" in evaluated.stderr
    documents = [json.loads(Path(path).read_text()) for path in evaluated.stdout.splitlines()]
    assert sorted(document["seed"] for document in documents) == [42, 123]
    make_features(store, "meadow")
    again = done(f"train {SMALL}")
    assert f"meadow/gaussian.h5 (the one written last of 2 in {tmp_path / 'store'})" in again.stderr
    other = make_features(store, "meadow", seed=5)
    named = done("train meadow --strategy lda --dims 4,8 --seeds 42")
    assert f"{other.path} (the one written last of 2 called meadow in {tmp_path / 'store'})" in named.stderr
    assert "Feature set: " not in done("train meadow/gaussian --strategy lda --dims 4,8 --seeds 42").stderr


def test_a_result_is_remade_by_its_own_argv(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    done(f"train --strategy v5,mrl {SMALL}")
    path = Path(done("evaluate --rows-seed 3 --max-test 90").stdout.splitlines()[0])
    description = path.parent / "head.json"
    evaluation, head = (json.loads(file.read_text()) for file in (path, description))
    path.unlink()
    description.unlink()
    for document in (head, evaluation):
        done(shlex.join(document["argv"][1:]))
    again, head_again = (json.loads(file.read_text()) for file in (path, description))
    assert (again["identity"], again["argv"]) == (evaluation["identity"], evaluation["argv"])
    same = ("identity", "arm", "settings", "argv")
    assert [head_again[key] for key in same] == [head[key] for key in same]
    # Trained alone, the head equals the one that was trained in a fleet up to rounding.
    losses = [[record["loss"] for record in one["history"]] for one in (head_again, head)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_ablate_and_report(tmp_path: Path) -> None:
    make_features(make_store(tmp_path / "store"), "meadow", seed=2)
    ablated = done(f"ablate garden meadow {SMALL}")
    assert "v5-dims=4x8x12x16-epochs=1 vs inverted" in ablated.stderr
    assert len(ablated.stdout.splitlines()) == 2
    done(f"train garden --strategy v5,mrl {SMALL}")
    done("evaluate")
    pytest.importorskip("matplotlib")
    page = tmp_path / "page" / "results.md"
    for options, claims in (("", False), ("--paper", True)):
        reported = done(f"report {options} --output {page.parent}")
        told = page.read_text() + "".join(path.read_text() for path in page.parent.glob("results/*.md"))
        assert "### Alignment" in told
        assert ("paper" in page.read_text().lower()) is claims
        assert all(Path(path).stat().st_size > 10 for path in reported.stdout.splitlines())
        assert str(tmp_path) not in told


def test_a_report_is_of_a_folder_or_of_a_name_below_the_runs(tmp_path: Path) -> None:
    (tmp_path / "runs" / "tickets").mkdir(parents=True)
    assert f"{tmp_path / 'runs' / 'tickets'}: no results here" in said(call("report tickets"))
    assert f"Runs: {tmp_path / 'runs'}" in said(call("report"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train nothing", "nothing"),
        ("train garden --strategy v9", "strategy 'v9' is not known; choose from v5"),
        ("train garden --dims 64,32", "dims must be positive and ascending"),
        ("train garden --dims a", "setting dims: expected"),
        ("train garden --epochs many", "setting epochs: expected int"),
        ("train garden --schedule linear", "setting schedule: expected cosine or constant"),
        ("train garden --device cuda:99", "device 'cuda:99' cannot be used here"),
        ("train garden --head forest", "trunk 'forest' is not known; choose from"),
        ("train garden --seeds one", "--seeds 'one': expected whole numbers"),
        ("evaluate missing", "missing: no such file or folder"),
        ("train gardn", "no feature set 'gardn' in"),
        ("train gardn", "(did you mean 'garden'?); there is garden/gaussian"),
        ("ablate --axis nois", "axis 'nois' is not known (did you mean 'noise'?)"),
        ("compare", "no evaluations here; run 'fractalctl evaluate'"),
        ("evaluate", "nothing trained yet; fractalctl train"),
        ("report", "no results here"),
    ],
)
def test_wrong_requests_end_with_one_message(tmp_path: Path, line: str, message: str) -> None:
    make_store(tmp_path / "store")
    result = call(line)
    assert result.exit_code == 2, result.stderr
    assert message in said(result)
    assert (result.stdout, "Traceback" in result.stderr) == ("", False)
    assert not (tmp_path / "runs").exists()


DASHES = (
    *("train -", "evaluate -", "ablate -", "synth -", "stats -", "stats - --holm"),
    *("bench-latency -", "search - words", "search -", "embed -", "export -", "index -"),
    *("store verify -", "store rm - --yes"),
)


def test_a_dash_that_gets_nothing_is_an_error(tmp_path: Path) -> None:
    """A pipe whose first command failed does not go on with whatever lies about."""
    make_store(tmp_path / "store")
    done(f"train --strategy v5,mrl {SMALL}")
    done("evaluate")
    for line in DASHES:
        result = call(line, "")
        assert (line, result.exit_code, result.stdout) == (line, 2, "")
        assert "standard input: expected" in said(result)


def test_an_interrupted_training_ends_with_130(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    # A shell lets what it starts in the background ignore interrupts, and children inherit that.
    listening = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", listening + "runpy.run_module('fractalctl', run_name='__main__')"]
    command += ["train", "--epochs", "100000", "--dims", "4,16"]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert any("garden" in line for line in started.stderr)
        started.send_signal(signal.SIGINT)
        _, stderr = started.communicate(timeout=600)
    finally:
        started.kill()
    assert (started.returncode, "interrupted" in stderr) == (130, True), stderr
    assert not list(tmp_path.glob("runs/**/head.json"))
