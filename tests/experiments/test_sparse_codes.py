"""Heads whose vectors are sparse codes: measured like others, refused where columns are needed."""

import numpy as np
import pytest

from fractalctl.errors import RequestError
from fractalctl.experiments.embedding import checked_lengths
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.heads.head import load_head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import Subject, metrics
from fractalctl.measures.protocols import Protocol
from fractalctl.statistics.reading import observation


@pytest.fixture
def head(features, tmp_path):
    settings = {"dims": (6, 12, 24), "hidden": 64, "epochs": 4, "batch_size": 64, "learning_rate": 1e-2}
    arms = build_arms(["csr"], features.n_levels, None, settings)
    return load_head(train_heads(features, arms, tmp_path / "runs", [1]).heads[0].folder)


def test_sparse_codes_are_measured_at_every_length(features, head) -> None:
    evaluator = Evaluator(features, Protocol("index"))
    evaluation = evaluator.evaluate(head)
    assert (evaluation.nested, list(evaluation.accuracy)) == (False, ["6", "12", "24"])
    assert evaluation.accuracy["24"]["L0"] > 0.9
    train, test = (head.prefixes(features.features(split)) for split in ("train", "test"))
    assert ((train.at(6) > 0).sum(axis=1) <= 4).all()
    assert test.at(6).shape == (120, 64)
    assert (head.embed(features.features("test"), dimension=6) == test.at(6)).all()
    subject = Subject(head, evaluator, evaluation)
    for name in ("cascade", "leakage", "retrieval"):
        assert metrics()[name].part(subject).result
    cascade = metrics()["cascade"].measure(subject)
    first = np.argmax(_unit(test.full) @ _unit(train.full).T, axis=1)
    hits = features.labels("train")[first, -1] == features.labels("test")[:, -1]
    assert (cascade.full, cascade.recall_at_1) == (24, pytest.approx(hits.mean()))
    assert observation(evaluation).metrics["S"] == evaluation.steerability.s


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True).clip(1e-30)


def test_what_needs_columns_refuses_sparse_codes(features, head) -> None:
    with pytest.raises(RequestError, match=r"csr-dims=.* makes sparse codes, which have no columns to cut"):
        checked_lengths(head, [6])
    evaluator = Evaluator(features, Protocol("index"))
    subject = Subject(head, evaluator, evaluator.evaluate(head))
    with pytest.raises(RequestError, match="localisation needs them"):
        metrics()["localisation"].part(subject)
