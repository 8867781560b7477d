"""From a table and a tiny model to a feature set."""

import json
from pathlib import Path

import numpy as np
import pytest

from fractalctl.backbones.encoder import Backbone, load_backbone
from fractalctl.backbones.featurize import featurize
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.corpora.recorded import duplicates
from fractalctl.corpora.request import CorpusRequest
from fractalctl.errors import RequestError, UnreachableError
from store import FeatureStore
from store.contents import BLOCK_ROWS
from tests.backbones.models import WORDS
from tests.backbones.tables import write_table
from tests.cli.calls import done


def test_features_stand_in_the_order_of_the_corpus(
    table: CorpusRequest, bert: Path, store: FeatureStore
) -> None:
    notes: list[str] = []
    features = featurize(table, str(bert), store, device="cpu", note=notes.append)
    corpus, backbone = table.load(), load_backbone(str(bert), device="cpu")
    assert features.splits == ("train", "test")
    for split in features.splits:
        texts = corpus.splits[split].texts
        np.testing.assert_allclose(features.features(split), backbone.encode(texts), atol=1e-5)
        np.testing.assert_array_equal(features.labels(split), corpus.splits[split].labels)
        assert features.texts(split) == texts
        assert features.ids(split) == corpus.splits[split].ids
    assert features.class_names == corpus.tree.names
    assert (features.corpus, features.backbone, features.dimension) == ("talk", "bert", 32)
    assert notes[-1].startswith("encoded 52 rows on cpu in ")


def test_a_set_records_what_made_it(table: CorpusRequest, bert: Path, store: FeatureStore) -> None:
    recipe = featurize(table, str(bert), store, device="cpu").recipe
    spec = resolve_backbone(str(bert))
    assert recipe["corpus"] == {"name": "talk", "identity": json.loads(json.dumps(table.identity()))}
    assert recipe["backbone"] == {"name": "bert", "identity": spec.identity()}
    observed = recipe["observed"]
    assert {"weights", "normalises", "device", "versions", "corpus"} <= set(observed)
    assert len(observed["weights"]["model.safetensors"]) == len(observed["corpus"]) == 64


def test_test_rows_that_stand_in_the_training_split_are_counted_stored_and_said(
    bert: Path, store: FeatureStore, tmp_path: Path
) -> None:
    lines = [f"one two {word},bank,card,train" for word in WORDS[:10]]
    lines += ["One two ZERO ,bank,card,test", "one two one,bank,card,test", "nine nine,bank,card,test"]
    path = tmp_path / "talk.csv"
    path.write_text("\n".join(["text,coarse,fine,split", *lines]))
    notes: list[str] = []
    features = featurize(CorpusRequest(str(path)), str(bert), store, device="cpu", note=notes.append)
    assert features.recipe["observed"]["duplicates"] == duplicates(features) == 2
    assert "2 test rows stand verbatim in the training split as well" in notes
    without_test = featurize(CorpusRequest(str(path)), str(bert), store, splits=("train",), device="cpu")
    assert duplicates(without_test) == 2


