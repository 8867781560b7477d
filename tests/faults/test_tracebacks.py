"""Whatever a file holds, the message names it, says what was expected, and nobody sees a traceback."""

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fractalctl.backbones.folder import describe
from fractalctl.corpora.request import CorpusRequest
from fractalctl.corpora.tabular import LONGEST_LINE
from fractalctl.documents import write_document
from fractalctl.errors import FractalError, RequestError
from fractalctl.executors import Executor
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.heads.head import load_head
from fractalctl.measures.protocols import Protocol
from fractalctl.report.results import KINDS, read_results
from store import FeatureSet
from store.errors import StoreError
from tests.cli.calls import call, said
from tests.report.documents import CLOSE, ablation, evaluation, latency, runs_of, zoom

ROOT = Path(__file__).parents[2]
NONSENSE = {
    "empty": "",
    "null": "null",
    "array": "[]",
    "text": '"a"',
    "number": "7",
    "nothing in it": "{}",
    "deep": "[" * 100_000,
    "deep object": '{"a":' * 100_000,
    "not a number": '{"encoding-type": NaN}',
    "cut": '{"encoding-type": "fractalctl-head", "enco',
    "no UTF-8": b"\xff\xfe{}",
    "zip": b"PK\x03\x04" + b"\0" * 60,
}


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("what", NONSENSE)
def test_a_damaged_head_is_named(head, what):
    path = head.folder / "head.json"
    write(path, NONSENSE[what])
    result = call(f"evaluate {head.folder}")
    assert result.exit_code in (1, 2)
    assert f"Error: {path}: " in said(result) and "unexpected" not in said(result).partition("not a ")[0]


