"""Somebody's own files, from the file to the corpus, and what is said when something is missing in them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from fractalctl.corpora import CorpusRequest, OnConflict
from fractalctl.errors import RequestError

Writer = Callable[..., Path]
Rows = list[dict[str, Any]]


def test_a_split_column_is_obeyed_and_rows_stay_in_order(write_lines: Writer, animals: Rows) -> None:
    corpus = CorpusRequest(str(write_lines("animals.jsonl.gz", animals))).load()
    assert corpus.name == "animals"
    assert corpus.levels == ("coarse", "fine")
    assert list(corpus.splits) == ["train", "test"]
    assert corpus.splits["test"].texts == [row["text"] for row in animals if row["split"] == "test"]
    assert corpus.splits["train"].labels.tolist() == [[0, 0], [0, 1], [1, 2], [1, 3], [0, 0]]
    assert corpus.splits["train"].ids == [f"train-{number}" for number in range(1, 6)]
    assert corpus.notes == ()


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.parquet", "a.jsonl"])
def test_formats_make_no_difference(name: str, animals: Rows, tmp_path: Path) -> None:
    frame = pandas.DataFrame(animals).rename(
        columns={"text": "message", "coarse": "family", "fine": "species"}
    )
    path = tmp_path / name
    if "parquet" in name:
        frame.to_parquet(path)
    elif "jsonl" in name:
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    corpus = CorpusRequest(str(path), text="message", levels=("family", "species")).load()
    assert corpus.levels == ("family", "species")
    assert corpus.tree.names == (("bird", "fish"), ("duck", "gull", "carp", "pike"))
    assert corpus.splits["train"].texts == [row["text"] for row in animals if row["split"] == "train"]


@pytest.mark.parametrize(
    ("column", "separator"),
    [(["bird", "duck", "mallard"], " > "), ("bird/duck/mallard", "/"), ("bird > duck > mallard", " > ")],
)
def test_a_path_column_holds_all_levels(column: Any, separator: str, write_lines: Writer) -> None:
    rows = [{"text": "quack", "where": column, "split": split} for split in ("train", "test")]
    corpus = CorpusRequest(str(write_lines("p.jsonl", rows)), path_column="where", separator=separator).load()
    assert corpus.tree.names == (("bird",), ("duck",), ("mallard",))
    assert corpus.levels == ("L0", "L1", "L2")


def test_labels_that_are_numbers_are_written_out(write_lines: Writer) -> None:
    rows = [{"text": "x", "coarse": 1, "fine": "07", "split": split} for split in ("train", "dev", "test")]
    corpus = CorpusRequest(str(write_lines("n.jsonl", rows))).load()
    assert corpus.tree.names == (("1",), ("07",))
    assert list(corpus.splits) == ["train", "validation", "test"]


def test_without_a_split_a_stratified_fifth_is_held_out(write_lines: Writer) -> None:
    rows = [{"text": f"t{n}", "coarse": str(n % 2), "fine": str(n % 4), "id": f"row {n}"} for n in range(200)]
    path = str(write_lines("u.jsonl", rows))
    corpus = CorpusRequest(path).load()
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 160, "test": 40}
    assert np.bincount(corpus.splits["test"].labels[:, 1]).tolist() == [10, 10, 10, 10]
    assert "a stratified fifth is held out (seed 42)" in corpus.notes[0]
    assert corpus.splits["test"].ids == CorpusRequest(path).load().splits["test"].ids
    assert corpus.splits["test"].ids != CorpusRequest(path, seed=7).load().splits["test"].ids
    assert set(corpus.splits["test"].ids) < {row["id"] for row in rows}


def test_a_sample_comes_in_random_order_and_leaves_class_ids_alone(write_lines: Writer) -> None:
    rows = [{"text": f"t{n}", "coarse": str(n % 3), "fine": str(n), "split": "train"} for n in range(60)]
    rows += [{**row, "split": "test"} for row in rows]
    path = str(write_lines("s.jsonl", rows))
    whole, part = CorpusRequest(path).load(), CorpusRequest(path, max_train=20, max_test=1000).load()
    assert part.tree.names == whole.tree.names
    assert len(part.splits["train"]) == 20
    assert sorted(part.splits["test"].texts) == sorted(whole.splits["test"].texts)
    assert part.splits["test"].texts != whole.splits["test"].texts
    by_text = dict(zip(whole.splits["train"].texts, whole.splits["train"].labels.tolist(), strict=True))
    assert [by_text[text] for text in part.splits["train"].texts] == part.splits["train"].labels.tolist()
    assert part.notes == ("40 of 60 classes of level 'fine' have no training row",)


def test_a_folder_holds_one_table_a_split(write_lines: Writer, animals: Rows, tmp_path: Path) -> None:
    rows = [{key: row[key] for key in ("text", "coarse", "fine")} for row in animals]
    write_lines("folder/train.jsonl", rows[:5])
    pandas.DataFrame(rows[5:]).to_csv(tmp_path / "folder" / "test.csv", index=False)
    corpus = CorpusRequest(str(tmp_path / "folder")).load()
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 5, "test": 5}
    (tmp_path / "folder" / "dev.csv").write_text("text,coarse,fine\n")
    (tmp_path / "folder" / "val.jsonl").touch()
    with pytest.raises(RequestError, match=r"both dev\.csv and val\.jsonl could be the validation split"):
        CorpusRequest(str(tmp_path / "folder")).load()


@pytest.mark.parametrize(("mark", "shown"), [(";", "';'"), ("\t", "tabs")])
def test_other_marks_between_cells_are_named(mark: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(mark.join(["text", "coarse", "fine"]) + "\n" + mark.join("abc") + "\n")
    with pytest.raises(RequestError, match=f"Its cells seem to be separated by {shown}: save it with commas"):
        CorpusRequest(str(tmp_path / "t.csv")).load()


def test_levels_that_tell_nothing_are_noted(write_lines: Writer) -> None:
    rows = [{"text": f"text {n}", "a": "all", "b": f"b{n % 2}", "c": f"c{n % 2}"} for n in range(20)]
    found = CorpusRequest(str(write_lines("i.jsonl", rows)), levels=("a", "b", "c")).load()
    assert found.notes[1:] == (
        "level 'a' has a single class, so every answer is right there",
        "level 'c' divides no class of level 'b', so both ask the same",
    )


def test_a_folder_without_tables_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match=r"expected tables called after their split \(train\.csv, test\.csv\)"
    ):
        CorpusRequest(str(tmp_path)).load()


ROW = {"text": "x", "coarse": "1", "fine": "2"}
PATHS = [{"text": "x", "p": "a|b"}, {"text": "x", "p": "a|b|c"}]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"body": "x", "a": "1"}],
            r"t\.jsonl: no column 'text'; there are 'body', 'a'\. Name the right ones",
        ),
        ([{"text": "x", "coarse": "1"}], r"t\.jsonl: no column 'fine'; there are 'text', 'coarse'"),
        ([{"texts": "x"}], r"t\.jsonl: no column 'text' \(did you mean 'texts'\?\); there are 'texts'"),
        (
            [ROW, {"text": "x", "coarse": "1"}],
            r"t\.jsonl, line 2: no column 'fine'; there are 'text', 'coarse'",
        ),
        ([{**ROW, "text": " "}], r"t\.jsonl, line 1: no text in column 'text'"),
        ([{**ROW, "text": 5}], r"t\.jsonl, line 1: column 'text' holds int, not text"),
        ([{**ROW, "coarse": None}], r"t\.jsonl, line 1: no label in column 'coarse'"),
        ([ROW, {**ROW, "coarse": " "}], r"t\.jsonl, line 2: no label in column 'coarse'"),
        ([{**ROW, "coarse": float("nan")}], r"t\.jsonl, line 1: no label in column 'coarse'"),
        ([{**ROW, "coarse": ["a"]}], r"line 1: column 'coarse' holds a list, not one label: \['a'\]"),
        ([{**ROW, "split": "eval"}], r"t\.jsonl, line 1: split 'eval' is none of train, validation \(valid"),
        ([{**ROW, "split": ""}], r"t\.jsonl, line 1: split '' is none of train"),
        ([{**ROW, "split": "test"}], r"t\.jsonl: there are no training rows"),
        ([ROW], r"t\.jsonl: too few training rows \(1\) to hold out a fifth"),
        ([ROW, {**ROW, "coarse": "3"}], r"'2' under '1' \(t\.jsonl, line 1\) and '3' \(t\.jsonl, line 2\)"),
    ],
)
def test_what_is_wrong_is_named_by_file_row_and_column(rows: Rows, message: str, write_lines: Writer) -> None:
    with pytest.raises(RequestError, match=message):
        CorpusRequest(str(write_lines("t.jsonl", rows))).load()


@pytest.mark.parametrize(
    ("rows", "separator", "message"),
    [
        (
            PATHS,
            "|",
            r"line 2: the path of labels has 3 levels \(a > b > c\) where the first, t\.jsonl, line 1,",
        ),
        (PATHS, " > ", r"t\.jsonl, line 1: column 'p' must hold two or more labels as a list, .* not 'a\|b'"),
        ([{"text": "x", "p": ["a", ""]}], "|", r"t\.jsonl, line 1: no label in column 'p'"),
        ([{"text": "x", "p": None}], "|", r"t\.jsonl, line 1: column 'p' must hold .* not None"),
        ([{"text": "x"}], "|", r"t\.jsonl: no column 'p'; there are 'text'"),
    ],
)
def test_a_path_that_does_not_do_is_named(
    rows: Rows, separator: str, message: str, write_lines: Writer
) -> None:
    with pytest.raises(RequestError, match=message):
        CorpusRequest(str(write_lines("t.jsonl", rows)), path_column="p", separator=separator).load()


def test_one_level_is_no_hierarchy(write_lines: Writer) -> None:
    with pytest.raises(RequestError, match="a hierarchy needs at least two levels, not just 'fine'"):
        CorpusRequest(str(write_lines("t.jsonl", [ROW])), levels=("fine",)).load()


def test_qualify_is_the_way_out_of_a_conflict(write_lines: Writer) -> None:
    rows = [
        {"text": "x", "coarse": c, "fine": f} for c, f in [("a", "other"), ("b", "other"), ("b", "own")] * 5
    ]
    corpus = CorpusRequest(str(write_lines("q.jsonl", rows)), on_conflict=OnConflict.QUALIFY).load()
    assert corpus.tree.names == (("a", "b"), ("a > other", "b > other", "own"))


def test_a_natural_tree_of_three_levels(data_folder: Path) -> None:
    path = data_folder / "harmonized-system.jsonl.gz"
    by_path = CorpusRequest(str(path), path_column="path").load()
    assert by_path.tree.class_counts == (21, 96, 1228)
    two = CorpusRequest(str(path)).load()
    assert two.name == "harmonized-system"
    assert {name: len(split) for name, split in two.splits.items()} == {"train": 4492, "test": 1120}
    assert [round(bits, 3) for bits in two.entropies] == [3.757, 2.066]
    np.testing.assert_array_equal(by_path.splits["train"].labels[:, :2], two.splits["train"].labels)
    assert json.dumps(by_path.entropies)
