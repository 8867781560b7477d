"""Tables on disk: every format gives the same rows, and broken files say where they break."""

import csv
import gzip
import io
from pathlib import Path

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractalctl.corpora.tabular import open_table, table_format
from fractalctl.errors import FractalError, RequestError

ROWS = [
    {"text": 'say "hi",\nthen go', "label": "01"},
    {"text": "naïve ☃", "label": "NA"},
    {"text": " x ", "label": "1e5"},
]


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.csv.gz", "T.TSV.GZ", "t.jsonl", "t.ndjson.gz", "t.json", "t.parquet"]
)
def test_every_format_gives_the_same_rows_as_text(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    frame = pandas.DataFrame(ROWS)
    kind = table_format(path)
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        content = (
            frame.to_json(orient="records", lines=True)
            if kind == "lines"
            else frame.to_csv(index=False, sep="\t" if kind == "tsv" else ",")
        )
        path.write_bytes(
            gzip.compress(content.encode()) if name.lower().endswith(".gz") else content.encode()
        )
    table = open_table(path)
    assert table.columns == ("text", "label")
    assert [row for _, row in table.rows] == ROWS


@settings(max_examples=50)
@given(
    st.lists(
        st.lists(
            st.text(st.characters(blacklist_characters="\r\0", blacklist_categories=("Cs",))),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_text_survives_a_csv_file(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["a", "b"], *cells])
    path.write_bytes(buffer.getvalue().encode())
    assert [list(row.values()) for _, row in open_table(path).rows] == cells


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes("text,label\nä,b\n".encode("utf-8-sig"))
    assert open_table(path).columns == ("text", "label")


def test_rows_know_the_line_on_which_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n"one\ntwo",x\n\nlast,y\n')
    table = open_table(path)
    assert [(number, row["b"]) for number, row in table.rows] == [(2, "x"), (5, "y")]
    assert table.origin.place(5) == "t.csv, line 5"


def test_parquet_counts_rows(tmp_path: Path) -> None:
    pandas.DataFrame(ROWS).to_parquet(tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet")
    assert [number for number, _ in table.rows] == [1, 2, 3]
    assert table.origin.place(3) == "t.parquet, row 3"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.csv",
            b'a,b\nx,"never closed\ny,z\n',
            r"t\.csv, line 2: unexpected end of data \(a cell that holds",
        ),
        ("t.csv", b"a,b\nx\n", r"t\.csv, line 2: 1 cells where there are 2 columns"),
        ("t.csv", b"a,b\nx,\xe4\n", r"t\.csv, line 2: not utf-8 text \(byte 0xe4\); convert the file"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', r"t\.jsonl, line 2: not JSON"),
        ("t.jsonl", b'{"a": 1}\n\n[1]\n', r"t\.jsonl, line 3: each line must hold one JSON object"),
        (
            "t.json",
            b'[\n {"a": 1}]\n',
            r"t\.json: holds one JSON array, expected a JSON object \{\.\.\.\} on",
        ),
        ("t.csv", "a,b\nx,y\n".encode("utf-16"), r"t\.csv, line 1: .* iconv -f utf-16 -t utf-8"),
        ("t.jsonl.gz", b"no gzip", r"t\.jsonl\.gz: the gzip file is broken or incomplete"),
        ("t.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999)[:-40], r"the gzip file is broken or incomplete"),
        ("t.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999)[:20] + b"\xff" * 99, "broken or incomplete"),
        ("t.parquet", b"no parquet", r"t\.parquet: not a readable Parquet file"),
    ],
)
def test_a_broken_file_says_where(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FractalError, match=message):
        list(open_table(tmp_path / name).rows)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.tsv"])
def test_an_empty_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(RequestError, match="the file is empty"):
        open_table(tmp_path / name)


def test_a_header_must_name_each_column_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,a\n1,2,3\n")
    with pytest.raises(RequestError, match="the header names the column 'a' twice"):
        open_table(tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["notes.txt", "noending", "t.parquet.gz", "t.xlsx"])
def test_an_unknown_format_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(RequestError, match=r"must end in \.csv, \.tsv, \.jsonl, \.ndjson, \.json, \.parquet"):
        open_table(Path(name))
