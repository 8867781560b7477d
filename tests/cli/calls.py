"""Calling commands as a user does, within this process or in one of their own."""

import shlex
import subprocess
import sys

from typer.testing import CliRunner, Result

from fractalctl.cli import COMMANDS, build_app

LEAVES = {
    "runs": ("ls", "info", "rm"),
    "store": ("ls", "info", "verify", "rm", "gc"),
    "corpora": ("ls", "info"),
    "strategies": ("ls", "info"),
}
CALLS = [[name, *leaf] for name in COMMANDS for leaf in [[part] for part in LEAVES.get(name, ())] or [[]]]
"""Words of every command, and of every part of those that are groups."""
SMALL = "--dims 4,8,12,16 --epochs 1 --seeds 42,123"
"""Training that takes no time."""


def call(line: str, given: str | bytes | None = None) -> Result:
    """Run a command within this process; ``given`` is its standard input."""
    words = shlex.split(line)
    return CliRunner().invoke(build_app(words[:1]), words, input=given, prog_name="fractalctl")


def done(line: str, given: str | None = None) -> Result:
    """The same of a command that has to end with 0."""
    result = call(line, given)
    assert result.exit_code == 0, f"{line}\n{result.stderr}"
    return result


def said(result: Result) -> str:
    """What people read, on one line."""
    return " ".join(result.stderr.replace("│", " ").split())


def process(line: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "fractalctl", *shlex.split(line)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
