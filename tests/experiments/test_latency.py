"""Latency of what heads make of features, and of random vectors."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from fractalctl.documents import read_document
from fractalctl.documents.latency import DATABASES, Latency, LatencyRecipe
from fractalctl.errors import FractalError, MissingExtraError, RequestError
from fractalctl.experiments import latency
from fractalctl.experiments.latency import bench_head, bench_random, head_vectors
from fractalctl.experiments.policy import Overwrite
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.latency_timing import vectors_path, version_of
from store import FeatureSet, FeatureStore
from store.files import sha256_of
from tests.experiments.conftest import train

QUICK = LatencyRecipe(
    sizes=(100, 600), m=8, ef_search=(8, 32), nprobe=(1, 4), queries=15, rounds=2, warm_up=2
)
SMALL = LatencyRecipe(sizes=(50,), indexes=("flat",), queries=5, rounds=1)


@pytest.fixture
def head(features: FeatureSet, tmp_path: Path) -> Head:
    return train(features, tmp_path / "runs", ["v5"]).heads[0]


def test_every_index_size_effort_and_length_is_timed(head: Head, store: FeatureStore) -> None:
    path, document = bench_head(head, store, QUICK)
    assert path.parent == head.folder
    assert read_document(path, Latency) == document
    assert (document.corpus, document.backbone, document.strategy, document.seed) == (
        "garden", "gaussian", "v5", 42,
    )  # fmt: skip
    assert document.dims == [4, 8, 12, 16]
    assert document.full == 16
    keys = [(one.n, one.index, *one.effort.items(), one.dimension) for one in document.results]
    assert len(set(keys)) == len(keys) == 2 * (1 + 2 + 2) * 4
    raw = head.folder / document.times.file
    assert document.times.sha256 == sha256_of(raw)
    with np.load(raw) as times:
        assert {one.times for one in document.results} == set(times)
        assert all(array.shape == (2, 15) for array in times.values())


def test_rows_beyond_the_training_rows_are_repeated_with_noise(head: Head, features: FeatureSet) -> None:
    fewer = head_vectors(head, features, replace(QUICK, sizes=(400,)))
    more = head_vectors(head, features, replace(QUICK, sizes=(100, 1000)))
    rows = np.concatenate([part.full for part in more.reference()])
    again = np.concatenate([part.full for part in more.reference()])
    real = head.prefixes(features.features("train")).full
    np.testing.assert_array_equal(rows, again)
    np.testing.assert_allclose(rows[:400], real, rtol=1e-5, atol=1e-5)
    distance = np.linalg.norm(rows[400:800] - real, axis=1)
    assert (distance > 0).all()
    assert distance.mean() < np.linalg.norm(real - real.mean(axis=0), axis=1).mean()
    found = [(one.real_rows, one.repeated_rows, one.noise) for one in (fewer.description, more.description)]
    assert found == [(400, 0, None), (400, 600, 0.3)]


def test_prefixes_are_cut_first_and_then_normalised(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    blocks, full = (random.normal(size=(6, 8)).astype(np.float32) for _ in range(2))
    parts = [Prefixes(blocks[:4], full[:4]), Prefixes(blocks[4:], full[4:])]
    latency._write(tmp_path, "queries", 6, [4, 8], parts)
    for length, source in ((4, blocks[:, :4]), (8, full)):
        expected = source / np.linalg.norm(source, axis=1, keepdims=True)
        np.testing.assert_allclose(np.load(vectors_path(tmp_path, "queries", length)), expected, rtol=1e-6)


def test_what_is_up_to_date_stays_and_another_recipe_has_its_own_file(
    head: Head, store: FeatureStore
) -> None:
    path, document = bench_head(head, store, SMALL)
    before = path.stat().st_mtime_ns
    assert bench_head(head, store, SMALL, Overwrite.NEVER)[1] == document
    other, second = bench_head(
        head, store, LatencyRecipe(sizes=(60,), indexes=("flat",), queries=5, rounds=1)
    )
    assert other != path
    assert second.times.file != document.times.file
    assert path.stat().st_mtime_ns == before
    said: list[str] = []
    bench_head(head, store, SMALL, Overwrite.ALWAYS, note=said.append)
    assert said == [f"{path} is replaced: made anew"]


def test_the_plain_case_has_plain_names(head: Head, store: FeatureStore, monkeypatch) -> None:
    monkeypatch.setattr(latency, "LatencyRecipe", lambda: SMALL)
    path, document = bench_head(head, store)
    assert (path.name, document.times.file) == ("latency.json", "latency-times.npz")


def test_random_vectors_need_no_head(tmp_path: Path) -> None:
    recipe = LatencyRecipe(sizes=(200,), indexes=("flat",), dims=(8, 4), queries=10, rounds=1)
    path, document = bench_random(tmp_path, recipe)
    assert path.parent == tmp_path / "random"
    assert read_document(path, Latency) == document
    assert (document.corpus, document.backbone, document.arm) == ("random", None, None)
    assert document.dims == [4, 8]
    recalls = [one.recall for one in document.results]
    assert [recall.own for recall in recalls] == [1, 1]
    assert recalls[0].full < recalls[1].full == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"indexes": ("pq",)}, "--index pq: expected flat, hnsw, ivf"),
        ({"ef_search": (16, 0)}, "--ef-search 0: must be at least 1"),
        ({"sizes": (5,)}, "at least 10 rows"),
        ({"indexes": ("flat",), "m": 16}, "--m is of hnsw, which --index does not name"),
        ({"indexes": ("hnsw",), "nprobe": (4,)}, "--nprobe is of ivf, which --index does not name"),
        ({"nlist": 8}, "--nprobe 32: there are no more lists than --nlist 8"),
    ],
)
def test_senseless_recipes_are_refused(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        bench_random(tmp_path, LatencyRecipe(**options))


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_that_is_not_installed_is_named(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(latency, "version_of", missing)
    with pytest.raises(MissingExtraError, match=rf"pip install 'fractalctl\[{name}\]'"):
        bench_random(tmp_path, LatencyRecipe(indexes=("flat", name)))


def test_databases_are_timed_beside_indexes(tmp_path: Path) -> None:
    pytest.importorskip("qdrant_client", reason="the extra qdrant is not installed")
    recipe = LatencyRecipe(sizes=(60,), indexes=("flat", "qdrant"), dims=(4, 8), queries=5, rounds=1)
    path, document = bench_random(tmp_path, recipe)
    assert read_document(path, Latency).machine.databases == {"qdrant": version_of("qdrant")}
    found = {(one.index, one.dimension): one.recall for one in document.results}
    assert found["qdrant", 4] == found["flat", 4], "both search exactly"
    assert found["qdrant", 8].full == 1


def test_a_length_beyond_the_full_one_is_refused(head: Head, store: FeatureStore) -> None:
    with pytest.raises(RequestError, match="--dims 32: the embeddings have 16 numbers"):
        bench_head(head, store, LatencyRecipe(dims=(8, 32)))


def test_a_failing_process_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "vectors_path", lambda folder, part, d: folder / f"elsewhere-{part}-{d}.npy")
    with pytest.raises(FractalError, match=r"ended with 1: .*No such file.*reference"):
        bench_random(tmp_path, LatencyRecipe(sizes=(20,), indexes=("flat",), dims=(4,), rounds=1))
