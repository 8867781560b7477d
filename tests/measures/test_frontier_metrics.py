"""Leakage and cascade of heads, under both protocols, against scikit-learn and plain loops."""

from itertools import product

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestNeighbors

from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import Subject, metrics, metrics_to_measure
from fractalctl.measures.metrics.leakage import floor
from fractalctl.measures.protocols import Protocol
from tests.feature_sets import make_features
from tests.measures.heads import make_head, reversing

CASES = list(product(("loo", "index"), (2, 3), (True, False)))


@pytest.fixture(params=CASES, ids=str)
def subject(request, store, tmp_path) -> Subject:
    protocol, depth, nested = request.param
    features = make_features(store, f"garden-{depth}", depth)
    head = make_head(features, tmp_path)
    head = head if nested else reversing(head)
    evaluator = Evaluator(features, Protocol(protocol))
    return Subject(head, evaluator, evaluator.evaluate(head))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)


def accuracy(known: np.ndarray, classes: np.ndarray, asked: np.ndarray, truth: np.ndarray) -> float:
    means = {one: known[classes == one].mean(axis=0) for one in set(classes)}
    gaps = known - np.array([means[one] for one in classes])
    shrinkage = ledoit_wolf(gaps, assume_centered=True)[1]
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(known, classes)
    return model.score(asked, truth)


def test_leakage_is_what_a_linear_probe_tells_from_the_shortest_prefix(subject: Subject) -> None:
    found = metrics()["leakage"].measure(subject)
    features = subject.evaluator.features
    (train, test), (labels, truth) = (
        [getattr(features, what)(split) for split in ("train", "test")] for what in ("features", "labels")
    )
    prefixes = [unit(subject.embed(rows).blocks[:, :4]) for rows in (train, test)]
    whole = [unit(rows) for rows in (train, test)]
    for level, name in enumerate(found.probe):
        column = labels[:, level], truth[:, level]
        for (known, asked), share in ((prefixes, found.probe[name]), (whole, found.flat[name])):
            assert share == pytest.approx(accuracy(known, column[0], asked, column[1]))
    assert list(found.probe) == list(subject.accuracy["4"])
    assert (found.short, found.n_known) == (4, 400)


def test_the_floor_is_the_most_frequent_finest_class_of_the_coarsest() -> None:
    labels = np.array([[0, 0], [0, 1], [0, 1], [1, 2]])
    assert floor(labels, np.array([[0, 1], [0, 0], [1, 2], [2, 3]])) == 0.5


def test_a_cascade_is_counted_as_by_hand(subject: Subject) -> None:
    found = metrics()["cascade"].measure(subject)
    rows = subject.evaluator.rows
    leave_out = rows.queries is None
    reference = subject.embed(rows.reference)
    queries = reference if leave_out else subject.embed(rows.queries)
    n = len(rows.reference) - leave_out
    orders = {}
    for length in (4, 16):
        searcher = NearestNeighbors(n_neighbors=len(rows.reference), algorithm="brute", metric="cosine")
        searcher.fit(reference.at(length))
        nearest = searcher.kneighbors(queries.at(length), return_distance=False)
        orders[length] = [
            [row for row in order if not (leave_out and row == query)] for query, order in enumerate(nearest)
        ]
    truth, classes = rows.query_labels[:, -1], rows.reference_labels[:, -1]
    best = [order[0] for order in orders[16]]
    assert found.recall_at_1 == pytest.approx((classes[best] == truth).mean())
    assert (found.short, found.full, found.n_searched) == (4, 16, n)
    assert list(found.shortlists) == ["64", "1%"]
    for one in found.shortlists.values():
        kept, right = [], []
        for query, (short, full) in enumerate(zip(orders[4], orders[16], strict=True)):
            chosen = set(short[: one.size])
            answer = next(row for row in full if row in chosen)
            kept.append(full[0] in chosen)
            right.append(classes[answer] == truth[query])
        assert one.size == 64
        assert one.kept == pytest.approx(np.mean(kept))
        assert one.recall_at_1 == pytest.approx(np.mean(right))
        assert one.multiply_adds == pytest.approx((4 * n + 16 * 64) / (16 * n))
    assert 0 < found.shortlists["64"].kept < 1


def test_a_head_of_one_length_has_a_cascade_that_loses_nothing(features, tmp_path) -> None:
    head = make_head(features, tmp_path, dims=(16,))
    evaluator = Evaluator(features, Protocol("index"))
    found = metrics()["cascade"].measure(Subject(head, evaluator, evaluator.evaluate(head)))
    assert {one.kept for one in found.shortlists.values()} == {1.0}
    assert found.shortlists["64"].recall_at_1 == found.recall_at_1


def test_they_are_measured_unless_told_not_to() -> None:
    assert metrics_to_measure([]) == ("baselines", "cascade", "leakage")
    assert metrics_to_measure(["none"]) == ()
    assert metrics_to_measure(["retrieval"]) == ("baselines", "cascade", "leakage", "retrieval")
    assert metrics_to_measure(["none", "retrieval"]) == ("retrieval",)
    assert metrics_to_measure(["all"]) == tuple(metrics())
