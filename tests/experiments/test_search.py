import numpy as np
import pytest

from fractalctl.backbones.resolve import recorded_backbone, resolve_backbone
from fractalctl.errors import RequestError
from fractalctl.experiments.search import Lookup, search_rows, search_texts
from fractalctl.experiments.training import build_arms, train_heads
from store import FeatureStore
from tests.backbones.models import TEXTS, as_sentence_transformers, build_bert
from tests.experiments.conftest import train
from tests.tiny import featurized


@pytest.fixture
def head(features, tmp_path):
    return train(features, tmp_path / "runs", ["v5"]).heads[0]


def test_rows_find_what_a_plain_loop_finds(head, features) -> None:
    train, test = (head.embed(features.features(split)) for split in ("train", "test"))
    found = search_rows(head, features, [5, 9], Lookup(k=4, lengths=(3, 16)))
    for one, row in zip(found, [5, 9], strict=True):
        assert one.two_stage is None
        assert one.zoom.query.labels[1] == features.class_names[1][features.labels("test")[row, 1]]
        for length, answers in one.zoom.answers.items():
            unit = train[:, :length] / np.linalg.norm(train[:, :length], axis=1, keepdims=True)
            cosines = unit @ test[row, :length] / np.linalg.norm(test[row, :length])
            best = np.argsort(-cosines, kind="stable")[:4]
            assert [answer.row for answer in answers] == best.tolist()
            assert [answer.cosine for answer in answers] == pytest.approx(cosines[best].tolist(), abs=1e-6)
            assert [answer.text for answer in answers] == features.texts("train", best)
            votes = np.bincount(features.labels("train")[best, 1], minlength=12).argmax()
            assert one.zoom.votes[length][1] == features.class_names[1][votes]


def test_two_stages_rank_the_shortlist_at_full_length(head, features) -> None:
    (found,) = search_rows(head, features, [11], Lookup(k=3, shortlist=20))
    train, test = (head.embed(features.features(split)) for split in ("train", "test"))
    short = train[:, :4] / np.linalg.norm(train[:, :4], axis=1, keepdims=True)
    candidates = np.argsort(-(short @ test[11, :4]), kind="stable")[:20]
    full = train[candidates] / np.linalg.norm(train[candidates], axis=1, keepdims=True)
    best = candidates[np.argsort(-(full @ test[11]), kind="stable")[:3]]
    assert [answer.row for answer in found.two_stage] == best.tolist()
    (whole,) = search_rows(head, features, [11], Lookup(k=3, shortlist=400))
    assert whole.two_stage == whole.zoom.answers[16], "a shortlist of all rows is a search in one stage"


def test_a_funnel_goes_through_every_length(head, features) -> None:
    lookup = Lookup(k=2, lengths=(4, 8, 16), shortlist=50, funnel=True)
    (found,) = search_rows(head, features, [11], lookup)
    train, test = (head.embed(features.features(split)) for split in ("train", "test"))
    rows = np.arange(400)
    for length, size in ((4, 50), (8, 10), (16, 2)):
        unit = train[rows, :length] / np.linalg.norm(train[rows, :length], axis=1, keepdims=True)
        rows = rows[np.argsort(-(unit @ test[11, :length]), kind="stable")[:size]]
    assert [answer.row for answer in found.two_stage] == rows.tolist()


@pytest.mark.parametrize(
    ("lookup", "message"),
    [
        (Lookup(funnel=True), "--funnel narrows a shortlist"),
        (Lookup(level=0), "a level is answered from an index"),
        (Lookup(lengths=(8, 4)), "--dims 8,4: expected ascending lengths from 1 to 16"),
        (Lookup(lengths=(0, 4)), "expected ascending lengths from 1 to 16"),
        (Lookup(lengths=(4, 17)), "expected ascending lengths from 1 to 16"),
        (Lookup(k=5, shortlist=4), "a shortlist of 4 cannot give 5 answers"),
        (Lookup(k=401), "k = 401 neighbours were asked for, but there are 400"),
    ],
)
def test_what_cannot_be_looked_up(head, features, lookup: Lookup, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        search_rows(head, features, [0], lookup)


def test_rows_that_are_not_there(head, features) -> None:
    with pytest.raises(RequestError, match="has test rows 0 to 119, not 120"):
        search_rows(head, features, [0, 120], Lookup())


def test_own_texts_are_encoded_as_the_corpus_was(tmp_path) -> None:
    folder = as_sentence_transformers(build_bert(tmp_path / "bert"), "mean_tokens")
    spec = resolve_backbone(str(folder), prompt="query : ", max_length=16)
    features = featurized(FeatureStore(tmp_path / "store"), spec)
    arms = build_arms(["v5"], 2, None, {"dims": (2, 4), "epochs": 1, "batch_size": 8})
    head = train_heads(features, arms, tmp_path / "runs", [1]).heads[0]
    again = recorded_backbone(features, folder)
    texts = [TEXTS[1], TEXTS[4]]
    found = search_texts(head, features, texts, Lookup(k=4), again, device="cpu")
    assert [{answer.text for answer in one.zoom.answers[4]} for one in found] == [{text} for text in texts]
    assert all(answer.cosine == pytest.approx(1, abs=1e-5) for answer in found[0].zoom.answers[4])
    assert found[0].zoom.query.labels == ()
    assert found[0].zoom.agreement(4, 0) == 1, "of the class voted for"
