"""Lengths from the data: curves as scikit-learn finds them, the shortest within a standard error."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from fractalctl.errors import RequestError
from fractalctl.experiments.conditions import SampledSet
from fractalctl.experiments.tuning import SEED, SHARE, _ascending, size_lengths
from fractalctl.heads.examples import hold_out
from fractalctl.heads.moments import Moments


def test_each_level_has_the_shortest_length_that_answers_it(features) -> None:
    found = size_lengths(features)
    rows, labels = features.features("train"), features.labels("train")
    held = hold_out(labels[:, -1], SHARE, SEED)
    assert found.rows == len(held.validation)
    for level, curve in enumerate(found.accuracy):
        known, unknown = labels[held.training, level], labels[held.validation, level]
        moments = Moments.of(rows[held.training], known, int(known.max()) + 1)
        projection = moments.discriminants(features.dimension, 0.1, 0.3)
        for length, share in curve.items():
            reference, asking = (
                ((rows[some] - moments.mean) @ projection[:, : int(length)]).astype(np.float32)
                for some in (held.training, held.validation)
            )
            voted = KNeighborsClassifier(5, metric="cosine").fit(reference, known).predict(asking)
            assert share == pytest.approx(np.mean(voted == unknown), abs=0.011)  # a tie or two
        best = max(curve.values())
        hits = np.arange(found.rows) < round(best * found.rows)
        assert found.errors[level] == pytest.approx(np.std(hits) / found.rows**0.5)
        enough = [int(length) for length, share in curve.items() if share >= best - found.errors[level]]
        assert found.chosen[level] >= min(enough)
    assert found.chosen == sorted(set(found.chosen))
    assert found == size_lengths(features)


def test_the_share_that_is_held_out_is_the_one_that_was_asked_for(features) -> None:
    finest = features.labels("train")[:, -1]
    assert size_lengths(features, "0.3").rows == len(hold_out(finest, 0.3, SEED).validation)
    with pytest.raises(RequestError, match=r"setting holdout: expected float < 1\.0, got 2"):
        size_lengths(features, "2")


def test_lengths_ascend_with_the_levels() -> None:
    assert _ascending([12, 8, 8], [8, 12, 16, 24]) == [12, 16, 24]
    with pytest.raises(RequestError, match="have no lengths for 3 levels; name them: --dims"):
        _ascending([16, 8, 8], [8, 12, 16, 24])


def test_single_rows_size_nothing(features) -> None:
    _, first = np.unique(features.labels("train")[:, -1], return_index=True)
    with pytest.raises(RequestError, match="every class has a single training row"):
        size_lengths(SampledSet(features, {"train": first}))
