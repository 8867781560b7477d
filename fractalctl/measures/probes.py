"""Probes: how well a linear rule tells classes from embeddings, by regression or in closed form.

A logistic probe is always told the class at the level above and chooses among that class's children, so its
logits are masked to them; at the coarsest level all classes are children of one root. With masked logits the
weights of one class's children meet the rows of that class only: the probe is one regression per class above.
It is calibrated on rows kept back.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from fractalctl.heads.moments import class_means, covariance

STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # inverse penalties (scikit-learn's C) that the rows kept back choose from
LARGEST_SHARPNESS = 20.0
ROWS_PER_PASS = 4096


@dataclass(frozen=True)
class Rows:
    """Rows that a probe learns from or is asked about.

    Embeddings are (n, d) float64, classes (n,) those to be told, parents (n,) the classes at the level above,
    0 where there is none.
    """

    embeddings: np.ndarray
    parents: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Answers:
    """What a probe says of n rows, each with up to K children to choose from.

    Attributes:
        logits: (n, K) float64; -inf where the parent has no such child, or its rows never showed it.
        truth: (n,) column of the right class.
        n_children: (n,) of the row's parent.
        floor: (n,) share of the uniform distribution in the answer, 1 / (rows learnt from + 1), so that no
            class is held impossible for not having been seen.
    """

    logits: np.ndarray
    truth: np.ndarray
    n_children: np.ndarray
    floor: np.ndarray

    def among(self, rows: slice) -> "Answers":
        """The answers about some rows."""
        return Answers(self.logits[rows], self.truth[rows], self.n_children[rows], self.floor[rows])

    def bits(self, sharpness: float = 1.0) -> np.ndarray:
        """-log2 q(right class), (n,) float64; ``sharpness`` is the reciprocal of a temperature."""
        logarithms = log_softmax(sharpness * self.logits, axis=1)[np.arange(len(self.truth)), self.truth]
        return -np.log2((1 - self.floor) * np.exp(logarithms) + self.floor / self.n_children) + 0.0

    def errors(self) -> np.ndarray:
        """(n,) bool, whether the likeliest class is wrong."""
        return self.logits.argmax(axis=1) != self.truth


@dataclass(frozen=True)
class Verdict:
    """A calibrated probe's answers about rows that neither it nor its calibration has seen.

    Attributes:
        bits: (n,) float64, -log2 q(right class); ``errors`` (n,) bool.
        strength: inverse penalty; ``sharpness`` the reciprocal temperature.
        validation_bits: mean cost on the rows that chose both.
    """

    bits: np.ndarray
    errors: np.ndarray
    strength: float
    sharpness: float
    validation_bits: float


def best_probe(
    children: Sequence[np.ndarray],
    known: Rows,
    validation: Rows,
    test: Rows,
    *,
    strengths: Sequence[float] = STRENGTHS,
) -> Verdict:
    """Learn from known rows, choose penalty and temperature on validation rows, answer about test rows.

    Embeddings are standardised; known rows stand in where there are none for validation. Children are
    ascending class ids below each class of the level above. Strengths are ascending inverse penalties, tried
    as long as the next is better. Source: Guo et al., On calibration of modern neural networks, ICML 2017
    (temperature scaling).
    """
    validation = validation if len(validation.classes) else known
    best = _calibrated(children, known, validation, test, strengths[0])
    for strength in strengths[1:]:
        rival = _calibrated(children, known, validation, test, strength)
        if rival.validation_bits >= best.validation_bits:
            break
        best = rival
    return best


def _calibrated(
    children: Sequence[np.ndarray], known: Rows, validation: Rows, test: Rows, strength: float
) -> Verdict:
    """A probe of one strength, with the temperature that costs least on the validation rows."""
    parts = (
        (validation.embeddings, test.embeddings),
        (validation.parents, test.parents),
        (validation.classes, test.classes),
    )
    answers = answer(children, known, Rows(*map(np.concatenate, parts)), strength)
    calibration = answers.among(slice(len(validation.classes)))
    told = answers.among(slice(len(validation.classes), None))
    limit = np.log(LARGEST_SHARPNESS)
    found = minimize_scalar(
        lambda logarithm: calibration.bits(np.exp(logarithm)).mean(), bounds=(-limit, limit), method="bounded"
    )
    sharpness = float(np.exp(found.x))
    return Verdict(told.bits(sharpness), told.errors(), strength, sharpness, float(found.fun))


def answer(children: Sequence[np.ndarray], known: Rows, asked: Rows, strength: float) -> Answers:
    """Learn one regression per class of the level above from known rows, and ask it about the rows asked.

    Children are the ascending class ids below each class of the level above, strength the inverse penalty on
    the squared weights; the bias is free.
    """
    rows = len(asked.classes)
    logits = np.full((rows, max(map(len, children))), -np.inf)
    truth, n_children = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=np.int64)
    floor = np.ones(rows)
    for parent, classes in enumerate(children):
        here, there = known.parents == parent, asked.parents == parent
        if not there.any():
            continue
        columns = np.searchsorted(classes, known.classes[here])
        weights, bias = _regression(known.embeddings[here], columns, len(classes), strength)
        logits[there, : len(classes)] = asked.embeddings[there] @ weights + bias
        truth[there] = np.searchsorted(classes, asked.classes[there])
        n_children[there], floor[there] = len(classes), 1 / (here.sum() + 1)
    return Answers(logits, truth, n_children, floor)


def _regression(
    embeddings: np.ndarray, columns: np.ndarray, n_columns: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (d, K) and bias (K) of a softmax; a class without rows has bias -inf, unless none has any."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(columns)
    weights, bias = np.zeros((embeddings.shape[1], n_columns)), np.full(n_columns, -np.inf)
    bias[seen if len(seen) else slice(None)] = 0.0
    if len(seen) > 1:
        with warnings.catch_warnings():  # a regression that stopped early still gives a valid, looser bound
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=strength, max_iter=500).fit(embeddings, columns)
        chosen = seen if len(seen) > 2 else seen[1:]
        weights[:, chosen], bias[chosen] = model.coef_.T, model.intercept_
    return weights, bias


def linear_probe(known: np.ndarray, classes: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Learn linear discriminants from known rows (n, d) and classes (n,); give those of others, (q,) int64.

    One covariance for all classes, shrunk as Ledoit and Wolf choose: one pass over the rows, nothing to tune.
    A logistic regression takes a hundred times as long and is ahead or behind by a few points, depending on
    the corpus and on its penalty. The smallest class id of equal scores; never a class that no known row has.

    score_c(x) = x W^-1 m_c - m_c W^-1 m_c / 2 + log(share of c), m_c the mean of class c and W the shrunken
    covariance of rows about the means of their classes.

    Source: Fisher 1936, Rao 1948; Ledoit and Wolf, Journal of Multivariate Analysis 88, 2004 (shrinkage).
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    counts = np.bincount(classes)
    means = class_means(known, classes, len(counts))
    within = covariance(known, means, classes)
    shrinkage = ledoit_wolf_shrinkage(known - means[classes], assume_centered=True)
    size, identity = np.trace(within) / len(within), np.eye(len(within))
    # Rows that never leave the means of their classes have no covariance: the nearest mean is left.
    shrunken = (1 - shrinkage) * within + shrinkage * size * identity if size else identity
    weights = np.linalg.lstsq(shrunken, means.T)[0]
    shares = np.log(counts / len(known), out=np.full(len(counts), -np.inf), where=counts > 0)
    bias = shares - (means * weights.T).sum(axis=1) / 2
    parts = [asked[start : start + ROWS_PER_PASS] for start in range(0, len(asked), ROWS_PER_PASS)]
    return np.concatenate([(part @ weights + bias).argmax(axis=1) for part in parts])
