"""Databases that were written answer as a plain search over the head's embeddings does."""

import gc
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from fractalctl.errors import MissingExtraError, RequestError, UnreachableError
from fractalctl.experiments.exporting import export_head
from fractalctl.export import exporter as exported_rows
from fractalctl.export.exporter import batches
from fractalctl.export.vectors import unit
from store import FeatureStore, Recipe
from tests.experiments.conftest import train
from tests.feature_sets import make_features
from tests.postgres import fresh_database, serving

NAME = "garden-v5-dims-4x8x12x16-epochs-2-learning-rate-0-01"
LENGTHS = (4, 8, 16)
Vector = np.ndarray
PACKAGES = {"qdrant": "qdrant_client", "chroma": "chromadb", "lancedb": "lancedb", "pgvector": "psycopg"}

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    features = make_features(FeatureStore(folder / "store"))
    return train(features, folder / "runs", ["v5"]).heads[0], features


@pytest.fixture(scope="module")
def own_keys(tmp_path_factory):
    """A head of a corpus whose levels are called as keys that every row has."""
    folder = tmp_path_factory.mktemp("own-keys")
    identity = {"levels": ["text", "path", "split"]}
    recipe = Recipe("garden", identity, "gaussian", {"dimension": 24}, ("train", "test"))
    features = make_features(FeatureStore(folder / "store"), depth=3, recipe=recipe)
    return train(features, folder / "runs", ["v5"]).heads[0], features


def qdrant(folder: Path, call: Callable):
    from qdrant_client import QdrantClient

    client = QdrantClient(path=str(folder / "qdrant"))
    try:
        return call(client)
    finally:
        client.close()


def ask_qdrant(folder: Path, vector: Vector, length: int, k: int) -> list[tuple[int, dict]]:
    name = {4: "coarse", 8: "d8", 16: "full"}[length]
    found = qdrant(folder, lambda client: client.query_points(NAME, vector.tolist(), using=name, limit=k))
    return [(point.id, point.payload) for point in found.points]


def chroma(folder: Path, length: int, call: Callable):
    import chromadb

    client = chromadb.PersistentClient(str(folder / "chroma"))
    try:
        return call(client.get_collection(f"{NAME}-{length}", embedding_function=None))
    finally:
        client.close()


def ask_chroma(folder: Path, vector: Vector, length: int, k: int) -> list[tuple[int, dict]]:
    asked = {"query_embeddings": [vector.tolist()], "n_results": k}
    found = chroma(folder, length, lambda collection: collection.query(**asked))
    texts, payloads = found["documents"][0], found["metadatas"][0]
    rows = zip(found["ids"][0], texts, payloads, strict=True)
    return [(int(number), {**payload, "text": text}) for number, text, payload in rows]


def lance(folder: Path):
    import lancedb

    return lancedb.connect(folder / "lancedb").open_table(NAME)


def ask_lancedb(folder: Path, vector: Vector, length: int, k: int) -> list[tuple[int, dict]]:
    query = lance(folder).search(vector, vector_column_name=f"vector_{length}").distance_type("cosine")
    return [(row["number"], row) for row in query.limit(k).to_list()]


def ask_pgvector(_: Path, vector: Vector, length: int, k: int) -> list[tuple[int, dict]]:
    import psycopg

    query = f'SELECT * FROM "{NAME}" ORDER BY vector_{length} <=> %s::vector LIMIT %s'
    with psycopg.connect(row_factory=psycopg.rows.dict_row) as connection:
        return [(row["number"], row) for row in connection.execute(query, (str(vector.tolist()), k))]


ASK = {"qdrant": ask_qdrant, "chroma": ask_chroma, "lancedb": ask_lancedb, "pgvector": ask_pgvector}


def count(name: str, folder: Path) -> int:
    if name == "qdrant":
        return qdrant(folder, lambda client: client.count(NAME).count)
    if name == "chroma":
        return chroma(folder, 16, lambda collection: collection.count())
    if name == "pgvector":
        import psycopg

        with psycopg.connect() as connection:
            return connection.execute(f'SELECT count(*) FROM "{NAME}"').fetchone()[0]
    return lance(folder).count_rows()


