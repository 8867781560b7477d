"""``fractalctl stats`` as a user runs it."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fractalctl.cli.stats import register
from tests.statistics.material import random_hits, write_evaluation, write_table

SEEDS = [(corpus, arm, seed, (0.1 if arm == "v5" else 0.0) + 0.01 * seed * (1 + (arm == "v5")))
         for corpus in ("clinc", "trec") for arm in ("v5", "mrl") for seed in (1, 2, 3)]  # fmt: skip


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def run(app: typer.Typer, command: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["stats", *shlex.split(command)], input=stdin)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "seeds.csv", SEEDS)


def test_all_evaluations_under_runs_are_the_default(app, runs: Path):
    result = run(app, "--holm")
    assert result.exit_code == 0, result.output
    path = Path(result.stdout.strip())
    assert path == runs / "stats.json"
    assert f"Taking all 12 evaluations under {runs}" in result.stderr
    assert "v5 against mrl" in result.stderr
    document = json.loads(path.read_text())
    assert document["argv"][:3] == ["fractalctl", "stats", "--holm"]
    assert document["versions"].keys() >= {"python", "fractalctl", "scipy"}
    assert not list(runs.glob(".*.tmp"))


def test_a_table_gives_the_document_on_standard_output(app, table: Path, tmp_path: Path):
    result = run(app, f"{table} --holm --json --quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert [row["corpus"] for row in document["comparisons"]] == ["clinc", "trec"]
    assert document["argv"][-1] == str(table)
    assert (tmp_path / "runs" / "stats.json").exists()


def test_paths_come_from_standard_input(app, runs: Path):
    paths = "".join(f"{path}\n" for path in sorted(runs.rglob("evaluation-loo.json")))
    assert run(app, "- --holm", paths).exit_code == 0
    empty = run(app, "-", "\n")
    assert empty.exit_code == 2
    assert "standard input named no evaluation" in empty.stderr


def test_the_recorded_argv_repeats_the_document(app, table: Path, tmp_path: Path):
    first = json.loads(run(app, f"{table} --bh --compare mrl,v5 --meta --equivalence 0.05 --json").stdout)
    again = run(app, shlex.join([*first["argv"][2:], "--json"]))
    assert json.loads(again.stdout) == first


@pytest.mark.parametrize("form", ["md", "latex", "csv"])
def test_formats(app, table: Path, form: str):
    result = run(app, f"{table} --holm --format {form}")
    assert result.exit_code == 0
    assert {"md": "# Statistics", "latex": r"\section{Statistics}", "csv": "corpus,backbone"}[
        form
    ] in result.stdout
    assert "v5 against mrl" not in result.stderr


def test_output_names_the_document(app, table: Path, tmp_path: Path):
    result = run(app, f"{table} --output {tmp_path / 'there' / 'mine.json'}")
    assert result.stdout.strip() == str(tmp_path / "there" / "mine.json")
    assert json.loads((tmp_path / "there" / "mine.json").read_text())["correction"] is None


def test_a_figure_pools_and_is_listed(app, table: Path, tmp_path: Path):
    result = run(app, f"{table} --figure {tmp_path / 'forest.png'}")
    assert result.stdout.splitlines()[1:] == [str(tmp_path / "forest.png"), str(tmp_path / "forest.pdf")]
    assert "Pooled effect" in result.stderr


def test_a_curve_needs_no_evaluations(app, tmp_path: Path):
    curve = write_table(tmp_path / "curve.csv", [(1, 0.1), (2, 0.3), (3, 0.25)], "h_l0,v5")
    result = run(app, f"--quadratic {curve}")
    assert result.exit_code == 0
    assert "Parabola over H(L0)" in result.stderr


def test_protocols_are_said(app, runs: Path):
    for strategy in ("v5", "mrl"):
        for seed in (42, 123, 456):
            write_evaluation(runs, random_hits(seed), strategy=strategy, seed=seed, protocol="index")
    assert "'loo' was taken" in run(app, "--holm").stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--holm --bh", 2, "one correction at a time, not --holm and --bh"),
        ("--compare v5", 2, "--compare v5: expected two different strategies"),
        ("--compare v5,v5", 2, "expected two different strategies"),
        (
            "--compare v5,uhmt",
            2,
            "no corpus was measured with both v5 and uhmt; strategies there are: mrl, v5",
        ),
        ("--format md --json", 2, "both want standard output"),
        ("--metric S_mono", 2, "line 2: no metric 'S_mono' (there is: S)"),
        ("--family many", 2, "expected pair, corpus, backbone, all"),
        ("--scaling", 2, "--profiles FILE.csv"),
        ("--equivalence 0", 2, "an equivalence margin is a positive number"),
        ("--backbone e5", 2, "under backbone 'e5'"),
        ("--protocol loo", 2, "nothing was measured under protocol 'loo' (there is: none named)"),
        ("--protocol all", 2, "'all' is not one of"),
        ("--profiles absent.csv --scaling", 2, "absent.csv: no such file"),
    ],
)
def test_wrong_requests_end_with_one_message(app, table: Path, options: str, code: int, message: str):
    result = run(app, f"{table} {options}")
    assert result.exit_code == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_nothing_to_do_says_what_to_do(app, tmp_path: Path):
    result = run(app, "")
    assert result.exit_code == 2
    assert "no evaluations here; run 'fractalctl evaluate', or name a table" in result.stderr


def test_a_damaged_evaluation_is_a_failure(app, runs: Path):
    next(runs.rglob("evaluation-loo.json")).write_text("{")
    result = run(app, "")
    assert result.exit_code == 1
    assert "not JSON" in result.stderr


def test_help_has_examples(app):
    text = run(app, "--help").stdout
    assert "fractalctl stats seeds.csv --profiles profiles.csv --holm --scaling" in text
    assert "fractalctl evaluate | fractalctl stats - --holm --figure forest.png" in text


def test_nothing_heavy_is_imported():
    code = """
import sys
import fractalctl.cli.stats
assert "numpy" not in sys.modules
import fractalctl.statistics
heavy = {"torch", "sklearn", "pandas", "matplotlib", "h5py", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
