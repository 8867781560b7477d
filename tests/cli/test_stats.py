"""``fractalctl stats`` as a user runs it."""

import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fractalctl.statistics.reading import read_evaluation
from tests.cli.calls import call, done, said
from tests.statistics.material import arms_of, profile, random_hits, write_evaluation, write_table

SEEDS = [(corpus, arm, seed, (0.1 if arm == "v5" else 0.0) + 0.01 * seed * (1 + (arm == "v5")))
         for corpus in ("clinc", "trec") for arm in ("v5", "mrl") for seed in (1, 2, 3)]  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "seeds.csv", SEEDS)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Evaluations of two corpora, two arms and three seeds."""
    for number, corpus in enumerate(("clinc", "trec")):
        for seed in (42, 123, 456):
            for arm, steerable in (("v5", 0.3), ("mrl", 0.0)):
                hits = random_hits(seed + number, steerable)
                write_evaluation(tmp_path / "runs", hits, corpus=corpus, strategy=arm, seed=seed)
    return tmp_path / "runs"


def test_all_evaluations_under_runs_are_the_default(runs: Path) -> None:
    result = done("stats --holm")
    path = Path(result.stdout.strip())
    assert path == runs / "stats.json"
    assert f"Taking all 12 evaluations under {runs}" in result.stderr
    assert "v5 against mrl" in result.stderr
    document = json.loads(path.read_text())
    assert document["argv"][:2] == ["fractalctl", "stats"]
    assert "--holm" in document["argv"]
    assert document["versions"].keys() >= {"python", "fractalctl", "scipy"}
    assert not list(runs.glob(".*.tmp"))


def test_what_was_asked_comes_first_in_the_words_of_the_user(tmp_path: Path) -> None:
    named = profile(levels=["area", "intent"])
    arms_of(tmp_path / "runs", {"v5": 0.3, "mrl": 0.0, "lda": 0.1}, profile=named)
    shown = done("stats --holm").stderr
    heading = next(line for line in shown.splitlines() if "area" in line)
    assert heading.split("  ")[1:] and "area [L0] at 64" in heading and "intent [L1] at 256" in heading
    assert shown.index("area [L0] at 64") < shown.index("S: v5 against mrl")
    accuracy = [read_evaluation(path) for path in sorted((tmp_path / "runs").rglob("v5/**/*.json"))]
    mean = 100 * sum(one.metrics["short_coarse"] for one in accuracy) / len(accuracy)
    (row,) = [line.split() for line in shown.splitlines() if line.split()[:1] == ["v5"]]
    assert float(row[1]) == pytest.approx(mean, abs=0.06)
    assert "minilm, cut" in shown
    asked = shown[: shown.index("S: v5 against mrl")]
    assert "mrl" in asked and "lda" not in asked, "of the arms that are compared"


def test_whom_arms_are_compared_with_is_chosen_and_said(tmp_path: Path) -> None:
    arms_of(tmp_path / "runs", {"heal": 0.3, "raw": 0.0, "zoom": 0.1})
    result = done("stats --json")
    pairs = {(row["a"], row["b"]) for row in json.loads(result.stdout)["comparisons"]}
    assert pairs == {("heal", "raw"), ("zoom", "raw")}
    assert "Compared with raw; --reference ARM or --compare A,B names others" in said(result)
    assert "Compared with" not in said(done("stats --reference heal"))
    zoom, heal = tmp_path / "runs/clinc/minilm/zoom", tmp_path / "runs/clinc/minilm/heal"
    assert [row["a"] for row in json.loads(done(f"stats {zoom} {heal} --json").stdout)["comparisons"]] == [
        "zoom"
    ]


def test_a_table_gives_the_document_on_standard_output(table: Path, tmp_path: Path) -> None:
    result = done(f"stats {table} --holm --json --quiet")
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert [row["corpus"] for row in document["comparisons"]] == ["clinc", "trec"]
    assert document["argv"][-1] == str(table)
    assert (tmp_path / "runs" / "stats.json").exists()


def test_paths_come_from_standard_input(runs: Path) -> None:
    paths = "".join(f"{path}\n" for path in sorted(runs.rglob("evaluation-loo.json")))
    assert len(json.loads(done("stats - --holm --json", paths).stdout)["comparisons"]) == 2


def test_one_arm_is_described(tmp_path: Path) -> None:
    arms_of(tmp_path / "runs", {"v5": 0.3})
    result = done("stats --holm --json")
    document = json.loads(result.stdout)
    assert document["comparisons"] == []
    (row,) = document["described"]
    assert (row["arm"], row["n"]) == ("v5", 3)
    assert row["ci"][0] < row["mean"] < row["ci"][1]
    assert row["zero"]["value"] == 0
    assert row["truncation"]["value"] == pytest.approx(0)
    assert "v5" in result.stderr


def test_any_two_arms_can_be_compared_and_all_with_one(tmp_path: Path) -> None:
    arms_of(tmp_path / "runs", {"lda": 0.1, "v5-fractal": 0.2, "heal": 0.3})
    (row,) = json.loads(done("stats --compare heal,lda --json").stdout)["comparisons"]
    assert (row["a"], row["b"]) == ("heal", "lda")
    rows = json.loads(done("stats --reference lda --json").stdout)["comparisons"]
    assert {frozenset((row["a"], row["b"])) for row in rows} == {
        frozenset(("lda", other)) for other in ("v5-fractal", "heal")
    }


def test_the_recorded_argv_repeats_the_document(table: Path) -> None:
    first = json.loads(done(f"stats {table} --bh --compare mrl,v5 --meta --equivalence 0.05 --json").stdout)
    assert json.loads(done(shlex.join([*first["argv"][1:], "--json"])).stdout) == first


@pytest.mark.parametrize(
    ("form", "beginning"), [("md", "# Statistics"), ("latex", r"\section{Statistics}"), ("csv", "label,")]
)
def test_formats(table: Path, form: str, beginning: str) -> None:
    result = done(f"stats {table} --holm --format {form}")
    assert result.stdout.startswith(beginning) or form == "csv"
    if form == "csv":
        rows = list(csv.DictReader(result.stdout.splitlines()))
        assert [(row["corpus"], row["a"], row["b"]) for row in rows] == [
            ("clinc", "v5", "mrl"),
            ("trec", "v5", "mrl"),
        ]
    assert "v5 against mrl" not in result.stderr


def test_output_names_the_document(table: Path, tmp_path: Path) -> None:
    result = done(f"stats {table} --output {tmp_path / 'there' / 'mine.json'}")
    assert result.stdout.strip() == str(tmp_path / "there" / "mine.json")
    assert json.loads((tmp_path / "there" / "mine.json").read_text())["correction"] is None


def test_a_figure_pools_and_is_listed(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = done(f"stats {table} --figure {tmp_path / 'forest.png'}")
    assert result.stdout.splitlines()[1:] == [str(tmp_path / "forest.png"), str(tmp_path / "forest.pdf")]
    assert "Pooled effect" in result.stderr


def test_what_cannot_be_drawn_leaves_no_document(tmp_path: Path) -> None:
    arms_of(tmp_path / "runs", {"lda": 0.1})
    result = call("stats --figure forest.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no two arms were compared" in said(result)
    assert not (tmp_path / "runs" / "stats.json").exists()


def test_a_figure_of_arms_that_do_not_vary_says_what_is_lacking(tmp_path: Path) -> None:
    rows = [("clinc", arm, seed, value) for arm, value in (("v5", 0.1), ("mrl", 0.0)) for seed in (1, 2)]
    table = write_table(tmp_path / "seeds.csv", rows)
    result = call(f"stats {table} --figure {tmp_path / 'forest.png'}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "none of v5 over mrl: a corpus needs two seeds whose differences vary" in said(result)


def test_a_curve_needs_no_evaluations(tmp_path: Path) -> None:
    curve = write_table(tmp_path / "curve.csv", [(1, 0.1), (2, 0.3), (3, 0.25)], "h_l0,v5")
    assert "Parabola over H(L0)" in done(f"stats --quadratic {curve}").stderr


def test_arms_and_folders_go_by_the_names_that_people_have_for_them(tmp_path: Path) -> None:
    arms_of(tmp_path / "runs", {"zoom": 0.3, "mrl": 0.0, "lda": 0.1})
    document = json.loads(done("stats clinc --compare zoom-0.9,mrl --json").stdout)
    assert [(row["a"], row["b"]) for row in document["comparisons"]] == [("zoom", "mrl")]
    assert document["argv"][-1] == str(tmp_path / "runs" / "clinc")
    wrong = call("stats --compare zoom-0.5,mrl")
    assert wrong.exit_code == 2
    assert "with both zoom-0.5 and mrl; arms there are: lda, mrl, zoom" in said(wrong)


def test_protocols_are_said_only_where_there_was_a_choice(runs: Path) -> None:
    for arm in ("v5", "mrl"):
        for seed in (42, 123, 456):
            write_evaluation(runs, random_hits(seed), strategy=arm, seed=seed, protocol="index")
    assert "'loo' was taken" in done("stats --holm").stderr
    assert "was taken" not in done("stats --holm --protocol loo").stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--holm --bh", "one correction at a time, not --holm and --bh"),
        ("--compare v5", "--compare v5: expected two different arms"),
        ("--compare v5,v5", "expected two different arms"),
        ("--compare v5,uhmt", "no corpus was measured with both v5 and uhmt"),
        ("--format md --json", "both want standard output"),
        ("--metric S_mono", "line 2: no metric 'S_mono' (there is: S)"),
        ("--family many", "expected pair, corpus, corpus-pair, backbone, all"),
        ("--scaling", "--profiles FILE.csv"),
        ("--equivalence 0", "an equivalence margin is a positive number"),
        ("--backbone e5", "under backbone 'e5'"),
        ("--protocol loo", "nothing was measured under protocol 'loo' (there is: none named)"),
        ("--protocol all", "nothing was measured under protocol 'all'"),
        ("--profiles absent.csv --scaling", "absent.csv: no such file"),
    ],
)
def test_wrong_requests_end_with_one_message(table: Path, options: str, message: str) -> None:
    result = call(f"stats {table} {options}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in said(result)
    assert "Traceback" not in result.stderr


def test_nothing_to_do_says_what_to_do() -> None:
    result = call("stats")
    assert result.exit_code == 2
    assert "no evaluations here; run 'fractalctl evaluate', or name a table" in said(result)


def test_a_damaged_evaluation_is_a_failure(runs: Path) -> None:
    path = next(runs.rglob("evaluation-loo.json"))
    path.write_text("{")
    result = call("stats")
    assert result.exit_code == 1
    assert f"{path}: not a result file" in said(result)


def test_nothing_heavy_is_imported() -> None:
    code = """
import sys
import fractalctl.cli.stats
assert "numpy" not in sys.modules
import fractalctl.statistics
heavy = {"torch", "sklearn", "matplotlib", "h5py", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
