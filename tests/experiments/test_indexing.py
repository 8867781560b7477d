"""Indexes answer as plain searches do, and thresholds keep what they promise."""

import json
from pathlib import Path

import faiss
import numpy as np
import pytest
from sklearn.metrics import roc_curve

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.calibration import (
    K,
    calibrate,
    decide,
    least_margin,
    level_lengths,
    margins,
    nearness_of,
    told_apart,
)
from fractalctl.experiments.indexing import open_index, write_index
from fractalctl.experiments.search import FINEST_SURE, Lookup, rows_in, search_rows
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.heads.examples import hold_out
from fractalctl.measures.search import Reference
from store import FeatureStore
from tests.experiments.conftest import train
from tests.feature_sets import make_features


@pytest.fixture
def head(features, tmp_path):
    return train(features, tmp_path / "runs", ["v5"]).heads[0]


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_an_index_answers_as_the_feature_set_does(head, features, store, tmp_path, kind: str) -> None:
    written = write_index(head, features, tmp_path / "ix", (4, 8, 16), kind)
    assert sorted(path.name for path in written.folder.iterdir()) == [
        "16.faiss", "4.faiss", "8.faiss", "index.json"]  # fmt: skip
    reference = open_index(tmp_path / "ix", store)
    lookup = Lookup(k=3, lengths=(4, 8, 16), shortlist=30, funnel=True)
    ours, plain = rows_in(reference, [5, 9, 11], lookup), search_rows(head, features, [5, 9, 11], lookup)
    for one, other in zip(ours, plain, strict=True):
        for length in (4, 8, 16):
            found, expected = one.zoom.answers[length], other.zoom.answers[length]
            assert [answer.row for answer in found] == [answer.row for answer in expected]
            assert [answer.cosine for answer in found] == pytest.approx(
                [a.cosine for a in expected], abs=1e-6
            )
        assert [answer.row for answer in one.two_stage] == [answer.row for answer in other.two_stage]
        assert (one.decision is None, other.decision) == (False, None)


def test_a_fractal_head_keeps_its_full_embedding(features, store, tmp_path) -> None:
    (head,) = train(features, tmp_path / "runs", ["v5"], settings={"trunk": "fractal"}).heads
    write_index(head, features, tmp_path / "ix", (8, 16))
    index = faiss.read_index(str(tmp_path / "ix" / "16.faiss"))
    full = head.prefixes(features.features("train")).full
    assert index.reconstruct(3) == pytest.approx(full[3] / np.linalg.norm(full[3]), abs=1e-6)


def test_margins_of_votes() -> None:
    labels = np.array([[1, 1, 1, 2, 3], [1, 2, 1, 2, 3], [4, 4, 4, 4, 4], [1, 2, 3, 4, 5]])
    assert margins(labels).tolist() == pytest.approx([0.4, 0, 1, 0])


def test_the_least_margin_keeps_the_error() -> None:
    random = np.random.default_rng(1)
    margin = random.choice([0, 0.2, 0.4, 0.6, 0.8, 1], 500)
    right = random.random(500) < 0.5 + margin / 2
    for error in (0.02, 0.1, 0.2, 0.6):
        least, answered, wrong = least_margin(margin, right, error)
        passing = [value for value in sorted(set(margin)) if 1 - right[margin >= value].mean() <= error]
        assert least == (passing[0] if passing else None)
        if least is not None:
            assert answered == pytest.approx((margin >= least).mean())
            assert wrong == pytest.approx(1 - right[margin >= least].mean())
    assert least_margin(np.ones(4), np.zeros(4, bool), 0.5) == (None, 0.0, 0.0)


def test_levels_are_asked_at_their_lengths() -> None:
    assert level_lengths([64, 256], 2) == (64, 256)
    assert level_lengths([64, 128, 192, 256], 3) == (64, 192, 256)
    assert level_lengths([64], 4) == (64, 64, 64, 64)


def test_calibration_asks_rows_that_the_head_was_not_fitted_to(head, features) -> None:
    reference = Reference(head, features)
    found = calibrate(reference, (4, 16), 0.1)
    labels = features.labels("train")
    rows = np.sort(hold_out(labels[:, -1], head.settings.holdout, head.seed).validation)
    assert (found.source, found.n_rows) == ("held-out", len(rows))
    for level, length in ((0, 4), (1, 16)):
        embedded = head.embed(features.features("train"), dimension=length).astype(np.float64)
        embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
        cosines = embedded[rows] @ embedded.T
        cosines[np.arange(len(rows)), rows] = -np.inf
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :K]
        votes = labels[:, level][best]
        winner = np.array([np.bincount(row).argmax() for row in votes])
        expected = least_margin(margins(votes.astype(np.int64)), winner == labels[rows, level], 0.1)
        one = found.levels[level]
        assert (one.margin, one.answered, one.error) == pytest.approx(expected)
        kth = np.sort(np.take_along_axis(cosines, best, axis=1), axis=1)[:, 0]
        assert (kth >= found.nearness[str(length)] - 1e-9).mean() >= 0.95


def test_a_closed_form_says_that_it_has_seen_the_rows(features, tmp_path) -> None:
    arms = build_arms(["lda"], 2, None, {"dims": (4, 8, 16)})
    (head,) = train_heads(features, arms, tmp_path / "runs", [42]).heads
    assert calibrate(Reference(head, features), (4, 16), 0.1).source == "training"


