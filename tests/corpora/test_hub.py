"""The hub's own code on small repositories: served over HTTP, in the cache, as a folder, and out of reach."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from fractalctl.corpora import CorpusRequest, hub
from fractalctl.corpora.corpus_spec import Repository
from fractalctl.errors import RequestError, UnreachableError

Hub = tuple[str, Path, list[str]]

SCRIPT = """
import sys
from fractalctl.corpora import CorpusRequest
from fractalctl.errors import FractalError
for source, mode in (argument.rsplit("=", 1) for argument in sys.argv[1:]):
    try:
        corpus = CorpusRequest(source, levels=("family", "species")).load(offline=mode == "offline")
        print(corpus.splits["test"].texts, corpus.tree.names, corpus.notes)
    except FractalError as error:
        print(type(error).__name__, str(error).splitlines()[0])
"""

HEADER = """---
configs:
- config_name: pets
  data_files:
  - split: train
    path: pets/train.jsonl
  - split: test
    path: pets/test.jsonl
---
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes to the user's cache."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")


def animals_repository(folder: Path) -> None:
    """A repository with one configuration in JSON lines, as the header of its card says."""
    (folder / "pets").mkdir(parents=True)
    (folder / "README.md").write_text(HEADER)
    for split in ("train", "test"):
        rows = [
            {"text": f"{split} {n}", "family": "fish", "species": ("carp", "pike")[n % 2]} for n in range(4)
        ]
        (folder / "pets" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def run(fake_hub: Hub, cache: Path, *loads: str) -> list[str]:
    """Load corpora in a fresh process, as the hub's libraries read their settings when imported."""
    environment = {**os.environ, "HF_ENDPOINT": fake_hub[0], "HF_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *loads], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_repository_is_read_once_and_then_from_the_cache(fake_hub: Hub, tmp_path: Path) -> None:
    _, root, log = fake_hub
    animals_repository(root / "animals")
    cache, commit = tmp_path / "cache", "a" * 40
    name = "hub:owner/animals:pets"
    online, pinned, unknown, missing = run(
        fake_hub,
        cache,
        f"{name}=online",
        f"{name}@{commit}=online",
        "hub:owner/animals:cars=online",
        "hub:owner/none=online",
    )
    assert online.startswith("['test 0', 'test 1', 'test 2', 'test 3'] (('fish',), ('carp', 'pike'))")
    assert f"read at revision {commit} of owner/animals, which is not pinned" in online
    assert pinned.startswith(online.partition(" ('read at")[0])
    assert "read at" not in pinned
    assert unknown == "RequestError owner/animals: BuilderConfig 'cars' not found. Available: ['pets']"
    assert missing.startswith("RequestError owner/none: Dataset 'owner/none' doesn't exist on the Hub")
    log.clear()
    again, fixed, other, absent = run(
        fake_hub,
        cache,
        f"{name}=offline",
        f"{name}@{commit}=offline",
        f"{name}@{'b' * 40}=offline",
        "hub:owner/none=offline",
    )
    assert (again, fixed) == (online, pinned)
    assert other.startswith(
        f"UnreachableError owner/animals at revision {'b' * 40} cannot be had from http://127.0.0.1"
    )
    assert absent.startswith("UnreachableError owner/none at revision main cannot be had")
    assert log == []


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A hub at whose address nobody answers, and an empty cache."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("no_hub")
def test_out_of_reach_is_known_in_seconds_and_the_ways_on_are_told() -> None:
    begin = time.perf_counter()
    with pytest.raises(UnreachableError) as caught:
        CorpusRequest("clinc").load()
    assert time.perf_counter() - begin < 30
    first, *ways = str(caught.value).splitlines()
    assert first.startswith(
        "clinc/clinc_oos at revision 155b9c710419136e17307b80d0a13e68cd46b4ec cannot be had from"
    )
    assert "http://127.0.0.1:9 ([Errno 111] Connection refused), nor from the local cache" in first
    assert ways[0] == "Three ways on:"
    assert ways[1].startswith(
        "  1. a local copy, --data PATH: the publisher's files (data_full.json, domains.json)"
    )
    assert "--backbone FOLDER" in ways[2]
    assert "HF_HOME=FOLDER" in ways[3]


@pytest.mark.usefixtures("no_hub")
def test_own_repositories_are_told_to_come_as_files() -> None:
    with pytest.raises(
        UnreachableError, match="a local copy: the path of a file or folder in place of hub:owner/name"
    ):
        CorpusRequest("hub:owner/name").load(offline=True)


@pytest.mark.usefixtures("no_hub")
def test_a_cached_copy_that_was_cut_off_does_not_do(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "datasets--owner--name"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("c" * 40)
    (folder / "snapshots" / ("c" * 40)).mkdir(parents=True)
    (folder / "snapshots" / ("c" * 40) / "README.md").write_text(HEADER)
    with pytest.raises(UnreachableError, match="--offline; the cached copy does not do"):
        CorpusRequest("hub:owner/name:pets").load(offline=True)


def test_a_folder_of_the_same_name_is_not_taken_for_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clinc" / "clinc_oos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match="the folder clinc/clinc_oos hides the repository of this name"):
        CorpusRequest("clinc").load(offline=True)


def test_a_silent_hub_has_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.05)
    monkeypatch.setattr(hub, "_probe", told.wait)
    assert hub.why_unreachable() == "no answer within 0.05 seconds"
    told.set()


def test_offline_mode_of_the_environment_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub.why_unreachable() == "HF_HUB_OFFLINE is set"


def test_any_answer_means_that_the_hub_is_there(fake_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PROBE_SECONDS", 60.0)
    for path in ("", "/not/found"):
        monkeypatch.setenv("HF_ENDPOINT", fake_hub[0] + path)
        assert hub.why_unreachable() is None
    monkeypatch.setenv("HF_ENDPOINT", "no address")
    assert "unknown url type" in str(hub.why_unreachable())


def write_parquet(
    folder: Path, splits: dict[str, dict[str, list[object]]], features: dict[str, object]
) -> Path:
    """A repository of Parquet files, as the hub converts datasets to."""
    for split, columns in splits.items():
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "README.md").touch()
        Dataset.from_dict(columns, Features(features)).to_parquet(
            folder / "data" / f"{split}-00000-of-00001.parquet"
        )
    return folder


def test_class_numbers_become_names_and_rows_with_two_labels_go(tmp_path: Path) -> None:
    emotions = ["joy", "fear", "neutral"]
    features = {"text": Value("string"), "labels": List(ClassLabel(names=emotions)), "id": Value("string")}
    columns = {"text": ["a", "b", "c"], "labels": [[0], [0, 1], [2]], "id": ["x", "y", "z"]}
    folder = write_parquet(tmp_path / "copy", {"train": columns, "test": columns}, features)
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: simplified\n  data_files:\n"
        "  - split: train\n    path: data/train-*\n  - split: test\n    path: data/test-*\n---\n"
    )
    corpus = CorpusRequest("goemotions", data=folder).load()
    assert corpus.tree.names == (("neutral", "positive"), ("neutral", "joy"))
    assert corpus.splits["train"].ids == ["x", "z"]
    assert "train: 2 rows, where 36,308 are published" in corpus.notes


