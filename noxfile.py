"""Everything a developer runs: ``nox -s tests``, ``faults``, ``demo``, ``lint``, ``bench``, ``docs``."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "tests"]
nox.needs_version = ">=2024.4.15"


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
    spread = ("--numprocesses=auto", "--dist=loadfile")
    session.run("pytest", *spread, *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Damage files, kill the road and feed nonsense, a thousand times each unless told otherwise."""
    install(session, "test")
    count = session.posargs[0] if session.posargs else "1000"
    session.run("pytest", "tests/faults", env={"FRACTALCTL_FAULTS": count})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and types."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Write the reference of file formats, and build the site into ``site/``; a broken link is an error."""
    install(session, "docs")
    session.run("python", "docs/write_reference.py")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed against named peers, print the table and write docs/performance.md."""
    install(session, "test")
    session.run(
        "pytest", "tests/benchmarks", "--benchmark-only", "--benchmark-json=benchmarks.json", *session.posargs
    )
    session.run("python", "-m", "tests.benchmarks.page", "benchmarks.json", "docs")
