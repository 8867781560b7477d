import gzip
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from fractalctl.corpora.columns import TextFile
from fractalctl.errors import FractalError, RequestError

ROWS = [{"id": "a", "text": "one, two"}, {"id": "b", "text": "drei\u2028vier"}]


def write(path: Path) -> Path:
    """The same two texts in the format that a name says."""
    kind = path.name.split(".")[1]
    if kind == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
        return path
    separator = {"csv": ",", "tsv": "\t"}.get(kind)
    if separator:
        lines = [separator.join(("id", "text"))]
        lines += [separator.join((row["id"], f'"{row["text"]}"')) for row in ROWS]
    elif kind == "txt":
        lines = ["", *(row["text"] for row in ROWS), "   "]
    else:
        lines = [json.dumps(row) for row in ROWS]
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.parquet", "t.txt", "t.txt.gz"]
)
def test_every_format_gives_the_same_texts(tmp_path: Path, name: str) -> None:
    file = TextFile(write(tmp_path / name))
    ids = ["2", "3"] if ".txt" in name else ["a", "b"]
    assert [tuple(one) for one in file] == list(zip(ids, (row["text"] for row in ROWS), strict=True))
    assert list(file) == list(file), "it can be read again"
    count, digest = file.examine()
    assert count == 2
    other = TextFile(write(tmp_path / "other.txt"))
    assert (other.examine()[1] == digest) is (".txt" in name), "what texts are called counts"


def test_rows_without_an_id_are_called_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("body,team\nfirst,a\nsecond,b\n")
    assert [tuple(one) for one in TextFile(path, "body")] == [("2", "first"), ("3", "second")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "body\nx\n", "no column 'text'; name one of 'body' with --text"),
        ("t.csv", "id,text\n1,a\n2,\n", "t.csv, line 3: no text in column 'text'"),
        ("t.jsonl", '{"text": 3}\n', "t.jsonl, line 1: column 'text' holds int, not text"),
        ("t.doc", "x", "the format is told by the name, which must end in .csv, .tsv"),
        ("t.txt", "\n \n", "there is no text in it"),
        ("t.csv", "text\n", "there is no text in it"),
    ],
)
def test_what_is_no_file_of_texts(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(RequestError, match=message):
        TextFile(path).examine()


def test_files_that_are_not_there_or_broken(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"x\.csv: no such file"):
        TextFile(tmp_path / "x.csv")
    (tmp_path / "t.jsonl").write_text('{"text": "a"}\nno\n')
    with pytest.raises(FractalError, match="line 2: not JSON"):
        TextFile(tmp_path / "t.jsonl").examine()
