"""Damage and nonsense drawn at random: a few of each here, many in ``nox -s faults``.

``FRACTALCTL_FAULTS`` says how many of each; the draws are the same every time.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fractalctl.corpora.request import CorpusRequest
from fractalctl.documents import decode
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.head import HeadDocument
from fractalctl.errors import FractalError
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.heads.arms import read_arm
from fractalctl.heads.head import load_head
from fractalctl.measures.protocols import Protocol
from fractalctl.statistics.reading import read_observations
from store import Block, FeatureSet, Parts
from store.errors import StoreError
from tests.faults.counts import tried

TRIALS = int(os.environ.get("FRACTALCTL_FAULTS", "12"))
REFUSED = (FractalError, StoreError)
many = settings(max_examples=TRIALS, suppress_health_check=list(HealthCheck))


def flip(content: bytearray, generator: random.Random) -> None:
    content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)


def cut(content: bytearray, generator: random.Random) -> None:
    del content[generator.randrange(len(content)) :]


def zeros(content: bytearray, generator: random.Random) -> None:
    start = generator.randrange(len(content))
    length = min(generator.choice((1, 16, 512, 4096)), len(content) - start)
    content[start : start + length] = bytes(length)


def swap(content: bytearray, generator: random.Random) -> None:
    length = generator.choice((1, 4, 64))
    first, second = (generator.randrange(max(1, len(content) - length)) for _ in range(2))
    one, other = content[first : first + length], content[second : second + length]
    content[first : first + length], content[second : second + length] = other, one


def read_set(path: Path) -> Any:
    found = FeatureSet(path)
    return [
        found.class_names,
        *(table.tolist() for table in found.parents),
        *(
            (found.features(s).tobytes(), found.labels(s).tobytes(), found.ids(s), found.texts(s))
            for s in found.splits
        ),
    ]


def read_weights(path: Path) -> Any:
    return {name: tensor.numpy().tobytes() for name, tensor in load_head(path).weights.items()}


def read_part(path: Path) -> Any:
    parts = Parts(path.parent, "stamp", 4, (("train", 8),))
    return parts.read_block(Block("train", 0, 8)).tobytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, tuple[Path, Callable[[Path], Any]]]:
    """A file of each kind whose content is under a checksum, and what reads it."""
    from store import FeatureStore
    from tests.faults.conftest import train
    from tests.feature_sets import make_features

    folder = tmp_path_factory.mktemp("files")
    features = make_features(FeatureStore(folder / "store"))
    head = train(features, folder / "runs").heads[0]
    evaluate_heads([head], Protocol("loo", max_test=40), FeatureStore(folder / "store"))
    parts = Parts(folder / "parts", "stamp", 4, (("train", 8),))
    parts.write_block(Block("train", 0, 8), np.arange(32, dtype=np.float32).reshape(8, 4))
    (part,) = (folder / "parts").iterdir()
    return {
        "feature set": (features.path, read_set),
        "weights": (head.weights_path, read_weights),
        "block": (part, read_part),
    }


@pytest.mark.parametrize("kind", ["feature set", "weights", "block"])
@pytest.mark.parametrize("damage", [flip, cut, zeros, swap])
def test_damage_is_found_or_changes_nothing(files, kind, damage):
    (path, read), refused = files[kind], 0
    whole, expected, generator = path.read_bytes(), read(path), random.Random(f"{kind} {damage.__name__}")
    try:
        for _ in range(TRIALS):
            content = bytearray(whole)
            damage(content, generator)
            path.write_bytes(content)
            try:
                found = read(path)
            except REFUSED as error:
                assert str(path.parent) in str(error)
                refused += 1
            else:
                assert found == expected
        tried(f"{damage.__name__} in: {kind}", refused, "found, and named")
        tried(f"{damage.__name__} in: {kind}", TRIALS - refused, "the content is the same")
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", [HeadDocument, Evaluation])
@pytest.mark.parametrize("damage", [flip, cut, zeros, swap])
def test_a_damaged_document_is_refused_or_is_a_document(files, kind, damage):
    folder, generator, refused = files["weights"][0].parent, random.Random(damage.__name__), 0
    path = folder / "head.json" if kind is HeadDocument else next(folder.glob("evaluation-*.json"))
    whole = path.read_bytes()
    for _ in range(TRIALS * 4):
        content = bytearray(whole)
        damage(content, generator)
        try:
            found = decode(bytes(content), kind, str(path))
        except REFUSED as error:
            assert str(error).startswith(str(path))
            refused += 1
        else:
            assert isinstance(found, kind)
    what = f"{damage.__name__} in {path.name.partition('-')[0].removesuffix('.json')}.json"
    tried(what, refused, "refused by name")
    tried(what, TRIALS * 4 - refused, "still a document of its kind")


@contextmanager
def read_or_refused(what: str, *named: str) -> Iterator[None]:
    """Something that is read, or else refused with a message that names one of these."""
    try:
        yield
    except REFUSED as error:
        assert any(name in str(error) for name in named), error
        tried(what, 1, "refused by name")
    else:
        tried(what, 1, "read")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@many
@given(data=st.data())
def test_a_document_with_any_value_anywhere(files, data):
    """Some field, however deep, holds something else."""
    folder = files["weights"][0].parent
    kind, path = data.draw(
        st.sampled_from([
            (HeadDocument, folder / "head.json"), (Evaluation, next(folder.glob("evaluation-*.json")))
        ])
    )  # fmt: skip
    document = json.loads(path.read_bytes())
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
        else:
            break
    place[key] = data.draw(ANY_JSON)
    what = f"any value at any place of {path.name.partition('-')[0].removesuffix('.json')}.json"
    with read_or_refused(what, "here.json: "):
        decode(json.dumps(document).encode("utf-8", "surrogatepass"), kind, "here.json")


MARKS = ["a", "b", '"', '""', ",", "\n", "\r", "\0", "é", "e\u0301", "=1", "\ufeff"]
CELLS = st.text(max_size=6) | st.sampled_from(MARKS)
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8)
RECORDS = st.fixed_dictionaries({"text": ANY_JSON, "coarse": ANY_JSON, "fine": ANY_JSON})
KEYS = st.sampled_from(["full", "prefix", "keep", "prefix_probabilities", "dims", "epochs", "margin", "x"])
SEEDS, NUMBERS = CELLS | st.integers().map(str), CELLS | st.floats().map(str)


@many
@given(rows=LINES, header=st.booleans(), end=st.binary(max_size=4))
def test_any_csv_is_a_corpus_or_is_refused(tmp_path_factory, rows, header, end):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    lines = [["text", "coarse", "fine"], *rows] if header else rows
    text = "\n".join(",".join(line) for line in lines).encode("utf-8", "surrogatepass")
    path.write_bytes(text + end)
    check_corpus(path)


COLUMNS = st.sampled_from(["text", "coarse", "fine", "Fine", "", "text"])
VALUES = st.one_of(
    st.lists(kind, min_size=3, max_size=3)
    for kind in (
        CELLS,
        st.none() | CELLS,
        st.booleans(),
        st.integers(-9, 9),
        st.floats(),
        st.binary(max_size=3),
        st.lists(st.integers(0, 3), max_size=2),
    )
)


@many
@given(columns=st.lists(st.tuples(COLUMNS, VALUES), max_size=4), end=st.binary(max_size=4))
def test_any_parquet_is_a_corpus_or_is_refused(tmp_path_factory, columns, end):
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    names, values = [name for name, _ in columns], [value for _, value in columns]
    try:
        table = pyarrow.table(values, names=names)
    except (pyarrow.ArrowException, UnicodeEncodeError):
        return
    pyarrow.parquet.write_table(table, path)
    path.write_bytes(path.read_bytes() + end)
    check_corpus(path)


@many
@given(rows=st.lists(ANY_JSON | RECORDS, max_size=6))
def test_any_json_lines_are_a_corpus_or_are_refused(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    check_corpus(path)


def check_corpus(path: Path) -> None:
    with read_or_refused(f"{path.suffix[1:]} files from a grammar, as corpora", path.name, "two levels"):
        corpus = CorpusRequest(str(path)).load()
        assert all(len(set(names)) == len(names) for names in corpus.tree.names)
        assert all(split.labels.max() < len(corpus.tree.names[-1]) for split in corpus.splits.values())


@many
@given(values=st.dictionaries(KEYS, ANY_JSON))
def test_any_table_is_a_supervision_or_is_refused(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("toml") / "mine.toml"
    path.write_bytes("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()).encode())
    with read_or_refused("toml files from a grammar, as supervisions", "mine.toml"):
        read_arm(path, 2)


@many
@given(rows=st.lists(st.tuples(CELLS, CELLS, SEEDS, NUMBERS), max_size=5))
def test_any_table_is_measurements_or_is_refused(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    lines = "".join(",".join(row) + "\n" for row in rows)
    path.write_bytes(f"dataset,strategy,seed,steerability\n{lines}".encode("utf-8", "surrogatepass"))
    with read_or_refused("csv files from a grammar, as tables of seeds", "t.csv"):
        found = read_observations([path])
        assert all(abs(one.metrics["S"]) <= 2 for one in found)
