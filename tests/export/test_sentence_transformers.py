"""What sentence-transformers makes of an exported folder is what the head makes of features."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.embedding import Embedder
from fractalctl.experiments.exporting import export_head
from fractalctl.export.formats.sentence_transformers import stock_layers
from fractalctl.heads.method import LinearMap
from store import FeatureStore
from tests.backbones.models import TEXTS, as_sentence_transformers, build_bert, build_qwen
from tests.tiny import SMALL, tiny_heads

pytestmark = [
    pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="sentence-transformers is missing"),
    pytest.mark.filterwarnings("ignore"),
]


def load(folder: Path, **options):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True, **options)


def assert_equal(head, model, encoder: Path, *, by: str = "truncate_dim") -> None:
    """At every length, of texts of many lengths, to 1e-5."""
    embedder = Embedder.load(head.folder, encoder=encoder, device="cpu")
    for length in (3, 4, 8, 16):
        found = model.encode(TEXTS, normalize_embeddings=True, **{by: length})
        assert np.abs(found - embedder.encode(TEXTS, length)).max() < 1e-5
    assert np.abs(model.encode(TEXTS) - embedder.encode(TEXTS, normalise=False)).max() < 1e-4
    assert model.get_sentence_embedding_dimension() == 16


@pytest.mark.parametrize(
    ("strategy", "trunk", "kinds"),
    [
        ("v5", "linear", ["Dense"]),
        ("v5", "mlp", ["Dense", "LayerNorm", "Dense", "Dense"]),
        ("lda", None, ["Dense"]),
        ("raw", None, ["Dense"]),
    ],
)
def test_nested_heads_are_stock_modules(tmp_path: Path, strategy: str, trunk, kinds) -> None:
    (head,) = tiny_heads(tmp_path, [strategy], trunk)
    (folder,) = export_head(head, "sentence-transformers", encoder=tmp_path / "bert")
    assert folder == head.folder / "sentence-transformers"
    modules = json.loads((folder / "modules.json").read_text())
    assert [module["type"].rpartition(".")[2] for module in modules] == ["Transformer", "Pooling", *kinds]
    assert not list(folder.glob("*.py"))
    assert_equal(head, load(folder), tmp_path / "bert")


@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens", "lasttoken"])
def test_pooling_prompt_and_maximum_length_come_along(tmp_path: Path, pooling: str) -> None:
    as_sentence_transformers(build_bert(tmp_path / "bert"), pooling)
    (head,) = tiny_heads(tmp_path, prompt="query : ", max_length=9)
    (folder,) = export_head(head, "sentence-transformers", tmp_path / "model", encoder=tmp_path / "bert")
    assert_equal(head, load(folder), tmp_path / "bert")


def test_a_causal_model_that_pads_on_the_left(tmp_path: Path) -> None:
    build_qwen(tmp_path / "bert")
    (head,) = tiny_heads(tmp_path, pooling="last", max_length=24)
    (folder,) = export_head(head, "sentence-transformers", tmp_path / "model", encoder=tmp_path / "bert")
    assert_equal(head, load(folder), tmp_path / "bert")


def test_what_is_not_nested_brings_its_code(tmp_path: Path) -> None:
    (head,) = tiny_heads(tmp_path, trunk="fractal")
    (folder,) = export_head(head, "sentence-transformers", encoder=tmp_path / "bert")
    model = load(folder, trust_remote_code=True)
    assert_equal(head, model, tmp_path / "bert", by="dimension")
    with pytest.raises(ValueError, match="dimension must be from 1 to 16, not 17"):
        model.encode(TEXTS, dimension=17)
    with pytest.raises(ValueError, match="trust_remote_code"):
        load(folder)
    card = (folder / "README.md").read_text()
    assert "trust_remote_code=True" in card
    assert "encode(texts, dimension=4" in card
    model.save(str(tmp_path / "again"), create_model_card=False)
    assert (tmp_path / "again" / "2_ExportedHead" / "head.pt2").is_file()


class Odd(LinearMap):
    """A method of somebody's own that is more than its base class says."""

    name = "odd"
    source = "this test"

    def solve(self, examples, settings):
        width = examples.input_dimension
        return np.eye(width, settings.dimension), np.zeros(settings.dimension)

    def embed(self, weights, features, _settings):
        embedding = torch.tanh(features @ weights["projection"])
        return embedding, embedding


