import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from fractalctl.measures.probes import Answers, Rows, answer, best_probe

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