@pytest.fixture(scope="module")
def server():
    with serving() as host:
        yield host


@pytest.fixture(params=sorted(PACKAGES))
def name(request, monkeypatch) -> str:
    if find_spec(PACKAGES[request.param]) is None:
        pytest.skip(f"the extra {request.param} is not installed")
    if request.param == "pgvector":
        fresh_database(request.getfixturevalue("server"), monkeypatch)
    return request.param


def export(made, name: str, folder: Path, **options):
    head, features = made
    store = features.path.parents[1]
    return export_head(head, name, folder, **{"lengths": LENGTHS, "store": store, **options})


def nearest(made, row: int, length: int, k: int) -> list[int]:
    head, features = made
    known = unit(head.embed(features.features("train"), dimension=length))
    asked = unit(head.embed(features.features("test")[row : row + 1], dimension=length))[0]
    return np.argsort(-(known @ asked), kind="stable")[:k].tolist()


def asked(made, row: int, length: int) -> Vector:
    head, features = made
    return unit(head.embed(features.features("test")[row : row + 1], dimension=length))[0]


def test_rows_are_found_at_every_length_with_their_payload(made, name: str, tmp_path: Path) -> None:
    _, features = made
    place = tmp_path / "db" if name == "pgvector" else tmp_path / "db" / name
    assert export(made, name, tmp_path / "db") == [place]
    for row, length in ((3, 4), (3, 8), (5, 16)):
        found = ASK[name](tmp_path / "db", asked(made, row, length), length, 5)
        expected = nearest(made, row, length, 5)
        assert [number for number, _ in found] == expected
        number, payload = found[0]
        classes = [names[kind] for names, kind in zip(
            features.class_names, features.labels("train")[number], strict=True)]  # fmt: skip
        assert payload["text"] == features.texts("train", [number])[0]
        assert (payload["L0"], payload["L1"], payload["path"]) == (*classes, " > ".join(classes))
        assert (payload["id"], payload["split"]) == (f"train-{number}", "train")
    document = json.loads((tmp_path / "db" / "fractalctl.json").read_text())
    assert (document["format"], document["lengths"]) == (name, [4, 8, 16])


def test_levels_called_as_a_row_s_own_keys_take_nothing_from_it(own_keys, name: str, tmp_path: Path) -> None:
    """A row has its text, its path and its split, and the class at levels of those names beside them."""
    _, features = own_keys
    notes: list[str] = []
    export(own_keys, name, tmp_path / "db", note=notes.append)
    number, payload = ASK[name](tmp_path / "db", asked(own_keys, 3, 16), 16, 1)[0]
    classes = [names[kind] for names, kind in zip(
        features.class_names, features.labels("train")[number], strict=True)]  # fmt: skip
    assert [payload[key] for key in ("level_text", "level_path", "level_split")] == classes
    assert (payload["text"], payload["path"]) == (features.texts("train", [number])[0], " > ".join(classes))
    assert (payload["id"], payload["split"]) == (f"train-{number}", "train")
    assert notes == [
        f"The level {level} is called level_{level} here: each row has a {level} of its own"
        for level in ("text", "path", "split")
    ]


