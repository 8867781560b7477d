"""``featurize`` as a command: what it prints and passes on, its exit codes, and calls that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fractalctl.backbones.featurize import featurize, recipe_for
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.corpora.request import CorpusRequest
from store import FeatureStore
from store.contents import BLOCK_ROWS
from tests.backbones.tables import write_table
from tests.cli.calls import call, done, process, said

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "datasets", "huggingface_hub", "sklearn", "scipy", "pandas")


DIES_AT_THE_THIRD_BLOCK = """
import os, signal, sys
from fractalctl.backbones.encoder import Backbone
from fractalctl.cli import build_app
encode, calls = Backbone.encode, []
def encode_or_die(self, *given):
    calls.append(given)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(self, *given)
Backbone.encode = encode_or_die
build_app()(sys.argv[1:])
"""


@pytest.mark.slow  # in the suite two processes, and each command at other moments, are killed in this way
def test_killed_and_called_again_it_ends_with_the_same_bytes(
    bert: Path, tmp_path: Path, store: FeatureStore
) -> None:
    request = CorpusRequest(str(write_table(tmp_path / "talk.csv", 2 * BLOCK_ROWS, BLOCK_ROWS // 2)))
    whole = featurize(request, str(bert), FeatureStore(tmp_path / "whole"), device="cpu")
    path = store.path_for(recipe_for(request, resolve_backbone(str(bert))))
    line = f"featurize {request.source} --backbone {bert} --store {store.folder} --device cpu"
    words = [sys.executable, "-c", DIES_AT_THE_THIRD_BLOCK, *line.split()]
    victim = subprocess.run(words, check=False, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert victim.returncode == -signal.SIGKILL
    n_blocks = len(list(path.parent.glob("*.parts/*.part")))
    assert 0 < n_blocks < 3, "it was killed in the middle"
    assert not path.exists()

    again = process(line)
    assert (again.returncode, again.stdout) == (0, f"{path}\n"), again.stderr
    assert f"{n_blocks} of 3 blocks were encoded before; going on from there" in again.stderr
    assert path.read_bytes() == whole.path.read_bytes()
    assert not path.with_name(f"{path.name}.parts").exists()


def test_a_hit_imports_nothing_heavy(table: CorpusRequest, bert: Path, store: FeatureStore) -> None:
    made = featurize(table, str(bert), store, device="cpu")
    arguments = ["featurize", table.source, "--backbone", str(bert), "--store", str(store.folder), "--json"]
    code = (
        "import sys\nfrom fractalctl.cli import build_app\n"
        f"try: build_app()({arguments!r})\n"
        "except SystemExit as end: assert not end.code\n"
        f"assert not [name for name in {HEAVY!r} if name in sys.modules]"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document.pop("seconds") < 30
    assert document == {
        "path": str(made.path),
        "identity": made.identity,
        "corpus": "talk",
        "backbone": "bert",
        "rows": {"train": 40, "test": 12},
        "duplicates": 0,
        "dimension": 32,
        "cache": "hit",
    }


def test_out_of_reach_the_command_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    started = time.perf_counter()
    result = process("featurize clinc --backbone bge-small")
    assert time.perf_counter() - started < 45, (
        "the hub's own libraries would repeat their requests for longer"
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("Error:") == 1
    assert "127.0.0.1:9" in result.stderr
    assert "--data PATH" in result.stderr


def test_the_command_prints_the_path_and_says_what_it_did(table: CorpusRequest, bert: Path) -> None:
    made = done(f"featurize {table.source} --backbone {bert} --device cpu")
    assert Path(made.stdout.strip()).name == "bert.h5"
    assert "encoded 52 rows on cpu" in made.stderr
    again = done(f"featurize {table.source} --backbone {bert} --json --quiet")
    assert (json.loads(again.stdout)["cache"], again.stderr) == ("hit", "")


def test_the_command_passes_its_options_on(table: CorpusRequest, bert: Path) -> None:
    options = "--pooling cls --prompt 'query: ' --max-length 16 --dtype bfloat16 --splits test --max-test 5"
    made = done(f"featurize {table.source} --backbone {bert} {options} --device cpu --json")
    document = json.loads(made.stdout)
    assert (document["rows"], document["cache"]) == ({"test": 5}, "miss")
    wanted = recipe_for(
        CorpusRequest(table.source, max_test=5),
        resolve_backbone(str(bert), pooling="cls", prompt="query: ", max_length=16, dtype="bfloat16"),
        ("test",),
    )
    assert document["identity"] == wanted.identity()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--backbone minlim", 2, "did you mean 'minilm'?"),
        ("--backbone ./nowhere", 2, "no such model folder"),
        ("--device abacus", 2, "device 'abacus' cannot be used here"),
        ("--offline --backbone hub:owner/tiny", 1, "(--offline)"),
    ],
)
def test_a_wrong_request_has_an_exit_code_and_one_message(
    table: CorpusRequest, bert: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch,
    options: str, code: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("fractalctl.backbones.locate.go_offline", lambda: None)
    result = call(f"featurize {table.source} --backbone {bert} {options}")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.count("Error:") == 1
    assert message in said(result)
