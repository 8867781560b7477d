"""Change one operator or number of a module at a time, and see whether its tests notice.

``python -m tests.mutants RESULTS PAGE MODULE=TESTS...`` adds what came of it to a file of results, and puts
all of these into a page, between two marks. It ends with 1 if a change is neither noticed nor explained in
``tests/mutants.toml``. Changes are cosmic-ray's, one or two for each place; they are made in memory, in a
child of a process that has imported everything large.
"""

import difflib
import importlib
import json
import os
import signal
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from tests.faults.counts import put

OPERATORS = (
    *(f"ReplaceBinaryOperator_{change}" for change in (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul", "BitAnd_BitOr")),
    *(f"ReplaceComparisonOperator_{change}" for change in (
        "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Is_IsNot", "IsNot_Is")),
    "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot", "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak", "NumberReplacer", "ZeroIterationForLoop",
)  # fmt: skip
LARGE = ("h5py", "hypothesis.strategies", "numpy", "pandas", "pingouin", "safetensors.torch", "scipy.stats",
         "sklearn.metrics", "statsmodels.stats.multitest", "statsmodels.stats.power", "torch",
         "typer.testing")  # fmt: skip
QUIET = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=no shrinking",
         "-W", "ignore::pytest.PytestAssertRewriteWarning")  # fmt: skip
UNEXPLAINED = "**not explained**"
EXPLAINED = Path(__file__).with_suffix(".toml")


@dataclass
class Module:
    """A module, the tests that have to notice changes in it, and what came of them.

    Attributes:
        survivors: line before, line after.
    """

    path: str
    tests: list[str]
    tried: int = 0
    survivors: list[tuple[str, str]] = field(default_factory=list)


def changes(source: str) -> Iterator[str]:
    """The source with each change, each once."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    seen = {source}
    for name in OPERATORS:
        operator, number = get_operator(f"core/{name}")(), 0
        while (changed := mutate_code(source, operator, number)) is not None:
            number += 1
            if changed not in seen:
                seen.add(changed)
                yield changed


def difference(before: str, after: str) -> tuple[str, str]:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[3:]
    old, new = ([line[1:].strip() for line in lines if line[0] == sign] for sign in "-+")
    return " ".join(old), " ".join(new)


def start(module: Module, source: str, seconds: float) -> int:
    """Run the tests in a child where the module has this source; gives its process id."""
    child = os.fork()
    if child:
        return child
    original, place = SourceFileLoader.get_code, str(Path(module.path).resolve())

    def get_code(loader: SourceFileLoader, name: str):
        return compile(source, place, "exec") if loader.path == place else original(loader, name)

    code: int = pytest.ExitCode.INTERNAL_ERROR
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        sys.dont_write_bytecode = True
        SourceFileLoader.get_code = get_code
        code = pytest.main([*QUIET, *module.tests])
    finally:
        os._exit(code)


def ended(child: int = -1) -> tuple[int, bool]:
    """Wait for a child, or any; gives which, and whether its tests passed."""
    child, status = os.waitpid(child, 0)
    return child, status == 0


def try_all(module: Module, at_once: int) -> None:
    """Try every change of a module, several at once."""
    source, started = Path(module.path).read_text("utf-8"), time.monotonic()
    if not ended(start(module, source, 600))[1]:
        raise SystemExit(f"{module.path}: {' '.join(module.tests)} fails as it is")
    seconds = 10 + 10 * (time.monotonic() - started)
    running: dict[int, str] = {}

    def collect() -> None:
        child, passed = ended()
        changed = running.pop(child)
        if passed:
            module.survivors.append(difference(source, changed))
            sys.stdout.write(f"{module.path}\n- {module.survivors[-1][0]}\n+ {module.survivors[-1][1]}\n")
            sys.stdout.flush()

    for changed in changes(source):
        if len(running) == at_once:
            collect()
        running[start(module, changed, seconds)] = changed
        module.tried += 1
    while running:
        collect()


def code(text: str) -> str:
    return f"`` {text} ``".replace("|", "\\|")


def table(modules: list[Module]) -> str:
    """What was tried, and each survivor with its explanation, as Markdown."""
    listed = tomllib.loads(EXPLAINED.read_text("utf-8")).get("change", [])
    whys = {(one["module"], one["before"], one["after"]): one["why"] for one in listed}
    rows = [
        f"| `{one.path}` | {one.tried} | {one.tried - len(one.survivors)} | {len(one.survivors)} |"
        for one in modules
    ]
    text = "| module | changes | noticed | not noticed |\n|:--|--:|--:|--:|\n" + "\n".join(rows) + "\n"
    left = [
        f"| {code(before)} | {code(after)} | {whys.get((one.path, before, after), UNEXPLAINED)} |"
        for one in modules
        for before, after in sorted(one.survivors)
    ]
    if left:
        text += "\n| line | changed to, and nothing notices | why |\n|:--|:--|:--|\n" + "\n".join(left) + "\n"
    return text


def main() -> None:
    results, page = map(Path, sys.argv[1:3])
    found = json.loads(results.read_text("utf-8")) if results.exists() else []
    modules = {one["path"]: Module(**one) for one in found}
    for name in LARGE:
        importlib.import_module(name)
    for given in sys.argv[3:]:
        path, _, tests = given.partition("=")
        module = Module(path, tests.split())
        try_all(module, at_once=os.cpu_count() or 1)
        modules[path] = module
        results.write_text(json.dumps([asdict(one) for one in modules.values()]), "utf-8")
        put(page, "mutants", table([*modules.values()]))
    if UNEXPLAINED in table([*modules.values()]):
        raise SystemExit("some changes are neither noticed nor explained")


if __name__ == "__main__":
    main()