FIELDS = ("encoding-version", "settings", "features", "identity", "dims", "classes", "seed")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [None, -1.5, [{}], "missing"])
def test_each_field_of_a_head_is_checked(head, field, value):
    path = head.folder / "head.json"
    document = json.loads(path.read_text()) | {field: value}
    if value == "missing":
        del document[field]
    write(path, json.dumps(document))
    with pytest.raises(FractalError, match=r"head\.json: "):
        load_head(head.folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [("seed", "7"), ("seed", 7.5), ("input_dimension", "24"), ("dims", ["4", "8"]), ("nested", "true"),
     ("seed", float("nan")), ("input_dimension", float("inf")), ("settings", "x"), ("identity", 7)],
)  # fmt: skip
def test_numbers_of_a_head_are_numbers(head, field, value):
    path = head.folder / "head.json"
    write(path, json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(FractalError, match=rf"head\.json: (field {field}|not a result file)"):
        load_head(head.folder)


@pytest.mark.parametrize(
    ("field", "value"), [("dims", []), ("dims", [-4]), ("dims", [8, 4]), ("settings", {})]
)
def test_fields_of_a_head_that_contradict_each_other(head, store, field, value):
    path = head.folder / "head.json"
    write(path, json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(FractalError, match=str(head.folder)):
        evaluate_heads([load_head(head.folder)], Protocol("loo"), store)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", NONSENSE)
def test_a_report_leaves_out_what_is_damaged_and_goes_on(tmp_path, kind, what):
    pattern = KINDS[kind][0]
    write(tmp_path / "bad" / pattern.replace("*", "-x"), NONSENSE[what])
    write_document(tmp_path / "good" / "evaluation-loo.json", evaluation("v5", 1, 0.1))
    found = read_results(tmp_path)
    assert len(found.evaluations) == 1
    assert [str(tmp_path / "bad") in line for line in found.warnings] == [True]


def test_every_kind_of_file_is_read_when_it_is_whole(tmp_path):
    whole = {
        "evaluation-loo": evaluation("v5", 1, 0.1),
        "ablation-alignment": ablation("alignment", runs_of(CLOSE)),
        "latency": latency(),
        "zoom": zoom(),
    }
    for name, document in whole.items():
        write_document(tmp_path / f"{name}.json", document)
    assert read_results(tmp_path).warnings == []


PICKLE, ZIP, LOOSE = (
    b"\x80\x04\x95" + b"a" * 50,
    b"PK\x03\x04" + b"\0" * 100,
    b"\x08" + b"\0" * 7 + b"{}      x",
)


@pytest.mark.parametrize("content", [b"", PICKLE, ZIP, b"\xff" * 64, LOOSE])
def test_weights_that_are_no_safetensors(head, store, content):
    from hashlib import sha256

    head.weights_path.write_bytes(content)
    path = head.folder / "head.json"
    document = json.loads(path.read_text()) | {"weights_sha256": sha256(content).hexdigest()}
    write(path, json.dumps(document))
    with pytest.raises(FractalError, match=r"head\.safetensors: (no safetensors file|does not fit)"):
        evaluate_heads([load_head(head.folder)], Protocol("loo"), store)


@pytest.mark.parametrize("change", [lambda whole: whole[:-5], lambda whole: whole + b"\0" * 100])
def test_weights_that_are_cut_or_have_more_behind_them(head, store, change):
    from hashlib import sha256

    content = change(head.weights_path.read_bytes())
    head.weights_path.write_bytes(content)
    path = head.folder / "head.json"
    write(path, json.dumps(json.loads(path.read_text()) | {"weights_sha256": sha256(content).hexdigest()}))
    with pytest.raises(FractalError, match=r"head\.safetensors: no safetensors file"):
        evaluate_heads([load_head(head.folder)], Protocol("loo"), store)


def test_weights_are_read_by_whom_the_umask_lets(head):
    mask = os.umask(0)
    os.umask(mask)
    for path in (head.weights_path, head.folder / "head.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("content", ["[]", "null", "7", '"x"', "{", "[" * 100_000, '{"hidden_size": "x"}',
                                     '{"hidden_size": -4}', '{"hidden_size": 1e99}', "{}"])  # fmt: skip
@pytest.mark.parametrize("name", ["config.json", "modules.json"])
def test_a_model_folder_that_says_nonsense(tmp_path, content, name):
    write(tmp_path / "config.json", '{"hidden_size": 32}')
    write(tmp_path / name, content)
    with pytest.raises(RequestError, match=str(tmp_path)):
        describe(tmp_path)


CORPORA = {
    "a.csv": [b"", b"\xff\xfe\0", b'text,coarse,fine\n"', b"text,coarse,fine\na,b\n", b"\0" * 100],
    "a.jsonl": [b"", b"[" * 100_000, b'{"text": 1}', b"7\n", b"\xff", b'{"text": "\xed\xa0\x80"}'],
    "a.jsonl.gz": [b"", b"\x1f\x8b", b"\x1f\x8b\x08" + b"\0" * 30, gzip.compress(b"{}", mtime=0)[:-4]],
    "a.parquet": [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"],
}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, many in CORPORA.items() for one in many])
def test_a_corpus_that_is_none(tmp_path, name, content):
    write(tmp_path / name, content)
    with pytest.raises(FractalError, match=name.replace(".", r"\.")):
        CorpusRequest(str(tmp_path / name)).load()


def test_the_line_of_a_byte_in_another_encoding_is_named(tmp_path):
    rows = "".join(f"text {number},x,y\n" for number in range(20_000))
    for name in ("a.csv", "a.csv.gz"):
        content = f"text,coarse,fine\n{rows}caf".encode() + b"\xe9,x,y\n"
        write(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
        with pytest.raises(FractalError, match=r"line 20002: not utf-8 text \(byte 0xe9\); convert the file"):
            CorpusRequest(str(tmp_path / name)).load()


def test_a_line_without_end_in_a_small_file_is_bounded(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b'{"text": "')
        for _ in range(LONGEST_LINE // 2**24 + 1):
            stream.write(b"a" * 2**24)
    assert path.stat().st_size < 2**20
    before = psutil.Process().memory_info().rss
    with pytest.raises(FractalError, match=r"a\.jsonl\.gz, line 1: longer than 67,108,864 characters"):
        CorpusRequest(str(path)).load()
    assert psutil.Process().memory_info().rss - before < 2**29


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("line", ["corpora info {}.csv", "stats {}.csv", "stats {}.json", "train {}.h5",
                                  "train --supervision {}.toml", "evaluate {}.json", "report --runs {}",
                                  "stats --profiles {}.csv", "compare {}.json"])  # fmt: skip
def test_a_pipe_with_a_name_is_refused_and_not_waited_for(tmp_path, line):
    words = line.format(tmp_path / "pipe")
    os.mkfifo(words.split()[-1])
    result = call(words)
    assert result.exit_code == 2, said(result)
    assert "Traceback" not in said(result)


@pytest.mark.parametrize(
    "line",
    ["train {} -s v5 --dims 4,1000000000000", "train {} -s v5 --dims 4,8 --batch-size 1000000000000000",
     "bench-latency --random --sizes 1000000000000000", "bench-latency --random --sizes 20 --m 1000000000",
     "bench-latency --random --sizes 20 --nlist 1000000000", "evaluate --k 1000000000000"],
)  # fmt: skip
def test_sizes_that_nobody_has_are_refused(features, head, line):
    result = call(line.format(features.path))
    assert result.exit_code in (1, 2)
    assert "Error: " in said(result) and "unexpected" not in said(result)


@pytest.mark.parametrize("margin", ["inf", "nan", "0", "-1"])
def test_margins_are_finite(features, head, margin):
    table = head.folder / "t.csv"
    table.write_text("dataset,strategy,seed,steerability\na,v5,1,0.1\na,v5,2,0.2\na,mrl,1,0.0\na,mrl,2,0.1\n")
    result = call(f"stats {table} --equivalence {margin}")
    assert (result.exit_code, "margin is a positive number" in said(result)) == (2, True)
    result = call(
        f"train {features.path} -s v5 --dims 4,8 --set margin={'-inf' if margin == '0' else margin}"
    )
    assert (result.exit_code, "margin" in said(result)) == (2, True)


@pytest.mark.parametrize("content", ["x = " + "[" * 100_000, "epochs = " + "1" * 5000, b"x = '\xe9'"])
@pytest.mark.parametrize("name", ["mine.toml", "fractalctl.toml"])
def test_a_table_that_is_nested_long_or_no_text(features, monkeypatch, tmp_path, name, content):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, content)
    own = f" --supervision {name}" if name == "mine.toml" else ""
    result = call(f"train {features.path}{own}")
    assert (result.exit_code, f"{name}: not a TOML file" in said(result)) == (2, True)


def test_a_report_goes_into_a_folder_with_other_files(tmp_path):
    write(tmp_path / "report" / "notes.txt", "mine")
    write_document(tmp_path / "evaluation-loo.json", evaluation("v5", 1, 0.1))
    result = call(f"report --runs {tmp_path} --output {tmp_path / 'report'}")
    assert result.exit_code == 0, said(result)
    assert (tmp_path / "report" / "notes.txt").read_text() == "mine"


def test_a_query_that_is_no_text(head):
    result = call(f"search {head.folder} 'a\udcff'")
    assert (result.exit_code, "no UTF-8" in said(result)) == (2, True)


@pytest.mark.parametrize("what", ["empty", "cut", "text", "attributes"])
def test_a_set_that_is_none(features, what):
    content = features.path.read_bytes()
    write(features.path, {
        "empty": b"", "cut": content[: len(content) // 2], "text": b"text",
        "attributes": content.replace(b'"splits":["train","test"]', b'"splits":[[[[[[[],[[[]]]]]]]]'),
    }[what])  # fmt: skip
    with pytest.raises(StoreError, match=r"gaussian\.h5: "):
        FeatureSet(features.path).features("train")


STARTING = """
import fractalctl.__main__ as program
first = program._open_standard_streams
program._open_standard_streams = lambda: (print(flush=True), first())
program.main()
"""


@pytest.mark.parametrize("seconds", [0, 0.05, 0.15, 0.4])
def test_an_interrupt_at_any_time_of_the_start_ends_with_130(tmp_path, seconds):
    """From the first line of ours on, which says that it was reached; before that, Python is starting."""
    words = [sys.executable, "-c", STARTING, "train", "--store", str(tmp_path)]
    child = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    time.sleep(seconds)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=600)
    assert child.returncode in (2, 130), err  # 2: there is nothing to train on
    assert "Traceback" not in err


SWALLOWED = """
import os, signal, sys, time, weakref
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
import fractalctl.cli
from fractalctl import __main__ as program
class Thing: pass
def command():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), int(sys.argv[1])))
    del thing
    time.sleep(20)
fractalctl.cli.main = command
program.main()
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_not_lost_where_python_drops_exceptions(sent):
    words = [sys.executable, "-c", SWALLOWED, str(int(sent))]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (128 + sent, "")


CONVERTED = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from fractalctl import __main__ as program
import fractalctl.cli
from fractalctl.cli.console import Console
from fractalctl.cli.plumbing import ended_by_errors
def loading():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("initialization failed")
def swallowing():
    try:
        loading()
    except ImportError:
        pass
    with Console(quiet=sys.argv[1] == "quietly").progress("work", 2) as advance:
        advance(1)
        time.sleep(60)
def command():
    ended_by_errors(Console(), loading if sys.argv[1] == "inside" else swallowing)
def run():
    import typer
    app = typer.Typer()
    app.command()(loading if sys.argv[1] == "outside" else command)
    app([])
fractalctl.cli.main = run
program.main()
"""


@pytest.mark.parametrize(
    ("where", "says"),
    [(where, "Error: interrupted; ") for where in ("inside", "swallowed", "quietly")] + [("outside", "")],
)
def test_an_interrupt_of_which_a_library_made_an_error_is_one(where, says):
    """As compiled modules do while they are loaded: they know that it failed, and not why.

    Some are swallowed by who loads them, as if they were not installed; then the next step of work ends.
    """
    words = [sys.executable, "-c", CONVERTED, where]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 130
    assert done.stderr.startswith(says)
    assert "initialization" not in done.stderr


WORKERS = """
import os, sys, time
from pathlib import Path
from fractalctl.executors import Executor, ExecutorKind
def work(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(300)
with Executor(ExecutorKind.LOCAL, 2).connect() as workers:
    list(workers.map(work, [sys.argv[1]] * 2))
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_began_them(tmp_path, sent):
    child = subprocess.Popen([sys.executable, "-c", WORKERS, str(tmp_path)], cwd=ROOT)
    limit = time.monotonic() + 60
    while len(found := [int(path.name) for path in tmp_path.iterdir()]) < 2 and time.monotonic() < limit:
        time.sleep(0.05)
    child.send_signal(sent)
    child.wait()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in found if psutil.pid_exists(pid)], timeout=20)
    assert (len(found), [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]) == (2, [])


def test_an_executor_gives_results_as_before():
    with Executor(n_workers=1).connect() as workers:
        assert list(workers.map(abs, [-1, 2])) == [1, 2]
