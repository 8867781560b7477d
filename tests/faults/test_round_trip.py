"""What is valid is read exactly: the counterpart of the broken content in `tests.faults.test_random`.

Files are drawn by grammars that know only what a format allows, written by other people's writers, and read
back.
"""

import csv
import gzip
import io
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow
import pyarrow.parquet
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.corpora.request import CorpusRequest
from fractalctl.documents import read_document, write_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.head import EpochRecord, HeadDocument
from fractalctl.documents.measured import Features
from fractalctl.heads.arms import read_arm
from fractalctl.statistics.reading import read_observations
from tests.faults.counts import tried
from tests.faults.test_random import many
from tests.report.documents import evaluation

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEXTS = ANY_TEXT.filter(str.strip)
AS_READ = "read, exactly"


def as_class(label: str) -> str:
    """One name for all spellings of it."""
    return unicodedata.normalize("NFC", label.strip())


def names(least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(TEXTS, min_size=least, max_size=most, unique_by=as_class)


@dataclass
class Table:
    """Rows of text, coarse and fine label, and split."""

    rows: list[tuple[str, str, str, str]]

    def check(self, path: Path) -> None:
        corpus = CorpusRequest(str(path)).load()
        for split in ("train", "test"):
            own, found = [row for row in self.rows if row[3] == split], corpus.splits[split]
            assert list(found.texts) == [row[0] for row in own]
            for level, place in enumerate((1, 2)):
                called = [corpus.tree.names[level][number] for number in found.labels[:, level]]
                assert called == [as_class(row[place]) for row in own]
        tried(f"valid {path.name.partition('.')[2]} files from a grammar, as corpora", 1, AS_READ)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Every fine class has one parent, and there are rows of both splits."""
    coarse, fine = draw(names(2, 3)), draw(names(2, 5))
    kinds = st.integers(0, len(fine) - 1)
    drawn = draw(st.lists(st.tuples(TEXTS, kinds), min_size=4, max_size=8))
    return Table([
        (text, coarse[kind % len(coarse)], fine[kind], ("train", "test")[number % 2])
        for number, (text, kind) in enumerate(drawn)
    ])  # fmt: skip


COLUMNS = ("text", "coarse", "fine", "split")


@many
@given(
    table=tables(),
    quoted=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    suffix=st.sampled_from(["csv", "tsv", "csv.gz"]),
)
def test_a_valid_csv_file_is_read_exactly(tmp_path_factory, table, quoted, end, mark, suffix):
    path, stream = tmp_path_factory.mktemp("csv") / f"a.{suffix}", io.StringIO()
    delimiter = "\t" if suffix == "tsv" else ","
    lone = any("\r" in cell for row in table.rows for cell in row)  # which no writer quotes by itself
    quoting = csv.QUOTE_ALL if quoted or lone else csv.QUOTE_MINIMAL
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([COLUMNS, *table.rows])
    content = stream.getvalue().encode("utf-8-sig" if mark else "utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if suffix.endswith("gz") else content)
    table.check(path)


@many
@given(table=tables(), plain=st.booleans(), blank=st.booleans(), suffix=st.sampled_from(["jsonl", "ndjson"]))
def test_valid_json_lines_are_read_exactly(tmp_path_factory, table, plain, blank, suffix):
    path = tmp_path_factory.mktemp("lines") / f"a.{suffix}"
    lines = [json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=plain) for row in table.rows]
    path.write_text(("\n\n" if blank else "\n").join(lines) + "\n", "utf-8", newline="")
    table.check(path)


@many
@given(
    table=tables(),
    kind=st.sampled_from(
        [pyarrow.string(), pyarrow.large_string(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())]
    ),
    compression=st.sampled_from(["none", "snappy", "zstd"]),
    group=st.integers(1, 9),
)
def test_a_valid_parquet_file_is_read_exactly(tmp_path_factory, table, kind, compression, group):
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    columns = [pyarrow.array(values).cast(kind) for values in zip(*table.rows, strict=True)]
    written = pyarrow.table(columns, names=list(COLUMNS))
    pyarrow.parquet.write_table(written, path, compression=compression, row_group_size=group)
    table.check(path)


SHARES = st.integers(0, 100).map(lambda percent: percent / 100)


@many
@given(data=st.data(), blocks=st.integers(1, 4), levels=st.integers(2, 4), epochs=st.integers(1, 99))
def test_a_valid_supervision_is_read_exactly(tmp_path_factory, data, blocks, levels, epochs):
    path = tmp_path_factory.mktemp("toml") / "mine.toml"
    row, first = st.lists(SHARES, min_size=levels, max_size=levels), data.draw(st.integers(1, 64))
    table = {
        "full": data.draw(row.filter(any)),
        "prefix": data.draw(st.lists(row, min_size=blocks, max_size=blocks)),
        "prefix_probabilities": [1.0, *[0.0] * (blocks - 1)],
        "keep": data.draw(st.lists(SHARES.map(lambda share: share or 1.0), min_size=blocks, max_size=blocks)),
        "dims": [first * number for number in range(1, blocks + 1)],
        "epochs": epochs,
    }
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items()), "utf-8")
    found = msgspec.to_builtins(read_arm(path, levels).settings)
    assert json.loads(json.dumps({name: found[name] for name in table})) == table
    tried("valid toml files from a grammar, as supervisions", 1, AS_READ)


VALUES = st.floats(-0.2, 0.2).map(lambda value: round(value, 6))


@many
@given(arm=TEXTS, corpus=TEXTS, backbone=TEXTS, seed=st.integers(0, 2**63), value=VALUES)
def test_a_valid_evaluation_is_read_exactly(tmp_path_factory, arm, corpus, backbone, seed, value):
    path = tmp_path_factory.mktemp("evaluation") / "evaluation-loo.json"
    document = evaluation(arm, seed, value, corpus, backbone)
    write_document(path, document)
    assert read_document(path, Evaluation) == document
    tried("valid evaluation files from a grammar", 1, AS_READ)


@many
@given(data=st.data(), seed=st.integers(0, 2**63), texts=st.lists(TEXTS, min_size=4, max_size=4))
def test_a_valid_head_is_read_exactly(tmp_path_factory, data, seed, texts):
    path = tmp_path_factory.mktemp("head") / "head.json"
    corpus, backbone, arm, place = texts
    number = st.integers(1, 2**40)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    epochs = st.builds(EpochRecord, epoch=number, loss=finite, validation=st.dictionaries(TEXTS, finite))
    document = HeadDocument(
        corpus=corpus, backbone=backbone, strategy="v5", arm=arm, method="supervision", trunk="linear",
        settings=data.draw(st.dictionaries(ANY_TEXT, finite | ANY_TEXT | st.booleans(), max_size=3)),
        seed=seed, input_dimension=data.draw(number), dims=sorted(data.draw(st.sets(number, min_size=1))),
        nested=data.draw(st.booleans()), classes=[data.draw(names(1, 3)) for _ in range(2)],
        features=Features(corpus=corpus, name=backbone, identity="0" * 64, path=place),
        best_epoch=data.draw(st.none() | number), history=data.draw(st.lists(epochs, max_size=2)),
        weights_sha256="1" * 64, identity="2" * 64, encoder=None, tuning=None, fleet=[seed],
    )  # fmt: skip
    write_document(path, document)
    assert read_document(path, HeadDocument) == document
    tried("valid head files from a grammar", 1, AS_READ)


@many
@given(
    rows=st.lists(
        st.tuples(TEXTS, TEXTS, st.integers(0, 10**9), st.floats(-2, 2)), min_size=1, max_size=5,
        unique_by=lambda row: (row[0].strip(), row[1].strip(), row[2]),
    )
)  # fmt: skip
def test_a_valid_table_of_seeds_is_read_exactly(tmp_path_factory, rows):
    path, stream = tmp_path_factory.mktemp("seeds") / "t.csv", io.StringIO()
    csv.writer(stream).writerows([("dataset", "strategy", "seed", "steerability"), *rows])
    path.write_bytes(stream.getvalue().encode())
    found = [(one.corpus, one.arm, one.seed, one.metrics["S"]) for one in read_observations([path])]
    assert found == [(corpus.strip(), arm.strip(), seed, value) for corpus, arm, seed, value in rows]
    tried("valid csv files from a grammar, as tables of seeds", 1, AS_READ)
