"""Featurizing and training in other processes gives the bytes that this process gives."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fractalctl.backbones import distributed
from fractalctl.backbones.featurize import featurize, recipe_for
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.corpora.request import CorpusRequest
from fractalctl.errors import FractalError
from fractalctl.executors import Executor, ExecutorKind
from fractalctl.experiments import training
from fractalctl.experiments.training import Job, build_arms, fit_arms, train_heads
from store import FeatureSet, FeatureStore
from store.contents import BLOCK_ROWS
from tests.backbones.models import WORDS
from tests.executors.conftest import Cluster
from tests.executors.deadly import Encode, Train
from tests.feature_sets import make_features

LOCAL = Executor(ExecutorKind.LOCAL, n_workers=2)
N_BLOCKS = 5
SETTINGS = {"dims": (4, 8, 12, 16), "epochs": 2, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> CorpusRequest:
    """Random sentences under two coarse and four fine classes: four blocks to train on, one of tests."""
    random, path = np.random.default_rng(0), tmp_path_factory.mktemp("corpus") / "talk.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "coarse", "fine", "split"])
        for row in range((N_BLOCKS - 1) * BLOCK_ROWS + 100):
            text = " ".join(random.choice(WORDS, size=random.integers(2, 12)))
            split = "train" if row < (N_BLOCKS - 1) * BLOCK_ROWS else "test"
            writer.writerow([text, f"topic {row % 2}", f"kind {row % 4}", split])
    return CorpusRequest(str(path))


@pytest.fixture(scope="module")
def encoded_here(corpus: CorpusRequest, bert: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The feature set that this process makes of it."""
    store = FeatureStore(tmp_path_factory.mktemp("here"))
    return featurize(corpus, str(bert), store, device="cpu").path.read_bytes()


def parts_of(store: FeatureStore, corpus: CorpusRequest, bert: Path) -> Path:
    path = store.path_for(recipe_for(corpus, resolve_backbone(str(bert))))
    return path.with_name(f"{path.name}.parts")


def test_processes_of_this_machine_encode_the_same_and_keep_what_was_done_before_a_kill(
    corpus, encoded_here: bytes, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FeatureStore(tmp_path / "there")
    parts = parts_of(store, corpus, bert)
    with monkeypatch.context() as patch:
        patch.setattr(distributed, "_encode", Encode(parts, tmp_path / "died", BLOCK_ROWS))
        with pytest.raises(FractalError, match="a worker process ended in the middle of its work"):
            featurize(corpus, str(bert), store, device="cpu", executor=LOCAL)
    n_kept = len(list(parts.glob("*.part")))
    assert 0 < n_kept < N_BLOCKS, "it was killed in the middle"
    notes: list[str] = []
    made = featurize(corpus, str(bert), store, device="cpu", executor=LOCAL, note=notes.append)
    assert f"{n_kept} of {N_BLOCKS} blocks were encoded before; going on from there" in notes
    assert "2 workers (local)" in notes
    assert made.path.read_bytes() == encoded_here


def train(
    features: FeatureSet, runs: Path, executor: Executor | None, seeds: Sequence[int]
) -> dict[str, bytes]:
    """Train four arms per seed and give all files by their path below the folder of runs."""
    arms = build_arms(["v5", "mrl", "inverted", "pca"], 2, None, SETTINGS)
    train_heads(features, arms, runs, seeds, device="cpu", executor=executor)
    files = [path for path in runs.rglob("*") if path.is_file()]
    return {path.relative_to(runs).as_posix(): path.read_bytes() for path in files}


def test_dask_with_a_worker_killed_in_the_middle_gives_the_same_files(
    cluster: Cluster, corpus, encoded_here: bytes, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(ExecutorKind.DASK, scheduler=cluster.address)
    store = FeatureStore(tmp_path / "there")
    parts = parts_of(store, corpus, bert)
    monkeypatch.setattr(distributed, "_encode", Encode(parts, tmp_path / "died encoding", 2 * BLOCK_ROWS))
    made = featurize(corpus, str(bert), store, device="cpu", executor=executor)
    assert cluster.n_killed() == 1
    assert made.path.read_bytes() == encoded_here

    cluster.add_worker()
    cluster.wait_for_workers(2)
    monkeypatch.setattr(training, "_train_in_worker", Train(tmp_path / "died training", seed=42))
    there = train(made, tmp_path / "runs there", executor, seeds=(42, 123))
    assert cluster.n_killed() == 2
    assert len([name for name in there if not name.endswith(".lock")]) == 17
    assert there == train(made, tmp_path / "runs here", None, seeds=(42, 123))


@pytest.mark.parametrize("seeds", [(42,), (42, 123, 456)])
def test_processes_of_this_machine_train_the_same(tmp_path: Path, seeds: Sequence[int]) -> None:
    features = make_features(FeatureStore(tmp_path / "store"))
    assert train(features, tmp_path / "there", LOCAL, seeds) == train(
        features, tmp_path / "here", None, seeds
    )


def test_workers_that_do_not_see_the_features_say_so(tmp_path: Path) -> None:
    features = make_features(FeatureStore(tmp_path / "store"))
    jobs = [Job(arm, 42) for arm in build_arms(["v5", "mrl"], 2, None, SETTINGS)]
    features.path.rename(tmp_path / "elsewhere.h5")
    with pytest.raises(FractalError, match=r"worker .* cannot read .* a file system that all workers see"):
        list(fit_arms(features, jobs, "cpu", executor=LOCAL))
    make_features(FeatureStore(tmp_path / "store"), seed=1)
    with pytest.raises(FractalError, match=r"worker .* has another feature set at .*gaussian\.h5"):
        list(fit_arms(features, jobs, "cpu", executor=LOCAL))


def test_workers_with_different_backbones_are_not_mixed(corpus, bert: Path) -> None:
    order = distributed.Order(resolve_backbone(str(bert)), "cpu", offline=True)
    _, observed = distributed._examine(order)
    with pytest.raises(FractalError, match="with other device than another worker: \\['cpu'\\] instead of"):
        distributed._encode(order, {**observed, "device": "cuda (H200)"}, ("block", ["one two"]))
