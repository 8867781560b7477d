"""Items in, results out, whoever works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fractalctl.cli import build_app
from fractalctl.errors import FractalError, MissingExtraError, RequestError, UnreachableError
from fractalctl.executors import Executor, ExecutorKind
from tests.executors.deadly import double_or_die, fail, process

LOCAL = Executor(ExecutorKind.LOCAL, n_workers=2)


def test_results_come_in_the_order_of_the_items(tmp_path: Path) -> None:
    with LOCAL.connect() as workers:
        assert workers.count == 2
        assert list(workers.map(abs, range(0, -40, -1))) == list(range(40))
        assert sorted(workers.map(abs, range(0, -40, -1), in_order=False)) == list(range(40))


def test_an_error_of_the_function_is_raised_as_it_is() -> None:
    with LOCAL.connect() as workers, pytest.raises(ValueError, match="1 is not liked"):
        list(workers.map(fail, [1, 1]))


def test_a_killed_process_of_this_machine_is_one_clear_message(tmp_path: Path) -> None:
    items = [(tmp_path / "died", number) for number in range(6)]
    with LOCAL.connect() as workers:
        with pytest.raises(FractalError, match=r"ended in the middle .* the same command goes on from there"):
            list(workers.map(double_or_die, items))
        assert list(workers.map(double_or_die, items)) == [0, 2, 4, 6, 8, 10]


def test_dask_gives_the_work_of_a_killed_worker_to_another(cluster, tmp_path: Path) -> None:
    items = [(tmp_path / "died", number) for number in range(6)]
    with Executor(ExecutorKind.DASK, scheduler=cluster.address).connect() as workers:
        assert list(workers.map(double_or_die, items)) == [0, 2, 4, 6, 8, 10]
    assert cluster.n_killed() == 1
    with Executor(ExecutorKind.DASK, scheduler=str(tmp_path / "scheduler.json")).connect() as workers:
        assert workers.count == 1
        assert os.getpid() not in workers.map(process, range(3))


def test_ray_gives_the_same() -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    with Executor(ExecutorKind.RAY).connect() as workers:
        assert list(workers.map(abs, range(0, -5, -1))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", [ExecutorKind.DASK, ExecutorKind.RAY])
def test_a_missing_library_is_named_with_its_extra(kind: ExecutorKind, monkeypatch) -> None:
    for module in ("distributed", "ray"):
        monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(
            MissingExtraError, match=rf"--executor {kind} needs .* pip install 'fractalctl\[{kind}\]'"
        ),
        Executor(kind, scheduler="tcp://127.0.0.1:9").connect(),
    ):
        pass


def test_no_scheduler_is_said_so() -> None:
    config = pytest.importorskip("dask", reason="the extra dask is not installed").config
    with (
        config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(UnreachableError, match=r"no Dask scheduler can be reached at tcp://127\.0\.0\.1:9 "),
        Executor(ExecutorKind.DASK, scheduler="tcp://127.0.0.1:9").connect(),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2"], "--workers needs --executor local"),
        (["--scheduler", "tcp://a:1"], "--scheduler needs --executor dask"),
        (["--executor", "dask"], "--executor dask needs --scheduler ADDRESS"),
        (["--executor", "dask", "--scheduler", "tcp://a:1", "--workers", "2"], "up to the dask cluster"),
        (["--executor", "local", "--scheduler", "tcp://a:1"], "--executor local has none"),
    ],
)
@pytest.mark.parametrize("command", [["featurize", "clinc"], ["train"]])
def test_options_that_do_not_go_together(command: list[str], options: list[str], message: str) -> None:
    result = CliRunner().invoke(build_app(), [*command, *options])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_half_a_request_is_refused() -> None:
    with pytest.raises(RequestError, match="--workers is of --executor local"):
        Executor(ExecutorKind.RAY, n_workers=2)


def test_choosing_an_executor_imports_nothing_heavy() -> None:
    code = (
        "import sys, fractalctl.executors\n"
        "assert not {'joblib', 'distributed', 'numpy', 'multiprocessing'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
