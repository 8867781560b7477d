import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from fractalctl.errors import RequestError
from fractalctl.measures.neighbours import leave_one_out_accuracy, nearest, predictions, vote

DIMS = (4, 7, 16)


def clusters(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping Gaussian clusters (rows, 16) with labels (rows, 2) of 3 > 9 classes."""
    random = np.random.default_rng(seed)
    fine = random.integers(0, 9, rows)
    centres = np.random.default_rng(0).normal(size=(9, 16))
    features = (centres[fine] + random.normal(size=(rows, 16))).astype(np.float32)
    return features, np.stack([fine // 3, fine], axis=1)


@pytest.mark.parametrize("k", [1, 4, 5, 9])
def test_predictions_equal_scikit_learn(k: int) -> None:
    reference, labels = clusters(700, seed=1)
    queries, _ = clusters(1500, seed=2)
    ours = predictions(nearest(queries, reference, DIMS, k), labels)
    for position, dimension in enumerate(DIMS):
        for level in range(2):
            peer = KNeighborsClassifier(k, metric="cosine", algorithm="brute")
            peer.fit(reference[:, :dimension].astype(np.float64), labels[:, level])
            assert (ours[:, position, level] == peer.predict(queries[:, :dimension].astype(np.float64))).all()


def test_leave_one_out_equals_a_plain_loop() -> None:
    features, labels = clusters(300, seed=3)
    ours = predictions(nearest(None, features, DIMS, 5), labels)
    for position, dimension in enumerate(DIMS):
        unit = features[:, :dimension].astype(np.float64)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        for row in range(len(features)):
            similarity = unit @ unit[row]
            similarity[row] = -np.inf
            best = np.argsort(-similarity, kind="stable")[:5]
            for level in range(2):
                assert ours[row, position, level] == np.bincount(labels[best, level]).argmax()


def test_leave_one_out_accuracy_is_the_share_of_right_votes() -> None:
    features, labels = clusters(200, seed=4)
    right = predictions(nearest(None, features, [16], 5), labels)[:, 0] == labels
    assert leave_one_out_accuracy(features, labels) == pytest.approx(list(right.mean(axis=0)))


def test_equal_similarities_go_to_the_first_row() -> None:
    reference = np.array([[0, 1], [2, 0], [1, 0], [3, 0], [1, 0]], dtype=np.float32)
    found = nearest(np.array([[5, 0]], dtype=np.float32), reference, [2], 4)
    assert found.tolist() == [[[1, 2, 3, 4]]]


def test_zero_vectors_have_no_neighbours_of_their_own() -> None:
    reference = np.array([[0, 0], [1, 0], [-1, 0]], dtype=np.float32)
    assert nearest(np.array([[1, 0]], dtype=np.float32), reference, [2], 3).tolist() == [[[1, 0, 2]]]
    assert nearest(np.array([[0, 0]], dtype=np.float32), reference, [2], 3).tolist() == [[[0, 1, 2]]]


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_many_duplicates_are_taken_in_row_order(leave_one_out: bool) -> None:
    random = np.random.default_rng(9)
    distinct = random.normal(size=(40, 16)).astype(np.float32)
    copies = random.integers(0, 40, 900)
    reference = distinct[copies] * random.choice([0.5, 1, 2], (900, 1)).astype(np.float32)
    found = nearest(None if leave_one_out else distinct, reference, [16], 5)[:, 0]
    for query, rows in enumerate(found):
        same = np.flatnonzero(copies == (copies[query] if leave_one_out else query))
        assert rows.tolist() == [row for row in same if not leave_one_out or row != query][:5]


def test_more_neighbours_than_rows_is_refused() -> None:
    rows = np.eye(3, dtype=np.float32)
    with pytest.raises(RequestError, match="k = 3 neighbours were asked for, but there are 2 reference rows"):
        nearest(None, rows, [3], 3)
    assert nearest(rows, rows, [3], 3).shape == (3, 1, 3)


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(0, 5), min_size=5, max_size=5), min_size=1, max_size=8))
def test_votes_are_the_first_largest_count(labels: list[list[int]]) -> None:
    expected = [np.bincount(row).argmax() for row in labels]
    assert vote(np.array(labels), 6).tolist() == expected


def test_batches_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, _ = clusters(90, seed=5)
    whole = nearest(None, reference, DIMS, 5)
    monkeypatch.setattr("fractalctl.measures.neighbours.QUERIES_PER_PASS", 7)
    monkeypatch.setattr("fractalctl.measures.neighbours.REFERENCES_PER_PASS", 13)
    assert (nearest(None, reference, DIMS, 5) == whole).all()


def test_near_copies_beyond_the_candidates_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fractalctl.measures.neighbours.REFERENCES_PER_PASS", 50)
    random = np.random.default_rng(2)
    distinct = random.normal(size=(5, 8)).astype(np.float32)
    reference = np.repeat(distinct, 40, axis=0)
    reference += 1e-7 * random.normal(size=reference.shape).astype(np.float32)
    queries = (distinct + 0.1 * random.normal(size=distinct.shape)).astype(np.float32)
    exact = reference.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    expected = np.argsort(-(queries.astype(np.float64) @ exact.T), axis=1, kind="stable")[:, :5]
    assert nearest(queries, reference, [8], 5)[:, 0].tolist() == expected.tolist()
