"""Which rows ask: drawn by seed, duplicates told, nothing read that is not needed."""

import tracemalloc

import numpy as np
import pytest

from fractalctl.errors import RequestError
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol, repeated_test_rows, select_rows
from store import FeatureSet
from tests.measures.heads import DIMS, make_head


class Altered(FeatureSet):
    """A view with other test rows, or other texts."""

    def __init__(self, base: FeatureSet, rows: np.ndarray | None = None, texts: dict | None = None) -> None:
        self.__dict__.update(base.__dict__)
        self._base, self._rows, self._texts = base, rows, texts or {}

    def labels(self, split: str) -> np.ndarray:
        found = self._base.labels(split)
        return found if self._rows is None or split != "test" else found[self._rows]

    def features(self, split: str) -> np.ndarray:
        found = self._base.features(split)
        return found if self._rows is None or split != "test" else found[self._rows]

    def texts(self, split: str, rows=None) -> list[str]:
        return self._texts.get(split) or self._base.texts(split, rows)


def sorted_by_class(features: FeatureSet) -> FeatureSet:
    return Altered(features, np.argsort(features.labels("test")[:, 1], kind="stable"))


@pytest.mark.parametrize("name", ["loo", "index"])
def test_rows_are_drawn_and_not_the_first(features: FeatureSet, name: str) -> None:
    """The first 30 of 120 rows sorted by class show 3 or 4 of 12 classes."""
    ordered = sorted_by_class(features)
    assert len(np.unique(ordered.labels("test")[:30, 1])) < 6
    rows = select_rows(ordered, Protocol(name, max_test=30))
    assert len(np.unique(rows.query_labels[:, 1])) >= 9
    assert rows.test_rows.tolist() != list(range(30))
    asked = rows.reference if name == "loo" else rows.queries
    assert (asked == ordered.features("test")[rows.test_rows]).all()
    assert (rows.query_labels == ordered.labels("test")[rows.test_rows]).all()


def test_the_seed_decides_and_fewer_rows_are_among_more() -> None:
    few, many = (Protocol(max_test=count).draw(2000) for count in (500, 1000))
    assert set(few) < set(many)
    assert few.tolist() == sorted(few) == Protocol().draw(2000).tolist()
    assert few.tolist() != Protocol(max_test=500, rows_seed=7).draw(2000).tolist()
    assert (
        Protocol("index").draw(2000).tolist() == Protocol(max_test=9999).draw(2000).tolist() == [*range(2000)]
    )


def test_leaving_rows_out_moves_no_others() -> None:
    left_out = np.zeros(300, dtype=bool)
    left_out[[5, 17, 200]] = True
    before, after = Protocol(max_test=250).draw(300), Protocol(max_test=250).draw(300, left_out)
    assert len(after) == 250
    assert set(before) - set(after) == set(before) & {5, 17, 200}


def test_only_the_rows_that_ask_are_read(features: FeatureSet) -> None:
    many = Altered(features, np.random.default_rng(0).integers(0, 120, 60_000))
    whole = many.features("test")
    many.features = lambda split: whole
    tracemalloc.start()
    rows = select_rows(many, Protocol("loo", max_test=500))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows.reference.nbytes == 500 * 24 * 4
    assert peak < whole.nbytes / 2


def test_slugs_name_what_departs_from_the_defaults() -> None:
    protocols = {
        "loo": Protocol(),
        "index": Protocol("index"),
        "loo-2000": Protocol("loo", max_test=2000),
        "index-k=10": Protocol("index", k=10),
        "loo-rows-seed=7": Protocol(rows_seed=7),
        "index-drop-duplicates": Protocol("index", drop_duplicates=True),
        "loo-100-k=3-rows-seed=1-drop-duplicates": Protocol("loo", 3, 100, 1, True),
    }
    assert {name: one.slug for name, one in protocols.items()} == {name: name for name in protocols}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "knn"}, "protocol 'knn' is not known; choose from loo, index"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"max_test": 0}, "max test must be at least 1, got 0"),
        ({"rows_seed": -1}, "rows seed must be at least 0, got -1"),
    ],
)
def test_wrong_protocols_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Protocol(**arguments)


def test_too_few_rows_are_refused(features: FeatureSet) -> None:
    with pytest.raises(RequestError, match="k = 5 neighbours were asked for, but protocol loo leaves 3"):
        select_rows(features, Protocol(max_test=4))


def with_duplicates(features: FeatureSet) -> FeatureSet:
    """Test rows 3, 50 and 51 say what training rows say."""
    test, train = features.texts("test"), features.texts("train")
    test[3], test[50], test[51] = train[0], train[10], train[10]
    return Altered(features, texts={"test": test})


def test_duplicates_are_counted_among_the_rows_that_ask(features: FeatureSet) -> None:
    repeated = with_duplicates(features)
    assert Evaluator(features, Protocol()).conditions(DIMS)["duplicates"] == 0
    assert Evaluator(repeated, Protocol()).conditions(DIMS)["duplicates"] == 3
    few = Evaluator(repeated, Protocol(max_test=40))
    assert few.duplicates == len({3, 50, 51} & set(few.rows.test_rows.tolist()))


@pytest.mark.parametrize("name", ["loo", "index"])
def test_duplicates_can_be_dropped(features: FeatureSet, name: str, tmp_path) -> None:
    repeated, protocol = with_duplicates(features), Protocol(name, drop_duplicates=True)
    evaluator = Evaluator(repeated, protocol)
    document = evaluator.evaluate(make_head(features, tmp_path))
    assert (document.n_queries, document.duplicates, document.dropped_duplicates) == (117, 3, True)
    assert not {3, 50, 51} & {*evaluator.rows.test_rows.tolist(), *evaluator.rows.sample.tolist()}
    assert document.identity != Evaluator(repeated, Protocol(name)).identity("v5-42")


@pytest.mark.parametrize("name", ["loo", "index"])
def test_dropping_every_test_row_is_refused(features: FeatureSet, name: str) -> None:
    repeated = Altered(features, texts={"test": features.texts("train")[:120]})
    with pytest.raises(RequestError, match="all 120 test rows stand in the training split as well"):
        select_rows(repeated, Protocol(name, drop_duplicates=True))


def test_without_texts_duplicates_are_unknown_and_cannot_be_dropped(features: FeatureSet) -> None:
    silent = Altered(features, texts={"test": [""] * 120})
    assert repeated_test_rows(silent) is None
    assert Evaluator(silent, Protocol()).conditions(DIMS)["duplicates"] is None
    with pytest.raises(RequestError, match="has no texts, or no train split"):
        select_rows(silent, Protocol(drop_duplicates=True))


def test_the_sample_of_other_metrics_is_cut_where_the_request_cuts_it(features: FeatureSet) -> None:
    limited, whole = (select_rows(features, Protocol(max_test=count)) for count in (50, None))
    assert limited.sample.tolist() == limited.test_rows.tolist()
    assert whole.sample.tolist() == list(range(120))