def test_a_second_call_adds_nothing_and_a_third_goes_on(made, name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(exported_rows, "ROWS_PER_BATCH", 90)
    seen: list[Sequence[int]] = []

    def interrupted(subject, there):
        for batch in batches(subject, there):
            if len(seen) == 2:
                raise KeyboardInterrupt
            seen.append(batch.numbers)
            yield batch

    module = f"fractalctl.export.formats.{name}.batches"
    with monkeypatch.context() as patch:
        patch.setattr(module, interrupted)
        with pytest.raises(KeyboardInterrupt):
            export(made, name, tmp_path / "db")
    gc.collect()
    assert count(name, tmp_path / "db") == 180
    notes: list[str] = []
    export(made, name, tmp_path / "db", note=notes.append)
    assert (count(name, tmp_path / "db"), notes) == (400, ["180 of 400 rows were there already"])
    export(made, name, tmp_path / "db", note=notes.append)
    assert (count(name, tmp_path / "db"), notes[-1]) == (400, "400 of 400 rows were there already")
    found = ASK[name](tmp_path / "db", asked(made, 7, 16), 16, 5)
    assert [number for number, _ in found] == nearest(made, 7, 16, 5)


def test_several_splits_count_on(made, name: str, tmp_path: Path) -> None:
    export(made, name, tmp_path / "db", splits=("train", "test"))
    assert count(name, tmp_path / "db") == 520
    found = ASK[name](tmp_path / "db", asked(made, 4, 16), 16, 1)
    assert (found[0][0], found[0][1]["id"]) == (404, "test-4"), "a test row finds itself"
    with pytest.raises(RequestError, match="has no split validation; it has train, test"):
        export(made, name, tmp_path / "other", splits=("validation",))
    assert not (tmp_path / "other").exists(), "a folder that says what it does not hold would be in the way"


def test_vectors_of_two_heads_never_mix(made, name: str, tmp_path: Path) -> None:
    _, features = made
    export(made, name, tmp_path / "db")
    other = train(features, tmp_path / "runs", ["mrl"]).heads[0]
    with pytest.raises(RequestError, match="vectors of two heads cannot be compared"):
        export((other, features), name, tmp_path / "db")
    with pytest.raises(RequestError, match="at 4,8,16 dimensions, and its vectors keep the lengths"):
        export(made, name, tmp_path / "db", lengths=(8, 16))


def test_a_database_is_not_replaced(made, name: str, tmp_path: Path) -> None:
    export(made, name, tmp_path / "db")
    for other in {"qdrant", "sentence-transformers", "chroma"} - {name}:
        with pytest.raises(RequestError, match=f"holds {name} of the head v5.* a folder holds one export"):
            export(made, other, tmp_path / "db", lengths=None)
    assert count(name, tmp_path / "db") == 400


def test_a_table_of_another_head_is_refused(made, server, tmp_path: Path, monkeypatch) -> None:
    """Whatever folder is named, since the table is in none."""
    _, features = made
    fresh_database(server, monkeypatch)
    export(made, "pgvector", tmp_path / "db")
    other = train(features, tmp_path / "runs", ["v5"], [7]).heads[0]
    with pytest.raises(RequestError, match="vectors of two heads cannot be compared; drop it"):
        export((other, features), "pgvector", tmp_path / "other")
    monkeypatch.setenv("PGHOST", str(tmp_path))
    with pytest.raises(UnreachableError, match=r"No such file.*PGHOST, PGPORT, PGDATABASE and PGUSER"):
        export(made, "pgvector", tmp_path / "third")
    assert not (tmp_path / "third").exists()


@pytest.mark.skipif(find_spec("qdrant_client") is None, reason="the extra qdrant is not installed")
def test_qdrant_rescores_what_the_coarse_vector_fetches(made, tmp_path: Path) -> None:
    from qdrant_client.models import FieldCondition, Filter, MatchValue, Prefetch

    head, features = made
    export(made, "qdrant", tmp_path / "db")
    short, full = asked(made, 11, 4), asked(made, 11, 16)

    def two_stage(client, **options):
        fetch = Prefetch(query=short.tolist(), using="coarse", limit=20)
        return client.query_points(NAME, full.tolist(), using="full", prefetch=[fetch], limit=3, **options)

    found = [point.id for point in qdrant(tmp_path / "db", two_stage).points]
    candidates = np.array(nearest(made, 11, 4, 20))
    known = unit(head.embed(features.features("train")))
    assert found == candidates[np.argsort(-(known[candidates] @ full), kind="stable")][:3].tolist()
    only = Filter(must=[FieldCondition(key="L0", match=MatchValue(value="plant"))])
    plants = qdrant(tmp_path / "db", lambda client: two_stage(client, query_filter=only)).points
    assert {point.payload["L0"] for point in plants} <= {"plant"}


def test_a_client_that_is_missing_is_named(made, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(exported_rows, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fractalctl\[qdrant\]'"):
        export(made, "qdrant", tmp_path / "db")
