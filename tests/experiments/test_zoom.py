from itertools import pairwise

import numpy as np
import pytest

from fractalctl.documents import read_document
from fractalctl.documents.zoom import Zoom
from fractalctl.experiments.addresses import choose_head
from fractalctl.experiments.zoom import LONGEST_TEXT, _shortened, example_rows, show_zoom
from tests.experiments.conftest import label, train
from tests.feature_sets import make_features


@pytest.fixture
def heads(features, tmp_path):
    return train(features, tmp_path / "runs", ["uhmt", "mrl", "v5"], [123, 42]).heads


@pytest.fixture
def shown(heads, tmp_path):
    return choose_head([tmp_path / "runs"])


def test_examples_are_spread_evenly_and_do_not_depend_on_answers() -> None:
    labels = np.array([[1, 3], [0, 0], [1, 3], [0, 0], [0, 1], [1, 2], [0, 1], [1, 3]])
    assert example_rows(labels, 2) == [1, 0]
    assert example_rows(labels, 3) == [1, 0, 4]
    assert example_rows(labels, 9) == [1, 0, 4, 5], "one of each finest class, and no more"
    many = np.stack([np.repeat(np.arange(20), 3)] * 2, axis=1)
    chosen = many[example_rows(many, 5), 0].tolist()
    assert (chosen[0], chosen[-1]) == (0, 19)
    assert all(4 <= second - first <= 5 for first, second in pairwise(chosen))


def test_a_document_says_what_a_plain_loop_says(heads, shown, features, store, tmp_path) -> None:
    document = show_zoom(shown, store, 4, 7)
    (path,) = (tmp_path / "runs/garden/gaussian").glob("zoom*.json")
    assert document == read_document(path, Zoom)
    assert (document.arm, document.seed) == (label("v5"), 42)
    by_arm = {head.arm: head for head in heads if head.seed == 42}
    labels, asked = features.labels("train"), features.labels("test")
    assert list(document.shares) == [label("v5"), label("mrl"), label("uhmt")], "and the heads that match it"
    for arm, shares in document.shares.items():
        train_rows, test = (by_arm[arm].embed(features.features(split)) for split in ("train", "test"))
        for length in (4, 8, 12, 16):
            a, b = (
                rows[:, :length] / np.linalg.norm(rows[:, :length], axis=1)[:, None]
                for rows in (test, train_rows)
            )
            nearest = np.argsort(-(a @ b.T), axis=1, kind="stable")[:, :7]
            for level in (0, 1):
                same = (labels[nearest, level] == asked[:, level, None]).mean()
                assert shares[str(length)][f"L{level}"] == pytest.approx(same)
    assert (document.queries, document.k, document.n_queries, document.n_reference) == (4, 7, 120, 400)


def test_examples_hold_their_neighbours_with_texts_and_paths(shown, features, store) -> None:
    document = show_zoom(shown, store, 4, 3)
    train_rows, test = (shown.embed(features.features(split)) for split in ("train", "test"))
    blind, chosen = document.groups
    assert (blind.name, len(blind.queries)) == ("blind", 4)
    assert chosen.name == "narrowing"
    assert len(chosen.queries) <= min(2, document.changes.narrowing)
    for query in blind.queries + chosen.queries:
        assert query.text == features.texts("test")[query.row]
        assert list(query.answers) == ["4", "8", "12", "16"]
        for length, answers in query.answers.items():
            cut = slice(int(length))
            for found in answers:
                a, b = test[query.row, cut], train_rows[found.row, cut]
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert found.cosine == pytest.approx(cosine, abs=1e-5)
                classes = features.labels("train")[found.row]
                row = document.rows[str(found.row)]
                assert row.labels == [features.class_names[level][classes[level]] for level in (0, 1)]
                assert row.id == f"train-{found.row}"


def test_changes_count_every_test_row(shown, store) -> None:
    document = show_zoom(shown, store)
    changes = document.changes
    assert changes.rise + changes.stay + changes.fall == document.n_queries
    finest = [document.shares[document.arm][length]["L1"] for length in ("4", "16")]
    assert (changes.rise > changes.fall) == (finest[1] > finest[0])


def test_what_is_up_to_date_is_kept_and_nothing_shares_a_file(heads, shown, store, tmp_path) -> None:
    first = show_zoom(shown, store, argv=["fractalctl", "report"])
    path = tmp_path / "runs/garden/gaussian/zoom.json"
    before = path.read_bytes()
    assert show_zoom(shown, store, argv=["another"]) == first
    for changes in ({"k": 3}, {"count": 5}):
        show_zoom(shown, store, **changes)
    assert len(list(path.parent.glob("zoom*.json"))) == 3
    assert path.read_bytes() == before
    said: list[str] = []
    (mrl,) = [head for head in heads if (head.strategy, head.seed) == ("mrl", 42)]
    assert show_zoom(mrl, store, note=said.append).arm == label("mrl")
    assert said[0].startswith(f"{path} is replaced: ")


def test_what_is_out_of_date_is_named_and_replaced(features, shown, store, tmp_path) -> None:
    show_zoom(shown, store)
    train(features, tmp_path / "runs", ["coarse"], [42])
    said: list[str] = []
    again = show_zoom(shown, store, note=said.append)
    assert said[0].startswith(f"{tmp_path / 'runs/garden/gaussian/zoom.json'} is replaced: ")
    assert label("coarse") in again.shares


def test_three_levels_and_no_matched_head(store, tmp_path) -> None:
    deep = make_features(store, "forest", depth=3)
    heads = train(deep, tmp_path / "runs", ["uhmt"]).heads
    document = show_zoom(heads[0], store)
    assert list(document.shares) == [label("uhmt")]
    assert list(document.shares[label("uhmt")]["4"]) == ["L0", "L1", "L2"]
    assert {len(row.labels) for row in document.rows.values()} == {3}


def test_long_texts_are_cut_after_a_word() -> None:
    text = "word\n" * 200
    assert _shortened(text).endswith("word …")
    assert len(_shortened(text)) <= LONGEST_TEXT
    assert _shortened("one  two\nthree") == "one two three"