def test_auto_takes_the_finest_level_that_is_sure(head, features, store, tmp_path) -> None:
    write_index(head, features, tmp_path / "ix", (4, 16), error=0.02)
    reference = open_index(tmp_path / "ix", store)
    rows = list(range(120))
    auto = rows_in(reference, rows, Lookup(level=FINEST_SURE))
    fine = rows_in(reference, rows, Lookup(level=1))
    coarse = rows_in(reference, rows, Lookup(level=0))
    for chosen, fine_, coarse_ in zip(auto, fine, coarse, strict=True):
        expected = fine_.decision if fine_.decision.sure else coarse_.decision
        assert chosen.decision == expected
        assert len(chosen.decision.labels) == chosen.decision.level + 1
    assert 0 < sum(one.decision.level for one in auto) < 120, "both levels are answered"
    names, parents = features.class_names, features.parents[0]
    for one in fine:
        kind = names[1].index(one.decision.labels[1])
        assert one.decision.labels[0] == names[0][parents[kind]], "a path, not two votes"


def test_outside_texts_are_told_apart_as_scikit_learn_says(head, features, tmp_path) -> None:
    reference = Reference(head, features)
    calibration = calibrate(reference, (4, 16), 0.1)
    random = np.random.default_rng(0)
    strange = reference.embed((8 * random.normal(size=(90, 24))).astype(np.float32))
    found = told_apart(reference, calibration, strange, (4, 16))
    own = reference.embed(features.features("test"))
    for length in (4, 16):
        inside, outside = (nearness_of(reference, asked, length, K) for asked in (own, strange))
        wins = (inside[:, None] > outside).mean() + 0.5 * (inside[:, None] == outside).mean()
        one = found[str(length)]
        assert one.auroc == pytest.approx(wins)
        truth = np.repeat([1, 0], [len(inside), len(outside)])
        wrong, right, _ = roc_curve(truth, np.concatenate([inside, outside]), drop_intermediate=False)
        assert one.error_at_95 == pytest.approx(wrong[right >= 0.95].min())
        least = calibration.nearness[str(length)]
        assert (one.recall, one.accepted) == pytest.approx(
            ((inside >= least).mean(), (outside >= least).mean())
        )


def test_a_query_from_nowhere_is_not_inside(head, features) -> None:
    reference = Reference(head, features)
    calibration = calibrate(reference, (4, 16), 0.1)
    asked = reference.embed(np.stack([features.features("train")[3], -40 * np.ones(24, np.float32)]))
    near, far = decide(reference, asked, calibration, level=1)
    assert near.inside
    assert far.nearness < near.nearness


def test_a_validation_split_is_asked_where_there_is_one(head, features, monkeypatch) -> None:
    with_validation = make_features(FeatureStore(features.path.parents[1]), "other", seed=0)
    monkeypatch.setattr(with_validation, "splits", ("train", "validation", "test"))
    monkeypatch.setitem(with_validation._shapes, "validation", with_validation._shapes["test"])
    real = type(with_validation).features
    monkeypatch.setattr(
        type(with_validation), "features", lambda self, split: real(self, split.replace("validation", "test"))
    )
    monkeypatch.setattr(
        type(with_validation),
        "labels",
        (lambda whole: lambda self, split: whole(self, split.replace("validation", "test")))(
            type(with_validation).labels
        ),
    )
    found = calibrate(Reference(head, with_validation), (4, 16), 0.1)
    assert (found.source, found.n_rows) == ("validation", 120)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "tree"}, "--kind tree: expected flat or hnsw"),
        ({"error": 1.0}, "--error 1: expected a share from 0 to below 1"),
        ({"lengths": (4, 17)}, "expected ascending lengths from 1 to 16"),
    ],
)
def test_what_cannot_be_indexed(head, features, tmp_path, options, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        write_index(head, features, tmp_path / "ix", **options)
    assert not (tmp_path / "ix").exists()


def test_folders_are_replaced_only_if_they_are_indexes(head, features, store, tmp_path: Path) -> None:
    for lengths in ((4, 8), (4, 16)):
        write_index(head, features, tmp_path / "ix", lengths)
    assert not (tmp_path / "ix" / "8.faiss").exists()
    reference = open_index(tmp_path / "ix", store)
    with pytest.raises(RequestError, match="no index of 8 dimensions, only of 4, 16"):
        rows_in(reference, [1], Lookup(lengths=(4, 8)))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(RequestError, match="is there and no index"):
        write_index(head, features, tmp_path / "mine")
    with pytest.raises(RequestError, match="no index here"):
        open_index(tmp_path / "mine", store)
    document = json.loads((tmp_path / "ix" / "index.json").read_text())
    (tmp_path / "ix" / "index.json").write_text(json.dumps({**document, "head_identity": "0"}))
    with pytest.raises(FractalError, match="was trained again since"):
        open_index(tmp_path / "ix", store)
    (tmp_path / "ix" / "4.faiss").write_bytes(b"no")
    (tmp_path / "ix" / "index.json").write_text(json.dumps(document))
    with pytest.raises(FractalError, match="FAISS cannot read it"):
        rows_in(open_index(tmp_path / "ix", store), [1], Lookup())