def test_a_copy_of_the_repository_is_a_local_copy(tmp_path: Path) -> None:
    folder = tmp_path / "20_newsgroups"
    folder.mkdir()
    (folder / "README.md").touch()
    for split, group in (("train", "sci.med"), ("test", "sci.med")):
        row = {"text": "t" * 600, "label": 3, "label_text": group}
        (folder / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    request = CorpusRequest("newsgroups", data=folder)
    assert request.identity()["format"] == "hub"
    corpus = request.load()
    assert corpus.tree.names == (("sci",), ("sci.med",))
    assert corpus.splits["test"].texts == ["t" * 512]


def test_titles_and_contents_are_joined_and_first_entries_taken(tmp_path: Path) -> None:
    features = {"title": Value("string"), "abstract": Value("string"), "categories": List(Value("string"))}
    columns = {
        "title": ["A", "B"],
        "abstract": ["We.", None],
        "categories": [["math.AG", "cs.IT"], ["hep-th"]],
    }
    folder = write_parquet(tmp_path / "arxiv", {"train": columns, "test": columns}, features)
    corpus = CorpusRequest("arxiv", data=folder).load()
    assert corpus.splits["train"].texts == ["A We.", "B"]
    assert corpus.tree.names == (("hep-th", "math"), ("hep-th", "math.AG"))


def test_named_files_are_read_where_the_repository_holds_several_corpora(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    for split in ("train", "dev", "test"):
        (tmp_path / "CT").mkdir(exist_ok=True)
        (tmp_path / "JT").mkdir(exist_ok=True)
        (tmp_path / "CT" / f"CT_{split}.json").write_text(
            json.dumps({"token": f"ct {split}", "label": [3, 45]}) + "\n"
        )
        (tmp_path / "JT" / f"JT_{split}.json").write_text(json.dumps({"token": "jt", "label": [1, 2]}) + "\n")
    corpus = CorpusRequest("wos", data=tmp_path).load()
    assert [split.texts for split in corpus.splits.values()] == [["ct train"], ["ct dev"], ["ct test"]]
    assert corpus.tree.names == (("3",), ("45",))
    assert "train: 1 rows, where 45,640 are published" in corpus.notes


def test_a_single_split_of_any_name_is_all_there_is(tmp_path: Path) -> None:
    columns = {"text": ["x"] * 10, "topic": [0] * 10}
    folder = write_parquet(
        tmp_path / "d", {"complete": columns}, {"text": Value("string"), "topic": ClassLabel(names=["a"])}
    )
    ((split, table),) = hub.folder_tables(folder, Repository(id="owner/d"))
    assert split is None
    assert next(table.rows) == (1, {"text": "x", "topic": "a"})
    assert table.origin.place(1).startswith("owner/d, split ")


def test_splits_of_unknown_names_are_refused(tmp_path: Path) -> None:
    features = {"text": Value("string")}
    folder = write_parquet(tmp_path / "d", {name: {"text": ["x"]} for name in ("first", "second")}, features)
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - split: first\n    path: data/first-*\n  - split: second\n    path: data/second-*\n---\n"
    )
    with pytest.raises(RequestError, match="none of its splits is called train; there are first, second"):
        hub.folder_tables(folder, Repository(id="owner/d"))
