import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from pyarrow import parquet

from fractalctl import Embedder, TextFile, VectorRequest, write_text_vectors
from fractalctl.documents import read_document, write_document
from fractalctl.documents.exported import VectorsDocument
from fractalctl.errors import RequestError
from fractalctl.export.precision import Precision
from fractalctl.export.vectors import quantised, ranges_of
from tests.backbones.models import WORDS
from tests.tiny import tiny_heads

RANDOM = np.random.default_rng(8)
TEXTS = [" ".join(RANDOM.choice(WORDS, size=int(size))) for size in RANDOM.integers(1, 6, 2100)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A head and what loads its embedder."""
    folder = tmp_path_factory.mktemp("made")
    (head,) = tiny_heads(folder)
    return head, Embedder.load(head.folder, encoder=folder / "bert", device="cpu")


@pytest.fixture
def lines(tmp_path: Path) -> TextFile:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n")
    return TextFile(path)


def arrays(written) -> list[np.ndarray]:
    return [np.load(path) for path in written.paths if path.suffix == ".npy"]


def test_arrays_hold_what_the_embedder_gives(made, lines, tmp_path) -> None:
    head, embedder = made
    written = write_text_vectors(
        head, lines, tmp_path / "v.npy", lambda: embedder, VectorRequest((4, 16)), argv=["x"]
    )
    assert [path.name for path in written.paths] == ["v-4.npy", "v-16.npy", "v.json"]
    for length, found in zip((4, 16), arrays(written), strict=True):
        assert found.dtype == np.float32
        assert found == pytest.approx(embedder.encode(TEXTS, length), abs=1e-5)
    document = read_document(tmp_path / "v.json", VectorsDocument)
    assert document == written.document
    assert (document.n_texts, document.levels, document.argv) == (2100, ["L0", "L1"], ["x"])
    assert (document.lengths["4"].bytes, document.lengths["4"].ratio) == (16, 16 / 128)
    assert document.lengths["4"].accuracy is None
    assert not list(tmp_path.glob("*.parts"))


def test_a_table_holds_texts_and_vectors(made, lines, tmp_path) -> None:
    head, embedder = made
    output = tmp_path / "v.parquet"
    request = VectorRequest((4, 8), Precision.INT8, normalise=False)
    written = write_text_vectors(head, lines, output, lambda: embedder, request)
    table = parquet.read_table(output)
    assert table.column_names == ["id", "text", "vector_4", "vector_8"]
    assert table["text"].to_pylist() == TEXTS
    plain = embedder.encode(TEXTS, 8, normalise=False)
    found = np.array(table["vector_8"].to_pylist())
    assert np.abs(found - quantised(plain, Precision.INT8, ranges_of([plain])).astype(int)).max() <= 1
    low, high = np.array(written.document.lengths["8"].ranges)
    assert (low, high) == (pytest.approx(plain.min(0), abs=1e-5), pytest.approx(plain.max(0), abs=1e-5))


def test_later_texts_take_earlier_ranges(made, lines, tmp_path) -> None:
    head, embedder = made
    request = VectorRequest((4,), Precision.INT8)
    first = write_text_vectors(head, lines, tmp_path / "a.npy", lambda: embedder, request)
    few = tmp_path / "few.txt"
    few.write_text("\n".join(TEXTS[:3]) + "\n")
    kept = VectorRequest((4,), Precision.INT8, ranges=tmp_path / "a.json")
    later = write_text_vectors(head, TextFile(few), tmp_path / "b.npy", lambda: embedder, kept)
    assert np.abs(arrays(later)[0].astype(int) - arrays(first)[0][:3]).max() <= 1
    assert later.document.lengths["4"].ranges == first.document.lengths["4"].ranges
    for wrong, message in (
        (VectorRequest((4,), ranges=tmp_path / "a.json"), "--ranges is for --dtype int8, not float32"),
        (VectorRequest((8,), Precision.INT8, ranges=tmp_path / "a.json"), "no int8 ranges for 8 dimensions"),
        (VectorRequest((4,), Precision.INT8, False, tmp_path / "a.json"), "of vectors that were normalised"),
    ):
        with pytest.raises(RequestError, match=message):
            write_text_vectors(head, lines, tmp_path / "c.npy", lambda: embedder, wrong)


def test_vectors_of_another_head_do_not_go_without_a_word(made, tmp_path) -> None:
    head, embedder = made
    texts, output, notes = tmp_path / "few.txt", tmp_path / "v.npy", []
    texts.write_text("\n".join(TEXTS[:3]) + "\n")

    def write() -> VectorsDocument:
        wanted = VectorRequest((4,))
        return write_text_vectors(
            head, TextFile(texts), output, lambda: embedder, wanted, note=notes.append
        ).document

    earlier = replace(write(), head_identity="0" * 64, arm="mrl", seed=7)
    write()
    assert not any("given way" in note for note in notes)
    write_document(tmp_path / "v.json", earlier)
    write()
    assert notes[-1] == f"{output}: vectors of the head mrl (seed 7) have given way"


class Failing:
    """An embedder that fails after some blocks, and counts those that it made."""

    def __init__(self, embedder, blocks: int) -> None:
        self.embedder, self.left, self.sizes = embedder, blocks, []
        self.backbone = embedder.backbone

    def prefixes(self, texts, advance):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.sizes.append(len(texts))
        return self.embedder.prefixes(texts, advance)


def test_what_was_finished_is_not_embedded_again(made, lines, tmp_path) -> None:
    head, embedder = made
    output, notes = tmp_path / "v.npy", []
    request = VectorRequest((4, 16))
    with pytest.raises(KeyboardInterrupt):
        write_text_vectors(head, lines, output, lambda: Failing(embedder, 2), request)
    assert not output.exists()
    rest = Failing(embedder, 9)
    resumed = write_text_vectors(head, lines, output, lambda: rest, request, note=notes.append)
    assert (rest.sizes, notes) == ([52], ["2 of 3 blocks were embedded before; going on from there"])
    straight = write_text_vectors(head, lines, tmp_path / "w.npy", lambda: embedder, request)
    for ours, theirs in zip(arrays(resumed), arrays(straight), strict=True):
        assert (ours == theirs).all(), "byte for byte"
    assert resumed.document.identity == straight.document.identity


def test_a_changed_text_is_embedded_again(made, lines, tmp_path) -> None:
    head, embedder = made
    with pytest.raises(KeyboardInterrupt):
        write_text_vectors(head, lines, tmp_path / "v.npy", lambda: Failing(embedder, 2))
    changed = ["nine nine", *TEXTS[1:]]
    lines.path.write_text("\n".join(changed) + "\n")
    rest = Failing(embedder, 9)
    written = write_text_vectors(head, lines, tmp_path / "v.npy", lambda: rest)
    assert rest.sizes == [1024, 52]
    assert arrays(written)[0][0] == pytest.approx(embedder.encode("nine nine", 4), abs=1e-5)


def test_names_and_rows_are_checked_before_anything_is_loaded(made, tmp_path) -> None:
    head, _ = made
    path = tmp_path / "t.csv"
    path.write_text('text\na\n""\n')

    def never():
        raise AssertionError

    for output, message in (("v.txt", "must end in .npy or .parquet"), ("v.npy", "line 3: no text")):
        with pytest.raises(RequestError, match=message):
            write_text_vectors(head, TextFile(path), tmp_path / output, never)


def test_accuracies_come_from_the_evaluation_beside_the_head(made, lines, tmp_path) -> None:
    from fractalctl import evaluate_heads
    from fractalctl.measures.protocols import Protocol
    from store import FeatureStore

    head, embedder = made
    store = FeatureStore(head.folder.parents[4] / "store")
    for protocol in (Protocol("loo"), Protocol("index")):
        evaluate_heads([head], protocol, store)
    document = write_text_vectors(
        head, lines, tmp_path / "v.npy", lambda: embedder, VectorRequest((4, 5))
    ).document
    measured = json.loads((head.folder / "evaluation-index.json").read_text())
    assert (document.protocol, document.baseline) == ("index", measured["profile"]["baseline"])
    assert document.lengths["4"].accuracy == measured["accuracy"]["4"]
    assert document.lengths["5"].accuracy is None, "nobody measured it at that length"
    for path in head.folder.glob("evaluation-*"):
        path.unlink()
