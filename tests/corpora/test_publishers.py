"""Local copies in the publishers' formats: small files of our own with their layout."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import _twenty_newsgroups as oracle

from fractalctl.corpora import CorpusRequest
from fractalctl.corpora.corpus import Corpus
from fractalctl.corpora.publishers import strip_post
from fractalctl.errors import FractalError, RequestError

Writer = Callable[..., Path]


def rows_of(corpus: Corpus, split: str) -> list[tuple[str, ...]]:
    """Text and class names of the rows of a split."""
    part = corpus.splits[split]
    return [
        (text, *(names[number] for names, number in zip(corpus.tree.names, row, strict=True)))
        for text, row in zip(part.texts, part.labels, strict=True)
    ]


def load(name: str, data: Path, **options: Any) -> Corpus:
    return CorpusRequest(name, data=data, **options).load()


def write_clinc(folder: Path, intents: tuple[str, ...] = ("translate", "pay_bill")) -> Path:
    pairs = [[f"about {intent}", intent] for intent in intents]
    document = {
        "train": pairs * 2,
        "val": pairs[:1],
        "test": pairs,
        "oos_train": [["huh", "oos"]],
        "oos_test": [],
    }
    (folder / "data_full.json").write_text(json.dumps(document))
    return folder / "data_full.json"


def test_clinc_leaves_out_what_is_out_of_scope(tmp_path: Path) -> None:
    corpus = load("clinc", write_clinc(tmp_path))
    assert rows_of(corpus, "test") == [
        ("about translate", "travel", "translate"),
        ("about pay_bill", "banking", "pay_bill"),
    ]
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 4,
        "validation": 1,
        "test": 2,
    }
    assert corpus.notes[:2] == (
        "train: 4 rows, where 15,000 are published",
        "validation: 1 rows, where 3,000 are published",
    )
    assert "intent: 2 classes, where 150 are published" in corpus.notes


def test_clinc_takes_the_publishers_domains_where_they_are(tmp_path: Path) -> None:
    write_clinc(tmp_path)
    (tmp_path / "domains.json").write_text(json.dumps({"words": ["translate"], "money": ["pay_bill"]}))
    assert load("clinc", tmp_path).tree.names == (("money", "words"), ("pay_bill", "translate"))


def test_clinc_has_three_levels(tmp_path: Path) -> None:
    write_clinc(tmp_path)
    corpus = load("clinc", tmp_path, levels=("super-domain", "domain", "intent"))
    assert rows_of(corpus, "validation") == [("about translate", "mobility", "travel", "translate")]


def test_clinc_names_what_is_wrong(tmp_path: Path) -> None:
    path = write_clinc(tmp_path, ("translate", "juggle"))
    with pytest.raises(
        RequestError, match=r"data_full\.json, train, row 2: 'juggle' stands in no group of level 'domain'"
    ):
        load("clinc", path)
    (tmp_path / "domains.json").write_text(json.dumps({"words": ["translate"]}))
    with pytest.raises(
        FractalError, match=r"train, row 2: intent 'juggle' stands in no domain of domains\.json"
    ):
        load("clinc", path)
    path.write_text(json.dumps({"train": [["x"]], "test": []}))
    with pytest.raises(FractalError, match=r"train, row 1: expected \[text, intent\], found \['x'\]"):
        load("clinc", path)
    path.write_text(json.dumps({"train": []}))
    with pytest.raises(
        FractalError, match=r"expected lists train, val and test of \[text, intent\], not without 'val'"
    ):
        load("clinc", path)
    path.write_text("{")
    with pytest.raises(FractalError, match=r"data_full\.json: not JSON"):
        load("clinc", path)


def test_trec_is_latin_1_with_the_label_first(tmp_path: Path) -> None:
    (tmp_path / "train_5500.label").write_bytes(
        "DESC:manner How ?\nENTY:food What \xe9clair\x85 ?\n".encode("latin-1")
    )
    (tmp_path / "TREC_10.label").write_bytes(b"ENTY:food Which ?\r\n")
    corpus = load("trec", tmp_path)
    assert rows_of(corpus, "train") == [
        ("How ?", "DESC", "DESC:manner"),
        ("What \xe9clair\x85 ?", "ENTY", "ENTY:food"),
    ]
    assert rows_of(corpus, "test") == [("Which ?", "ENTY", "ENTY:food")]
    (tmp_path / "TREC_10.label").write_bytes(b"ENTY:food Which ?\nWhich ?\n")
    with pytest.raises(
        FractalError, match=r"TREC_10\.label, line 2: expected 'COARSE:fine question', found 'Which \?'"
    ):
        load("trec", tmp_path)


def test_goemotions_keeps_rows_with_one_emotion(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text('"quoted\t27\tid1\nboth\t0,2\tid2\nwow\t26\tid3\n')
    (tmp_path / "dev.tsv").write_text("ugh\t11\tid4\n")
    (tmp_path / "test.tsv").write_text("aw\t18\tid5\n")
    corpus = load("goemotions", tmp_path)
    assert rows_of(corpus, "train") == [('"quoted', "neutral", "neutral"), ("wow", "ambiguous", "surprise")]
    assert rows_of(corpus, "validation") == [("ugh", "negative", "disgust")]
    assert corpus.splits["train"].ids == ["id1", "id3"]
    (tmp_path / "labels.txt").write_text("love\njoy")
    with pytest.raises(
        FractalError, match=r"train\.tsv, line 1: expected a text, numbers of emotions below 2"
    ):
        load("goemotions", tmp_path)


def write_newsgroups(root: Path) -> Path:
    post = "From: a@b\nSubject: s\n\nIn article <1> x writes:\n> old\n{}\n\n--\nme\n"
    for split, groups in (("train", ("sci.space", "alt.atheism")), ("test", ("sci.space",))):
        for group in groups:
            folder = root / f"20news-bydate-{split}" / group
            folder.mkdir(parents=True)
            (folder / "9").write_bytes(post.format("caf\xe9 " + "moon " * 200).encode("latin-1"))
            (folder / "10").write_text(post.format(f"On {group}"))
    return root


def test_newsgroups_are_stripped_and_cut(tmp_path: Path) -> None:
    corpus = load("newsgroups", write_newsgroups(tmp_path))
    (first, *classes), (second, *_) = rows_of(corpus, "test")
    assert (first, classes) == ("On sci.space\n", ["sci", "sci.space"])
    assert second.startswith("caf\xe9 moon moon")
    assert len(second) == 512
    assert corpus.splits["train"].ids == ["alt.atheism/10", "alt.atheism/9", "sci.space/10", "sci.space/9"]


LINES = [
    "",
    "--",
    "> quoted",
    "|bar",
    "He wrote:",
    "In article <3>",
    "In my view",
    "Quoted from x",
    "text",
    "-----",
    " ",
    "x says: y",
]


@given(st.lists(st.sampled_from(LINES), max_size=14).map("\n".join))
def test_posts_are_stripped_as_the_published_copy_was(post: str) -> None:
    expected = oracle.strip_newsgroup_footer(
        oracle.strip_newsgroup_quoting(oracle.strip_newsgroup_header(post))
    )
    assert strip_post(post) == expected


def test_wos_areas_are_told_apart_by_their_domain(tmp_path: Path) -> None:
    (tmp_path / "X.txt").write_text("".join(f"abstract {n}\n" for n in range(20)))
    (tmp_path / "YL1.txt").write_text("0\n1\n" * 10)
    (tmp_path / "YL2.txt").write_text("0\n0\n" * 10)
    corpus = load("wos", tmp_path / "X.txt")
    assert corpus.tree.names == (("0", "1"), ("0 > 0", "1 > 0"))
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 16, "test": 4}
    assert corpus.notes[1] == "all: 20 rows, where 46,985 are published"
    (tmp_path / "YL2.txt").write_text("0\n0\n")
    with pytest.raises(
        FractalError, match=r"YL2\.txt: ends before line 3; X\.txt, YL1\.txt and YL2\.txt must have as many"
    ):
        load("wos", tmp_path)
    (tmp_path / "YL2.txt").unlink()
    with pytest.raises(FractalError, match=r"beside X\.txt there must be YL2\.txt"):
        load("wos", tmp_path)


def test_wos_as_an_exported_sheet(tmp_path: Path) -> None:
    cells = [["Y1", "Y2", "Y", "Domain", "area", "keywords", "Abstract"]]
    cells += [["0", "0", "0", "CS ", " Graphics", "k", f"We draw {n}. "] for n in range(10)]
    with (tmp_path / "Data.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(cells)
    corpus = load("wos", tmp_path / "Data.csv")
    assert rows_of(corpus, "train")[0] == ("We draw 0.", "CS", "CS > Graphics")


def test_dbpedia_classes_has_three_natural_levels(tmp_path: Path) -> None:
    for name, count in (("train", 3), ("val", 1), ("test", 2)):
        lines = ["text,l1,l2,l3", *['"Long, ' + "x" * 600 + '",Agent,Person,Poet'] * count]
        (tmp_path / f"DBPEDIA_{name}.csv").write_text("\n".join(lines))
    corpus = load("dbpedia-classes", tmp_path, levels=("l1", "l2", "l3"))
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 3,
        "validation": 1,
        "test": 2,
    }
    assert corpus.tree.names == (("Agent",), ("Person",), ("Poet",))
    assert {len(text) for text in corpus.splits["train"].texts} == {512}
    assert load("dbpedia-classes", tmp_path).tree.depth == 2
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "DBP_wiki_data.csv").write_text("text,l1,l2,l3\n" + "a,Agent,Person,Poet\n" * 10)
    assert len(load("dbpedia-classes", whole / "DBP_wiki_data.csv").splits["test"]) == 2


def test_yahoo_is_numbered_from_one_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('"6","who ""won""?","","best"\n"1","why","because",""\n')
    (tmp_path / "test.csv").write_text('"10","vote","where","there"\n')
    corpus = load("yahoo", tmp_path)
    assert rows_of(corpus, "train") == [
        ('who "won"?', "Entertainment", "Sports"),
        ("why because", "Lifestyle", "Society & Culture"),
    ]
    assert rows_of(corpus, "test") == [("vote where", "Professional", "Politics & Government")]
    (tmp_path / "test.csv").write_text('"11","vote","where","there"\n')
    with pytest.raises(FractalError, match=r"test\.csv, line 1: topic '11' is no number from 1 to 10"):
        load("yahoo", tmp_path)


@pytest.mark.parametrize("name", ["arxiv-metadata-oai-snapshot.json", "subset.jsonl.gz"])
def test_arxiv_takes_the_primary_category(name: str, tmp_path: Path) -> None:
    rows = [
        {"id": f"{n}", "title": "A\n  title", "abstract": "  We show\nit.\n", "categories": category}
        for n, category in enumerate(["math.AG math.NT", "hep-th", "cs.CL"] * 4)
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    corpus = load("arxiv", tmp_path / name)
    assert corpus.tree.names == (("cs", "hep-th", "math"), ("cs.CL", "hep-th", "math.AG"))
    assert ("A title We show it.", "math", "math.AG") in rows_of(corpus, "train")
    assert set(corpus.splits["train"].ids) < {row["id"] for row in rows}


def test_json_lines_stand_for_any_registered_corpus(write_lines: Writer) -> None:
    rows = [
        {"text": "x", "coarse": "travel", "fine": "translate", "split": split}
        for split in ("train", "val", "test")
    ]
    rows.append({"text": "y", "coarse": "oos", "fine": "oos", "split": "train"})
    path = write_lines("mine.jsonl.gz", rows)
    assert rows_of(load("clinc", path), "train") == [("x", "travel", "translate")]
    three = load("clinc", path, levels=("super-domain", "domain", "intent"))
    assert rows_of(three, "train") == [("x", "mobility", "travel", "translate")]
    with pytest.raises(
        RequestError,
        match=r"line 1: no label of level 'l3'; the columns are 'text', 'coarse', 'fine', 'split'",
    ):
        load("dbpedia-classes", path, levels=("l1", "l2", "l3"))


def test_rows_that_are_all_left_out_make_no_corpus(write_lines: Writer) -> None:
    path = write_lines("oos.jsonl", [{"text": "y", "coarse": "oos", "fine": "oos", "split": "train"}])
    with pytest.raises(RequestError, match=r"oos\.jsonl: there is no row of the corpus clinc"):
        load("clinc", path)


def test_json_lines_are_found_in_a_folder(write_lines: Writer) -> None:
    row = {"text": "x", "coarse": "DESC", "fine": "DESC:manner"}
    folder = write_lines("one/trec.jsonl.gz", [{**row, "split": split} for split in ("train", "test")]).parent
    write_lines("two/train.jsonl", [row] * 3)
    by_split = write_lines("two/test.jsonl.gz", [row]).parent
    assert {name: len(split) for name, split in load("trec", folder).splits.items()} == {
        "train": 1,
        "test": 1,
    }
    assert {name: len(split) for name, split in load("trec", by_split).splits.items()} == {
        "train": 3,
        "test": 1,
    }


def test_empty_texts_of_published_data_are_kept_and_noted(write_lines: Writer) -> None:
    rows = [
        {"text": text, "coarse": "sci", "fine": "sci.med", "split": split}
        for text in ("", "x")
        for split in ("train", "test")
    ]
    corpus = load("newsgroups", write_lines("newsgroups.jsonl", rows))
    assert corpus.splits["train"].texts == ["", "x"]
    assert "2 texts are empty; they are kept, as in the published data" in corpus.notes


def test_a_path_without_a_copy_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "README").touch()
    for data in (tmp_path, tmp_path / "README"):
        with pytest.raises(RequestError) as caught:
            CorpusRequest("trec", data=data).identity()
        assert str(caught.value) == (
            f"--data {data}: found neither the publisher's files (train_5500.label, TREC_10.label), nor JSON "
            "lines with text, coarse, fine and split (trec.jsonl or .jsonl.gz), nor a copy of the repository "
            "SetFit/TREC-QC (with its README.md)"
        )
    with pytest.raises(RequestError, match=r"--data .*nowhere: there is no such file or folder"):
        CorpusRequest("trec", data=tmp_path / "nowhere").load()


def test_the_identity_of_a_copy_is_its_content(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        write_newsgroups(tmp_path / folder)
    (tmp_path / "c" / "20news-bydate-test" / "sci.space" / "9").write_text("other")
    a, b, c = (CorpusRequest("newsgroups", data=tmp_path / folder).identity() for folder in "abc")
    assert a == b != c
    assert CorpusRequest("newsgroups", data=tmp_path / "a" / "20news-bydate-train").identity() == a
