"""Imports run one way along the road, and no file grows beyond what one can read at a sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROAD = ("corpora", "backbones", "heads", "measures", "statistics", "report", "paper", "export", "experiments",
        "cli")  # fmt: skip
FREE = {"errors", "signals", "progress", "versions", "device", "executors", "plugins", "randomness",
        "numbers", "tables", "documents"}  # fmt: skip
"""What every part may know; these know only one another."""
MODULES = sorted([*ROOT.glob("fractalctl/**/*.py"), *ROOT.glob("store/*.py")])


def imported(path: Path) -> set[str]:
    """Dotted names of everything a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_part_knows_only_the_parts_before_it(path: Path) -> None:
    part = path.relative_to(ROOT).parts
    ours = [name.split(".") for name in imported(path) if name.split(".")[0] == "fractalctl"]
    if part[0] == "store":
        assert ours == []
    elif part[1] in ROAD:
        known = {*ROAD[: ROAD.index(part[1]) + 1], *FREE}
        assert {name[1] for name in ours if len(name) > 1} <= known
    elif part[1].removesuffix(".py") in FREE:
        assert {name[1] for name in ours if len(name) > 1} <= FREE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400
