"""What starting costs: the modules that a call imports. Times are in tests/benchmarks."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fractalctl.backbones.featurize import recipe_for
from fractalctl.backbones.spec import registered_backbones
from fractalctl.cli import COMMANDS, build_app
from fractalctl.corpora.request import CorpusRequest
from store import Contents, FeatureStore
from tests.feature_sets import Rows

NEVER_FOR_HELP = (
    *("numpy", "h5py", "torch", "pydantic", "rich.console"),
    *("importlib.metadata", "msgspec", "statistics", "tomllib"),
)
NEVER_FOR_A_HIT = (
    *("torch", "transformers", "datasets", "huggingface_hub", "sklearn", "scipy", "pandas", "faiss"),
    *("matplotlib", "filelock", "rich.console"),
    *("fractalctl.backbones.encoder", "fractalctl.backbones.locate"),
)


def modules_of(*arguments: str) -> tuple[set[str], str]:
    """Everything that a call imports, and its standard output."""
    code = (
        f"import sys\nsys.argv = {['fractalctl', *arguments]!r}\n"
        "from fractalctl.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()), done.stdout


def test_help_in_a_pipe_is_plain_and_loads_little() -> None:
    modules, text = modules_of("--help")
    assert modules & set(NEVER_FOR_HELP) == set()
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_only_the_called_command_is_imported() -> None:
    modules, _ = modules_of("evaluate", "--help")
    commands = {name.replace("-", "_") for name in COMMANDS}
    assert {name for name in commands if f"fractalctl.cli.{name}" in modules} == {"evaluate"}


def test_plain_help_leaves_examples_line_by_line() -> None:
    shown = CliRunner().invoke(build_app(), ["evaluate", "--help"]).stdout.splitlines()
    assert "  fractalctl evaluate --protocol index --metrics all runs/clinc/minilm/v5" in shown
    assert not [line for line in shown if "```" in line or "╭" in line]


def test_help_for_people_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = CliRunner().invoke(build_app(), ["evaluate", "--help"], env={"COLUMNS": "100"}).stdout
    assert "╭─ Options" in shown
    assert "```" not in shown
    assert "\b" not in shown


def test_completing_names_loads_no_torch() -> None:
    code = (
        "import sys\nfrom fractalctl.cli import completion as names\n"
        "kinds = names.STRATEGIES, names.METRICS, names.BACKBONES, names.CORPORA\n"
        "offered = [kind(None, '') for kind in kinds]\n"
        "assert all(offered), offered\n"
        "assert 'torch' not in sys.modules\n"
        "from fractalctl.heads.arms import strategies\n"
        "from fractalctl.measures.metrics import EVERY, NONE, metrics\n"
        "assert offered[0] == list(strategies())\n"
        "assert sorted(offered[1]) == sorted([*metrics(), EVERY, NONE])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def cached(tmp_path: Path) -> list[str]:
    """The command that made a feature set, as far as the store can tell."""
    table = tmp_path / "tickets.csv"
    table.write_text("text,coarse,fine,split\n" + "a,x,y,train\nb,x,z,test\n", encoding="utf-8")
    request = CorpusRequest(str(table))
    labels = np.zeros((1, 2), np.int32)
    splits = {name: Rows(["a"], labels, ["0"]) for name in ("train", "test")}
    store = FeatureStore(tmp_path / "store")
    with store.writer(recipe_for(request, registered_backbones()["minilm"])) as writer:
        draft = writer.draft(Contents(splits, (("x",), ("y", "z")), (np.zeros(2, np.int32),)), dimension=4)
        for block in draft.missing_blocks():
            draft.write_block(block, np.ones((len(block), 4), np.float32))
        made = draft.publish()
    return ["featurize", str(table), "--backbone", "minilm", "--store", str(store.folder), str(made.path)]


def test_a_hit_loads_no_more_than_it_needs(cached: list[str]) -> None:
    *arguments, path = cached
    modules, printed = modules_of(*arguments)
    assert printed == f"{path}\n"
    assert f"{path} is in the store" in modules
    assert modules & set(NEVER_FOR_A_HIT) == set()
