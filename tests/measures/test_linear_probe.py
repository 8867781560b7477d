"""The linear probe against scikit-learn's discriminants."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from fractalctl.measures import probes as module
from fractalctl.measures.probes import linear_probe


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


def test_it_decides_as_scikit_learn_does(rows, monkeypatch) -> None:
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


def test_it_does_not_depend_on_scale(rows) -> None:
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