class Untraceable(Odd):
    """One that decides by its numbers."""

    name = "untraceable"

    def embed(self, weights, features, settings):
        sign = 1 if float(features.sum()) > 0 else -1
        embedding = sign * (features @ weights["projection"])
        return embedding, embedding


def own_head(tmp_path: Path, monkeypatch, method):
    from fractalctl.heads import arms

    known = arms.strategies()
    monkeypatch.setattr(arms, "strategies", lambda: {**known, "own": arms.Strategy("own", method)})
    monkeypatch.setattr("fractalctl.experiments.training.strategies", arms.strategies)
    return tiny_heads(tmp_path, ["own"])[0]


def test_a_nested_map_that_is_no_stock_module_is_a_program(tmp_path: Path, monkeypatch) -> None:
    head = own_head(tmp_path, monkeypatch, Odd())
    assert head.nested
    assert head.method.layers(head.weights, head.settings), "what it has of its base class is not believed"
    assert stock_layers(head) is None
    (folder,) = export_head(head, "sentence-transformers", encoder=tmp_path / "bert")
    assert_equal(head, load(folder, trust_remote_code=True), tmp_path / "bert")


def test_a_map_that_cannot_be_written_down_is_refused(tmp_path: Path, monkeypatch) -> None:
    head = own_head(tmp_path, monkeypatch, Untraceable())
    with pytest.raises(FractalError, match="the map of method 'untraceable' cannot be exported"):
        export_head(head, "sentence-transformers", encoder=tmp_path / "bert")
    assert [path.name for path in head.folder.iterdir() if path.is_dir()] == [], "nothing is left behind"


def test_an_export_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    head, other = tiny_heads(tmp_path, ["v5", "lda"])
    target = tmp_path / "model"
    for one in (head, other):
        export_head(one, "sentence-transformers", target, encoder=tmp_path / "bert", argv=["again"])
        document = json.loads((target / "fractalctl.json").read_text())
        assert (document["head_identity"], document["argv"]) == (one.identity, ["again"])
    notes: list[str] = []
    for _ in range(2):
        export_head(head, "sentence-transformers", target, encoder=tmp_path / "bert", note=notes.append)
    assert notes == [
        f"{target}: sentence-transformers of the head {other.arm} (seed {other.seed}) has given way"
    ]
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.txt").write_text("mine")
    with pytest.raises(RequestError, match="is there and no export of this program"):
        export_head(head, "sentence-transformers", strange, encoder=tmp_path / "bert")
    with pytest.raises(RequestError, match="format 'onx' is not known"):
        export_head(head, "onx", tmp_path / "x", encoder=tmp_path / "bert")


def test_the_card_is_written_from_the_run(tmp_path: Path) -> None:
    from fractalctl import evaluate_heads
    from fractalctl.measures.protocols import Protocol

    head, pca = tiny_heads(tmp_path, ["v5", "pca"])
    plain = export_head(head, "sentence-transformers", tmp_path / "a", encoder=tmp_path / "bert")[0]
    assert "Nothing yet: `fractalctl evaluate` measures the head" in (plain / "README.md").read_text()
    store = FeatureStore(tmp_path / "store")
    evaluate_heads([head, pca], Protocol("index"), store)
    (folder,) = export_head(
        head, "sentence-transformers", tmp_path / "b", encoder=tmp_path / "bert", store=store.folder
    )
    card = (folder / "README.md").read_text()
    measured = json.loads((head.folder / "evaluation-index.json").read_text())
    cut, rival = measured["profile"]["truncated"], json.loads(
        (pca.folder / "evaluation-index.json").read_text()
    )  # fmt: skip
    for length in map(str, SMALL["dims"]):
        cells = [found[length][level] for found in (measured["accuracy"], cut, rival["accuracy"])
                 for level in ("L0", "L1")]  # fmt: skip
        assert f"| {length} | " + " | ".join(f"{100 * share:.1f}" for share in cells) + " |" in card
    low, high = measured["steerability"]["intervals"]["S"]
    assert f"[{low:.3f}, {high:.3f}]" in card
    for words in ("32 train rows, 32 test rows", "bert cut", "pca: L1", "truncate_dim=4", "fractalctl train"):
        assert words in card or words == "fractalctl train"
    assert "library_name: sentence-transformers" in card.split("---")[1]
