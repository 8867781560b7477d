import json
from itertools import pairwise

import numpy as np
import pytest

from fractalctl.errors import RequestError
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import supervisions, train_heads
from fractalctl.experiments.zooming import LONGEST_TEXT, _shortened, example_rows, heads_to_show, write_zooms
from fractalctl.measures.zoom import narrowing
from store.files import read_json
from tests.feature_sets import make_features


@pytest.fixture
def heads(features, recipe, tmp_path):
    tables = supervisions(features, recipe, ["uhmt", "mrl", "v5"])
    return train_heads(features, tables, tmp_path / "runs", [123, 42], recipe).heads


def test_examples_are_spread_evenly_and_do_not_depend_on_answers() -> None:
    labels = np.array([[1, 3], [0, 0], [1, 3], [0, 0], [0, 1], [1, 2], [0, 1], [1, 3]])
    assert example_rows(labels, 2) == [1, 0]
    assert example_rows(labels, 3) == [1, 0, 4]
    assert example_rows(labels, 9) == [1, 0, 4, 5], "one of each finest class, and no more"
    many = np.stack([np.repeat(np.arange(20), 3)] * 2, axis=1)
    chosen = many[example_rows(many, 5), 0].tolist()
    assert (chosen[0], chosen[-1]) == (0, 19)
    assert all(4 <= second - first <= 5 for first, second in pairwise(chosen))


def test_narrowing_goes_from_coarse_to_fine() -> None:
    shares = np.array([[[1, 0.4], [1, 0.6]], [[0.9, 0.4], [1, 1]], [[1, 0.5], [1, 1]], [[1, 1], [1, 0.2]]])
    assert narrowing(shares).tolist() == [True, False, False, False]
    assert narrowing(shares[:, ::-1]).tolist() == [False, False, False, True]


def test_one_head_is_shown_of_each_family(heads) -> None:
    assert [(head.strategy, head.seed) for head in heads_to_show(heads)] == [("v5", 42)]
    others = [head for head in heads if head.strategy != "v5"]
    assert [head.seed for head in heads_to_show(others)] == [42]


def test_a_document_says_what_a_plain_loop_says(heads, features, store, tmp_path) -> None:
    result = write_zooms(heads_to_show(heads), store, 4, 7)
    assert result.paths == (tmp_path / "runs/garden/gaussian/zoom.json",)
    document = read_json(result.paths[0])
    assert document == json.loads(json.dumps(result.documents[0]))
    by_strategy = {head.strategy: head for head in heads if head.seed == 42}
    labels, asked = features.labels("train"), features.labels("test")
    assert list(document["shares"]) == ["v5", "mrl"]
    for strategy, shares in document["shares"].items():
        train, test = (by_strategy[strategy].embed(features.features(split)) for split in ("train", "test"))
        for length in (4, 8, 12, 16):
            a, b = (
                rows[:, :length] / np.linalg.norm(rows[:, :length], axis=1)[:, None] for rows in (test, train)
            )
            nearest = np.argsort(-(a @ b.T), axis=1, kind="stable")[:, :7]
            for level in (0, 1):
                same = (labels[nearest, level] == asked[:, level, None]).mean()
                assert shares[str(length)][f"L{level}"] == pytest.approx(same)
    assert (document["k"], document["n_queries"], document["n_reference"]) == (7, 120, 400)


def test_examples_hold_their_neighbours_with_texts_and_paths(heads, features, store) -> None:
    document = write_zooms(heads_to_show(heads), store, 4, 3).documents[0]
    head = next(head for head in heads if (head.strategy, head.seed) == ("v5", 42))
    train, test = (head.embed(features.features(split)) for split in ("train", "test"))
    blind, chosen = document["groups"]
    assert (blind["name"], len(blind["queries"])) == ("blind", 4)
    assert chosen["name"] == "narrowing"
    assert len(chosen["queries"]) <= min(2, document["changes"]["narrowing"])
    for query in blind["queries"] + chosen["queries"]:
        assert query["text"] == features.texts("test")[query["row"]]
        assert list(query["answers"]) == ["4", "8", "12", "16"]
        for length, answers in query["answers"].items():
            cut = slice(int(length))
            for answer in answers:
                row = answer["row"]
                a, b = test[query["row"], cut], train[row, cut]
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert answer["cosine"] == pytest.approx(cosine, abs=1e-5)
                names = [
                    features.class_names[level][features.labels("train")[row, level]] for level in (0, 1)
                ]
                assert document["rows"][str(row)]["labels"] == names
                assert document["rows"][str(row)]["id"] == f"train-{row}"


def test_changes_count_every_test_row(heads, store) -> None:
    document = write_zooms(heads_to_show(heads), store).documents[0]
    changes = document["changes"]
    assert changes["rise"] + changes["stay"] + changes["fall"] == document["n_queries"]
    finest = [document["shares"]["v5"][length]["L1"] for length in ("4", "16")]
    assert (changes["rise"] > changes["fall"]) == (finest[1] > finest[0])


def test_what_is_up_to_date_is_kept(heads, store) -> None:
    shown = heads_to_show(heads)
    first = write_zooms(shown, store, argv=lambda head: ["fractalctl", "zoom", head.strategy])
    time = first.paths[0].stat().st_mtime_ns
    again = write_zooms(shown, store)
    assert (again.n_reused, again.paths[0].stat().st_mtime_ns) == (1, time)
    assert again.documents[0]["argv"] == ["fractalctl", "zoom", "v5"]
    with pytest.raises(RequestError, match="--overwrite changed replaces it"):
        write_zooms(shown, store, k=3, overwrite=Overwrite.NEVER)
    assert write_zooms(shown, store, k=3).n_reused == 0


def test_three_levels_and_no_rival(store, recipe, tmp_path) -> None:
    deep = make_features(store, "forest", depth=3)
    heads = train_heads(deep, supervisions(deep, recipe, ["uhmt"]), tmp_path / "runs", [42], recipe).heads
    document = write_zooms(heads, store).documents[0]
    assert list(document["shares"]) == ["uhmt"]
    assert list(document["shares"]["uhmt"]["4"]) == ["L0", "L1", "L2"]
    assert {len(row["labels"]) for row in document["rows"].values()} == {3}


def test_long_texts_are_cut_after_a_word() -> None:
    text = "word\n" * 200
    assert _shortened(text).endswith("word …")
    assert len(_shortened(text)) <= LONGEST_TEXT
    assert _shortened("one  two\nthree") == "one two three"
