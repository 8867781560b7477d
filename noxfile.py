"""Everything a developer runs: ``nox -s tests``, ``slow``, ``faults``, ``coverage``, ``lint``, ``docs``."""

import tomllib
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "tests"]
nox.needs_version = ">=2024.4.15"


SPREAD = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")
"""A file at a time on each core, long ones first; a process takes a gigabyte, so there are few."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def install(session: nox.Session, *extras: str) -> None:
    """Install the project with some extras at the versions of constraints.txt."""
    wanted = f".[{','.join(extras)}]" if extras else "."
    session.install("--constraint", "constraints.txt", wanted)


@nox.session
def demo(session: nox.Session) -> None:
    """Go the whole road on text that is already installed; options are passed on to ``fractalctl demo``."""
    install(session, "minilm", "plot")
    session.run("fractalctl", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite, a file at a time on each core; arguments are passed on to pytest."""
    install(session, "test")
    session.run("pytest", *SPREAD, *session.posargs, env=ONE_THREAD)


@nox.session(default=False)
def slow(session: nox.Session) -> None:
    """Run the tests that take too long for each change."""
    install(session, "test")
    session.run("pytest", *SPREAD, "-m", "slow", *session.posargs, env=ONE_THREAD)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Damage files, kill commands and feed nonsense; docs/reliability.md gets what was tried, and how often.

    Arguments: how often each damage and each grammar is drawn (1000), how often commands are killed at a
    random moment (200), and at every so manieth of their fault points (1).
    """
    install(session, "test")
    count, kills, stride = (*session.posargs, *("1000", "200", "1")[len(session.posargs) :])
    counts = Path(session.create_tmp()) / "counts.jsonl"
    counts.unlink(missing_ok=True)
    told = {**ONE_THREAD, "FRACTALCTL_FAULTS": count, "FRACTALCTL_FAULT_COUNTS": str(counts),
            "FRACTALCTL_KILLS": kills, "FRACTALCTL_STRIDE": stride, "FRACTALCTL_AT_ONCE": "8"}  # fmt: skip
    session.run("pytest", *SPREAD, "-m", "slow or not slow", "tests/faults", env=told)
    session.run("python", "-m", "tests.faults.counts", str(counts), "docs/reliability.md")


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run the suite and see that it goes through as many branches as pyproject.toml asks for."""
    install(session, "test")
    session.install("pytest-cov>=5")
    session.run("pytest", *SPREAD, "--cov", "--cov-report=term-missing:skip-covered", *session.posargs,
                env=ONE_THREAD)  # fmt: skip


MUTATED = {
    "fractalctl/heads/methods/supervision.py": "tests/heads/test_supervision.py tests/heads/test_arms.py",
    "fractalctl/measures/neighbours.py": "tests/measures/test_neighbours.py",
    "fractalctl/measures/steerability.py": "tests/measures/test_steerability.py",
    "fractalctl/statistics/paired.py": "tests/statistics/test_paired.py",
    "fractalctl/statistics/corrections.py": "tests/statistics/test_corrections.py",
    "fractalctl/statistics/effect_sizes.py": "tests/statistics/test_effect_sizes.py",
}
"""Modules whose every line decides a number, and the tests that have to notice a change in them."""


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """Change one operator or number at a time; docs/reliability.md gets the changes that no test notices.

    Arguments are modules; all of `MUTATED` otherwise. What other modules came to is kept.
    """
    install(session, "test")
    session.install("cosmic-ray>=8.3")
    results = Path(session.create_tmp()) / "mutants.json"
    wanted = [f"{module}={MUTATED[module]}" for module in session.posargs or MUTATED]
    session.run("python", "-m", "tests.mutants", str(results), "docs/reliability.md", *wanted, env=ONE_THREAD)


@nox.session(default=False)
def minimums(session: nox.Session) -> None:
    """Run the suite with the lowest versions that pyproject.toml allows."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    lowest = Path(session.create_tmp()) / "lowest.txt"
    lowest.write_text("\n".join(one.replace(">=", "==") for one in project["dependencies"]) + "\n")
    extras = [one for one in project["optional-dependencies"]["test"] if not one.startswith("fractalctl")]
    session.install("--constraint", str(lowest), ".[minilm,plot]", *extras)
    session.run("pytest", *SPREAD, *session.posargs, env=ONE_THREAD)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of every pinned package at PyPI; fails where that cannot be reached."""
    session.install("pip-audit>=2.7")
    session.run("pip-audit", "--strict", "--no-deps", "--disable-pip", "--requirement", "constraints.txt")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and types."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Write the reference, build the site into ``site/``, and look at it; a broken link is an error."""
    install(session, "docs", "test")
    session.run("python", "docs/write_reference.py")
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("pytest", "tests/docs/test_site.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed against named peers, print the table and write docs/performance.md."""
    install(session, "test")
    session.install("--constraint", "constraints.txt", "accelerate")
    session.run(
        "pytest", "tests/benchmarks", "--benchmark-only", "--benchmark-json=benchmarks.json", *session.posargs
    )
    session.run("python", "-m", "tests.benchmarks.page", "benchmarks.json", "docs")
