"""Latency of what heads make of features, and of random vectors."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fractalctl.cli import build_app
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments import latency
from fractalctl.experiments.latency import bench_head, bench_random
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.searched import HeadVectors, LatencyRecipe
from fractalctl.experiments.training import supervisions, train_heads
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.measures.latency_folder import vectors_path
from store import FeatureSet, FeatureStore
from store.files import read_json, sha256_of

QUICK = LatencyRecipe(
    sizes=(100, 600), m=8, ef_search=(8, 32), nprobe=(1, 4), queries=15, rounds=2, warm_up=2
)


@pytest.fixture
def head(features: FeatureSet, recipe: TrainingRecipe, tmp_path: Path) -> Head:
    tables = supervisions(features, recipe, ["v5"])
    return train_heads(features, tables, tmp_path / "runs", [42], recipe).heads[0]


def test_every_index_size_effort_and_length_is_timed(head: Head, store: FeatureStore) -> None:
    path, document = bench_head(head, store, QUICK)
    assert path == head.folder / "latency.json"
    assert read_json(path) == document
    assert (document["corpus"], document["strategy"], document["seed"]) == ("garden", "v5", 42)
    assert document["dims"] == [4, 8, 12, 16]
    assert document["full"] == 16
    keys = [(one["n"], one["index"], *one["effort"].items(), one["dimension"]) for one in document["results"]]
    assert len(set(keys)) == len(keys) == 2 * (1 + 2 + 2) * 4
    assert len(keys) == LatencyRecipe(**{**QUICK.__dict__, "dims": (4, 8, 12, 16)}).n_results
    assert document["times"]["sha256"] == sha256_of(head.folder / "latency-times.npz")
    with np.load(head.folder / "latency-times.npz") as times:
        assert {one["times"] for one in document["results"]} == set(times)
        assert all(array.shape == (2, 15) for array in times.values())


def test_rows_beyond_the_training_rows_are_repeated_with_noise(head: Head, features: FeatureSet) -> None:
    vectors = HeadVectors(head, features)
    rows = np.concatenate([part.full for part in vectors.reference(1000, QUICK)])
    again = np.concatenate([part.full for part in vectors.reference(1000, QUICK)])
    real = head.prefixes(features.features("train")).full
    np.testing.assert_array_equal(rows, again)
    np.testing.assert_allclose(rows[:400], real, rtol=1e-5, atol=1e-5)
    distance = np.linalg.norm(rows[400:800] - real, axis=1)
    assert (distance > 0).all()
    assert distance.mean() < np.linalg.norm(real - real.mean(axis=0), axis=1).mean()
    assert vectors.description(400, QUICK)["repeated_rows"] == 0
    assert "noise" not in vectors.description(400, QUICK)
    assert vectors.description(1000, QUICK) | {"repeated_rows": 600, "noise": 0.3} == vectors.description(
        1000, QUICK
    )


def test_prefixes_are_cut_first_and_then_normalised(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    blocks, full = (random.normal(size=(6, 8)).astype(np.float32) for _ in range(2))
    parts = [Prefixes(blocks[:4], full[:4]), Prefixes(blocks[4:], full[4:])]
    latency._write(tmp_path, "queries", 6, [4, 8], parts)
    for length, source in ((4, blocks[:, :4]), (8, full)):
        expected = source / np.linalg.norm(source, axis=1, keepdims=True)
        np.testing.assert_allclose(np.load(vectors_path(tmp_path, "queries", length)), expected, rtol=1e-6)


def test_what_is_up_to_date_stays(head: Head, store: FeatureStore) -> None:
    small = LatencyRecipe(sizes=(50,), indexes=("flat",), queries=5, rounds=1)
    path, document = bench_head(head, store, small)
    before = path.stat().st_mtime_ns
    assert bench_head(head, store, small)[1] == document
    assert bench_head(head, store, small, Overwrite.NEVER)[1] == document
    assert path.stat().st_mtime_ns == before
    other = LatencyRecipe(sizes=(60,), indexes=("flat",), queries=5, rounds=1)
    with pytest.raises(RequestError, match=r"latency\.json: .*--overwrite changed"):
        bench_head(head, store, other, Overwrite.NEVER)
    assert bench_head(head, store, other)[1]["identity"] != document["identity"]


def test_random_vectors_need_no_head(tmp_path: Path) -> None:
    recipe = LatencyRecipe(sizes=(200,), indexes=("flat",), dims=(8, 4), queries=10, rounds=1)
    path, document = bench_random(tmp_path, recipe)
    assert path == tmp_path / "random" / "latency.json"
    assert document["dims"] == [4, 8]
    recalls = [one["recall"] for one in document["results"]]
    assert [recall["own"] for recall in recalls] == [1, 1]
    assert recalls[0]["full"] < recalls[1]["full"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"indexes": ("pq",)}, "--index pq: expected flat, hnsw, ivf"),
        ({"ef_search": (16, 0)}, "--ef-search 0: must be at least 1"),
        ({"sizes": (5,)}, "at least 10 rows"),
    ],
)
def test_senseless_recipes_are_refused(options: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        LatencyRecipe(**options)


def test_a_length_beyond_the_full_one_is_refused(head: Head, store: FeatureStore) -> None:
    with pytest.raises(RequestError, match="--dims 32: the embeddings have 16 numbers"):
        bench_head(head, store, LatencyRecipe(dims=(8, 32)))


def test_a_failing_process_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "vectors_path", lambda folder, part, d: folder / f"elsewhere-{part}-{d}.npy")
    with pytest.raises(FractalError, match=r"ended with 1: .*No such file.*reference"):
        bench_random(tmp_path, LatencyRecipe(sizes=(20,), indexes=("flat",), dims=(4,), rounds=1))


def test_the_command(head: Head, store: FeatureStore, tmp_path: Path) -> None:
    options = ["--sizes", "50", "--index", "flat", "--queries", "5", "--rounds", "1"]
    where = ["--store", str(store.folder), "--runs", str(tmp_path / "runs")]
    called = CliRunner().invoke(build_app(), ["bench-latency", *options, *where])
    assert called.exit_code == 0, called.output
    assert called.stdout.split() == [str(head.folder / "latency.json")]
    assert f"Head: {head.folder}" in called.stderr
    again = CliRunner().invoke(build_app(), ["bench-latency", str(head.folder), *options, *where, "--json"])
    document = json.loads(again.stdout)
    assert document == read_json(head.folder / "latency.json")
    assert document["argv"][:2] == ["fractalctl", "bench-latency"]
    assert str(head.folder) in document["argv"]
    random = CliRunner().invoke(build_app(), ["bench-latency", "--random", str(head.folder), *where])
    assert random.exit_code == 2
    assert "leave the heads out" in random.stderr
