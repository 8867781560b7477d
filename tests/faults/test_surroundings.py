"""Where the program runs may be poor: no home, no language, no place to write, a process that dies."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from fractalctl.documents import read_document, to_json, write_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.head import HeadDocument
from fractalctl.errors import FractalError
from fractalctl.heads.head import find_heads
from store import FeatureSet
from store.errors import StoreError
from tests.cli.calls import call, said
from tests.faults.counts import tried
from tests.report import documents

ROOT = Path(__file__).parents[2]


def test_nothing_is_needed_of_the_environment(features, tmp_path):
    """No HOME, no TMPDIR, no language: the store's own default place is never asked for."""
    words = ["train", str(features.path), "-s", "lda", "--dims", "4,8", "--seeds", "1", "--store",
             str(tmp_path / "Ω"), "--runs", str(tmp_path / "runs-é")]  # fmt: skip
    poor = {"LANG": "C", "LC_ALL": "C", "PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": "/nowhere"}
    if "LD_LIBRARY_PATH" in os.environ:
        poor["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    done = subprocess.run(
        [sys.executable, "-m", "fractalctl", *words], env=poor, cwd="/", capture_output=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert len(find_heads([tmp_path / "runs-é"])) == 1
    tried("train without HOME, TMPDIR, or a language", 1, "as always")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(features, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir(mode=0o500)
    result = call(f"train {features.path} -s lda --dims 4,8 --runs {runs}")
    assert (result.exit_code, str(runs) in said(result)) == (1, True)


@pytest.mark.parametrize("runs", ["/proc/runs", "/dev/null/runs"])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_a_place_where_nothing_can_be_is_named(features, runs):
    result = call(f"train {features.path} -s lda --dims 4,8 --runs {runs}")
    assert result.exit_code == 1
    assert runs.split("/")[1] in said(result)
    assert "unexpected" not in said(result)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="sets a limit in a child")
def test_a_set_that_does_not_fit_is_refused_before_hdf5_can_fail(tmp_path):
    """Closing a file that HDF5 could not write has ended the process by a signal."""
    program = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom store import FeatureStore\n"
        "from tests.feature_sets import make_features\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "make_features(FeatureStore(Path(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr
    assert not list(tmp_path.rglob("*.h5"))


def test_a_set_that_is_removed_while_it_is_read(features):
    again = FeatureSet(features.path)
    rows = again.features("train")
    features.path.unlink()
    assert rows.sum() != 0, "what is mapped stays"
    with pytest.raises((StoreError, OSError), match=str(features.path)):
        again.features("test")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_measurement_of_latency_that_is_killed_leaves_nothing(tmp_path):
    """No process, and no folder of vectors."""
    words = ["bench-latency", "--random", "--sizes", "200000", "--runs", str(tmp_path / "runs")]
    child = subprocess.Popen(
        [sys.executable, "-m", "fractalctl", *words],
        env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    limit, found = time.monotonic() + 100, []
    while not found and time.monotonic() < limit and child.poll() is None:
        time.sleep(0.1)
        with suppress(psutil.Error):  # one that has just ended
            children = psutil.Process(child.pid).children()
            found = [one for one in children if "latency_timing" in " ".join(one.cmdline())]
    started = bool(found)
    while started and not any(one.num_threads() > 1 for one in found) and time.monotonic() < limit:
        time.sleep(0.1)  # until it watches
    child.kill()
    child.wait()
    _, alive = psutil.wait_procs(found, timeout=30)
    assert started
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    assert not list(tmp_path.glob("fractalctl-*"))


@pytest.mark.parametrize("kind", [HeadDocument, Evaluation])
@pytest.mark.parametrize("version", ["1.0", "0.9", "3.0", "x"])
def test_documents_of_other_versions_are_refused_by_name(tmp_path, kind, version):
    path = tmp_path / "a.json"
    path.write_text(f'{{"encoding-type": "{kind.__struct_config__.tag}", "encoding-version": "{version}"}}')
    with pytest.raises(FractalError, match=rf"a\.json: format version {version}, but .*{kind.MADE_BY}"):
        read_document(path, kind)


@pytest.mark.parametrize(
    "document",
    [documents.evaluation("v5", 1, 0.1), documents.latency(), documents.zoom(),
     documents.ablation("alignment", documents.runs_of(documents.CLOSE))],
    ids=lambda document: type(document).__name__,
)  # fmt: skip
def test_a_whole_document_of_another_version(tmp_path, document):
    """An earlier one is refused by name; a later one of the same generation is read without what is new."""
    path = tmp_path / "a.json"
    write_document(path, msgspec.structs.replace(document, version="1.0"))
    with pytest.raises(FractalError, match=r"a\.json: format version 1\.0, but .* make it again with"):
        read_document(path, type(document))
    later = msgspec.structs.replace(document, version="2.9")
    path.write_text(json.dumps({**to_json(later), "new": [{"more": 1}]}))
    assert read_document(path, type(document)) == later


@pytest.mark.parametrize("name", ["mine.npy", "mine.json"])
def test_vectors_never_replace_a_file_of_the_user(world, tmp_path, name):
    (tmp_path / name).write_text("mine")
    texts = tmp_path / "texts.txt"
    texts.write_text("where is my card\n")
    (head,) = list((world / "runs").rglob("v5/seed-42"))[:1]
    result = call(
        f"embed {head} {texts} --dims 64 --output {tmp_path / 'mine.npy'} --store {world / 'store'}"
    )
    assert (result.exit_code, (tmp_path / name).read_text()) == (2, "mine")
    assert f"{tmp_path / name}: is there and no earlier output" in said(result)


def test_secrets_are_never_shown(monkeypatch, tmp_path):
    """A key that a service or the hub would be given stands in no message, even a detailed one."""
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "FRACTALCTL_REMOTE_KEY"):
        monkeypatch.setenv(name, "sk-very-secret")
    (tmp_path / "a.csv").write_text("text,coarse,fine\n" + "a card,x,y\nthe bank,x,z\n" * 20)
    for line in ("featurize {}/a.csv --backbone openai:none --verbose", "stats {}/none.csv --verbose",
                 "featurize hub:no/thing --backbone minilm --offline --verbose"):  # fmt: skip
        result = call(line.format(tmp_path))
        assert result.exit_code != 0
        assert "sk-very-secret" not in result.stderr + result.stdout
