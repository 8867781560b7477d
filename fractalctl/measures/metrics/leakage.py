"""Leakage: how well the shortest prefix tells the finest class, which a coarse prefix should not."""

from functools import lru_cache

import numpy as np

from fractalctl.documents.evaluation import Leakage
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import ByLevel, Metric, Subject
from fractalctl.measures.metrics.cascade import unit
from fractalctl.measures.probes import linear_probe
from fractalctl.measures.protocols import take
from fractalctl.randomness import Purpose, generator

MOST_ROWS = 20_000  # training rows that probes learn from; of more, a random sample
ROWS_SEED = 42


def leakage(subject: Subject) -> Leakage:
    """What a linear probe tells of each level from the shortest prefix, and what frames that number."""
    evaluator, short = subject.evaluator, subject.dims[0]
    if "train" not in evaluator.features.splits:
        return Leakage(short=short, n_known=0, probe=None, floor=None, flat=None)
    rows, labels = _known(evaluator)
    known = subject.embed(take(evaluator.features.features("train"), rows)).at(short)
    return Leakage(
        short=short,
        n_known=len(rows),
        probe=probed(known, labels, subject.test.at(short), evaluator.test_labels),
        floor=floor(labels, evaluator.test_labels),
        flat=_flat(evaluator),
    )


def probed(known: np.ndarray, labels: np.ndarray, asked: np.ndarray, asked_labels: np.ndarray) -> ByLevel:
    """Accuracy at every level of a linear probe, of rows (n, d) with classes (n, D), brought to length 1."""
    known, asked = unit(known), unit(asked)
    columns = zip(labels.T, asked_labels.T, strict=True)
    return {
        f"L{level}": float((linear_probe(known, classes, asked) == truth).mean())
        for level, (classes, truth) in enumerate(columns)
    }


def floor(labels: np.ndarray, asked_labels: np.ndarray) -> float:
    """Accuracy at the finest level of knowing the coarsest class and nothing else.

    The answer is the finest class that most rows (n, D) of the coarsest class have; where none has, it is
    wrong.
    """
    counts = np.zeros((max(labels[:, 0].max(), asked_labels[:, 0].max()) + 1, labels[:, -1].max() + 1))
    np.add.at(counts, (labels[:, 0], labels[:, -1]), 1)
    guess = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    return float((guess[asked_labels[:, 0]] == asked_labels[:, -1]).mean())


def _known(evaluator: Evaluator) -> tuple[np.ndarray, np.ndarray]:
    """Training rows to learn from, ascending, and their classes (n, D)."""
    labels = evaluator.features.labels("train")
    order = generator(ROWS_SEED, Purpose.PROBE_ROWS).permutation(len(labels))
    rows = np.sort(order[:MOST_ROWS])
    return rows, labels[rows]


@lru_cache(maxsize=2)
def _flat(evaluator: Evaluator) -> ByLevel:
    """The same of the untouched features: what a flat linear classifier of each level reaches."""
    rows, labels = _known(evaluator)
    known = take(evaluator.features.features("train"), rows)
    return probed(known, labels, evaluator.test_features, evaluator.test_labels)


METRIC = Metric("leakage", Leakage, leakage, {"most_rows": MOST_ROWS, "seed": ROWS_SEED}, standard=True)
