import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from fractalctl.measures import probes as module
from fractalctl.measures.probes import Answers, Rows, answer, best_probe, linear_probe

CHILDREN = (np.array([0, 1, 2]), np.array([3, 4]), np.array([5]))
PARENT = np.array([0, 0, 0, 1, 1, 2])


def made(count: int, seed: int) -> Rows:
    random = np.random.default_rng(seed)
    classes = random.integers(0, 6, count)
    centres = np.random.default_rng(0).normal(size=(6, 8))
    return Rows(centres[classes] + 1.5 * random.normal(size=(count, 8)), PARENT[classes], classes)


def test_unmasked_answers_equal_scikit_learn() -> None:
    known, asked = made(500, 1), made(300, 2)
    known, asked = (Rows(one.embeddings, np.zeros_like(one.classes), one.classes) for one in (known, asked))
    ours = answer((np.arange(6),), known, asked, 0.3)
    peer = LogisticRegression(C=0.3, max_iter=1000, tol=1e-8).fit(known.embeddings, known.classes)
    theirs = log_loss(asked.classes, peer.predict_proba(asked.embeddings)) / np.log(2)
    assert ours.bits().mean() == pytest.approx(theirs, abs=2e-3)
    assert ours.errors().mean() == pytest.approx(1 - peer.score(asked.embeddings, asked.classes), abs=0.01)


def test_masked_answers_equal_one_regression_per_parent() -> None:
    known, asked = made(600, 3), made(300, 4)
    ours = answer(CHILDREN, known, asked, 1.0)
    for parent in (0, 1):
        here, there = known.parents == parent, asked.parents == parent
        peer = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8)
        peer.fit(known.embeddings[here], known.classes[here])
        theirs = log_loss(asked.classes[there], peer.predict_proba(asked.embeddings[there])) / np.log(2)
        assert ours.bits()[there].mean() == pytest.approx(theirs, abs=5e-3)
    assert (ours.bits()[asked.parents == 2] == 0).all(), "an only child needs no telling"


def test_a_temperature_divides_the_logits() -> None:
    logits = np.array([[2.0, 0.0, -np.inf], [0.5, 1.0, 0.0]])
    told = Answers(logits, np.array([0, 2]), np.array([2, 3]), np.zeros(2))
    first = -np.log2(np.exp(1) / (np.exp(1) + 1))
    second = -np.log2(1 / (np.exp(0.25) + np.exp(0.5) + 1))
    assert told.bits(0.5) == pytest.approx([first, second])
    assert told.errors().tolist() == [False, True]


def test_unseen_classes_and_parents_cost_bits_but_are_possible() -> None:
    known = made(400, 5)
    seen = (known.parents != 1) & (known.classes != 2)
    known = Rows(known.embeddings[seen], known.parents[seen], known.classes[seen])
    asked = made(200, 6)
    bits = answer(CHILDREN, known, asked, 1.0).bits()
    assert np.isfinite(bits).all()
    assert bits[asked.parents == 1] == pytest.approx(1.0), "two children that nobody showed: one bit"
    rows = (known.parents == 0).sum()
    assert bits[asked.classes == 2] == pytest.approx(np.log2(3 * (rows + 1)))
    known = Rows(known.embeddings, known.parents, np.where(known.parents == 0, 1, known.classes))
    assert (answer(CHILDREN, known, asked, 1.0).bits()[asked.classes == 1] < 0.1).all()


def test_the_rows_kept_back_choose_penalty_and_temperature() -> None:
    known, validation, test = made(60, 7), made(400, 8), made(400, 9)
    best = best_probe(CHILDREN, known, validation, test, strengths=(1e-4, 1e-2, 1.0, 1e3))
    costs = {}
    for strength in (1e-4, 1e-2, 1.0, 1e3):
        told = answer(CHILDREN, known, validation, strength)
        costs[strength] = min(told.bits(sharpness).mean() for sharpness in np.geomspace(0.05, 20, 400))
    assert best.strength == min(costs, key=lambda strength: costs[strength])
    assert best.validation_bits == pytest.approx(costs[best.strength], abs=1e-3)
    told = answer(CHILDREN, known, test, best.strength)
    assert best.bits == pytest.approx(told.bits(best.sharpness))
    assert (best.errors == told.errors()).all()


def test_without_rows_kept_back_the_known_ones_choose() -> None:
    known, test = made(100, 10), made(50, 11)
    none = Rows(known.embeddings[:0], known.parents[:0], known.classes[:0])
    assert best_probe(CHILDREN, known, none, test).bits == pytest.approx(
        best_probe(CHILDREN, known, known, test).bits
    )


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Known rows, their classes (of which 2 has none), and rows to ask about."""
    random = np.random.default_rng(0)
    classes = random.choice([0, 1, 3, 4], size=300, p=[0.5, 0.2, 0.2, 0.1])
    centres = random.normal(size=(5, 6))
    mixing = random.normal(size=(6, 6))
    return (
        centres[classes] + random.normal(size=(300, 6)) @ mixing,
        classes,
        centres[random.integers(0, 5, 200)] + random.normal(size=(200, 6)) @ mixing,
    )


def test_a_linear_probe_decides_as_scikit_learn_does(rows, monkeypatch) -> None:
    known, classes, asked = rows
    monkeypatch.setattr(module, "ROWS_PER_PASS", 64)
    means = np.array(
        [known[classes == one].mean(axis=0) if (classes == one).any() else known[0] for one in range(5)]
    )
    shrinkage = ledoit_wolf(known - means[classes], assume_centered=True)[1]
    assert 0 < shrinkage < 1
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(known, classes)
    found = linear_probe(known, classes, asked)
    assert found.tolist() == theirs.predict(asked).tolist()
    assert set(found) == {0, 1, 3, 4}


def test_a_linear_probe_does_not_depend_on_scale(rows) -> None:
    known, classes, asked = rows
    assert (
        linear_probe(1000 * known, classes, 1000 * asked).tolist()
        == linear_probe(known, classes, asked).tolist()
    )


def test_one_row_of_each_class_leaves_the_nearest_mean() -> None:
    known = np.eye(3)
    assert linear_probe(known, np.arange(3), np.array([[0.1, 0.9, 0.0], [0.0, 0.2, 0.3]])).tolist() == [1, 2]


def test_columns_of_zeros_and_a_single_class_do_no_harm(rows) -> None:
    known, classes, asked = rows
    wider = [np.hstack([part, np.zeros((len(part), 3))]) for part in (known, asked)]
    assert len(linear_probe(wider[0], classes, wider[1])) == len(asked)
    assert set(linear_probe(known, np.full(len(known), 2), asked)) == {2}