def test_a_second_call_reads_neither_corpus_nor_backbone(
    table: CorpusRequest, bert: Path, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = featurize(table, str(bert), store, device="cpu")
    monkeypatch.setattr(CorpusRequest, "load", lambda *_, **__: pytest.fail("the corpus was read"))
    monkeypatch.setattr("fractalctl.backbones.encoder.load_backbone", lambda *_, **__: pytest.fail("loaded"))
    notes: list[str] = []
    found = featurize(table, str(bert), store, note=notes.append)
    assert (found.path, found.identity) == (made.path, made.identity)
    assert notes == [f"{made.path} is in the store"]


def test_each_recipe_has_a_set_of_its_own(table: CorpusRequest, bert: Path, store: FeatureStore) -> None:
    first = featurize(table, str(bert), store, device="cpu")
    second = featurize(table, resolve_backbone(str(bert), prompt="query: "), store, device="cpu")
    assert second.path == first.path.with_name(f"bert-{second.identity[:8]}.h5")
    assert not np.allclose(first.features("test"), second.features("test"))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that an encoder in this process is given, as they come."""
    texts: list[str] = []
    encode = Backbone.encode

    def noted(self: Backbone, given: list[str], *more: object) -> np.ndarray:
        texts.extend(given)
        return encode(self, given, *more)

    monkeypatch.setattr(Backbone, "encode", noted)
    return texts


def exported_anew(table: CorpusRequest, path: Path) -> CorpusRequest:
    """The same table in another order, with two new rows and another column."""
    header, *rows = Path(table.source).read_text().splitlines()
    rows = [*rows[::-1], "zero new,bank,card,train", "one new,song,play,test"]
    path.write_text("\n".join([f"{header},owner", *(f"{row},me" for row in rows)]))
    return CorpusRequest(str(path))


def test_of_a_table_exported_anew_only_new_texts_are_encoded(
    table: CorpusRequest, bert: Path, store: FeatureStore, tmp_path: Path, encoded: list[str]
) -> None:
    old = featurize(table, str(bert), store, device="cpu")
    assert "reused" not in old.recipe["observed"]
    del encoded[:]
    notes: list[str] = []
    request = exported_anew(table, tmp_path / "anew.csv")
    new = featurize(request, str(bert), store, device="cpu", note=notes.append)
    assert sorted(encoded) == ["one new", "zero new"]
    assert "the texts of 52 of 54 rows were encoded before, in talk/bert" in notes
    assert new.recipe["observed"]["reused"] == {"rows": 52, "sets": [old.identity]}

    known: dict[str, np.ndarray] = {}
    for split in old.splits:
        for text, feature in zip(old.texts(split), old.features(split), strict=True):
            known.setdefault(text, feature)
    whole = featurize(request, str(bert), FeatureStore(tmp_path / "empty"), device="cpu")
    for split in new.splits:
        for text, feature in zip(new.texts(split), new.features(split), strict=True):
            if text in known:
                np.testing.assert_array_equal(feature, known[text])
        np.testing.assert_allclose(new.features(split), whole.features(split), atol=1e-5)
        np.testing.assert_array_equal(new.labels(split), whole.labels(split))


def test_without_reuse_the_bytes_are_those_of_an_empty_store(
    table: CorpusRequest, bert: Path, store: FeatureStore, tmp_path: Path, encoded: list[str]
) -> None:
    featurize(table, str(bert), store, device="cpu")
    request = exported_anew(table, tmp_path / "anew.csv")
    whole = featurize(request, str(bert), FeatureStore(tmp_path / "empty"), device="cpu")
    del encoded[:]
    words = f"featurize {request.source} --backbone {bert} --device cpu --no-reuse --store {store.folder}"
    path = Path(done(words).stdout.strip())
    assert len(encoded) == 54
    assert path.read_bytes() == whole.path.read_bytes()


def test_another_recipe_takes_nothing_over(
    table: CorpusRequest, bert: Path, store: FeatureStore, encoded: list[str]
) -> None:
    featurize(table, str(bert), store, device="cpu")
    del encoded[:]
    featurize(table, resolve_backbone(str(bert), max_length=5), store, device="cpu")
    assert len(encoded) == 52
    featurize(table, str(bert), store, splits=("test",), device="cpu")
    assert len(encoded) == 52, "another choice of splits has the same encoder"


def test_stopped_in_the_middle_a_set_that_takes_over_ends_with_the_same_bytes(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = FeatureStore(tmp_path / "whole"), FeatureStore(tmp_path / "stopped")
    part = CorpusRequest(str(write_table(tmp_path / "part.csv", BLOCK_ROWS // 2, 50)))
    request = CorpusRequest(str(write_table(tmp_path / "talk.csv", BLOCK_ROWS + 200, 50)))
    for one in (whole, stopped):
        featurize(part, str(bert), one, device="cpu")
    made = featurize(request, str(bert), whole, device="cpu")
    assert made.recipe["observed"]["reused"]["rows"] >= BLOCK_ROWS // 2
    encode, calls = Backbone.encode, []

    def fails_at_the_second_block(self: Backbone, *given: object) -> np.ndarray:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(self, *given)

    monkeypatch.setattr(Backbone, "encode", fails_at_the_second_block)
    with pytest.raises(KeyboardInterrupt):
        featurize(request, str(bert), stopped, device="cpu")
    notes: list[str] = []
    again = featurize(request, str(bert), stopped, device="cpu", note=notes.append)
    assert any("blocks were encoded before" in note for note in notes)
    assert again.path.read_bytes() == made.path.read_bytes()


def test_splits_are_chosen(table: CorpusRequest, bert: Path, store: FeatureStore) -> None:
    assert featurize(table, str(bert), store, splits=("test",), device="cpu").splits == ("test",)
    with pytest.raises(RequestError, match=r"talk has no split 'validation'; it has train, test \(--splits"):
        featurize(table, str(bert), store, splits=("train", "validation"), device="cpu")


def test_corpus_and_backbone_out_of_reach_are_one_message(
    store: FeatureStore, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fractalctl.corpora.hub.why_unreachable", lambda: "no network in tests")
    with pytest.raises(UnreachableError) as raised:
        featurize(CorpusRequest("clinc"), "bge-small", store)
    message = str(raised.value)
    assert "clinc/clinc_oos" in message
    assert message.count("Three ways on:") == 1
    assert all(way in message for way in ("--data PATH", "--backbone FOLDER", "HF_HOME"))
    assert message.endswith(
        "Nor is the backbone bge-small (BAAI/bge-small-en-v1.5 at 5c38ec7c405e) in the local cache."
    )
    assert not store.folder.exists(), "a failed call leaves nothing behind"


def test_a_corpus_out_of_reach_says_nothing_of_a_backbone_at_hand(
    store: FeatureStore, hub_cache: Path, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fractalctl.corpora.hub.why_unreachable", lambda: "no network in tests")
    with pytest.raises(UnreachableError) as raised:
        featurize(CorpusRequest("clinc"), str(bert), store)
    assert "Nor is" not in str(raised.value)
