"""What ONNX Runtime makes of exported graphs is what backbone and head make of texts."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fractalctl.errors import FractalError
from fractalctl.experiments.embedding import Embedder
from fractalctl.experiments.exporting import export_head
from tests.backbones.models import TEXTS, as_sentence_transformers, build_bert
from tests.tiny import tiny_heads

pytestmark = pytest.mark.skipif(
    find_spec("onnx") is None or find_spec("onnxruntime") is None, reason="the extra onnx is not installed"
)


def run(path: Path, **given):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def tokens(folder: Path, texts: list[str], max_length: int) -> dict[str, np.ndarray]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(max_length)
    tokenizer.enable_padding(direction="right")
    found = tokenizer.encode_batch(texts)
    return {
        "input_ids": np.array([one.ids for one in found]),
        "attention_mask": np.array([one.attention_mask for one in found]),
    }


@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens", "lasttoken"])
@pytest.mark.parametrize("trunk", ["linear", "mlp", "fractal"])
def test_both_graphs_give_the_embeddings(tmp_path: Path, trunk: str, pooling: str) -> None:
    as_sentence_transformers(build_bert(tmp_path / "bert"), pooling)
    (head,) = tiny_heads(tmp_path, trunk=trunk, max_length=7)
    whole, alone = export_head(head, "onnx", tmp_path / "onnx", encoder=tmp_path / "bert")
    embedder = Embedder.load(head.folder, encoder=tmp_path / "bert", device="cpu")
    features = embedder.backbone.encode(TEXTS)
    expected = head.prefixes(features)
    for texts in (TEXTS, TEXTS[:1]):
        by_tokens = run(whole, **tokens(whole.parent, texts, 7))
        by_features = run(alone, features=features[: len(texts)])
        for found in (by_tokens, by_features):
            assert set(found) == ({"sentence_embedding"} if head.nested else {"blocks", "sentence_embedding"})
            blocks = found["sentence_embedding" if head.nested else "blocks"]
            assert blocks == pytest.approx(expected.blocks[: len(texts)], abs=1e-4)
            assert found["sentence_embedding"] == pytest.approx(expected.full[: len(texts)], abs=1e-4)


@pytest.mark.parametrize("trunk", ["linear", "fractal"])
def test_the_page_says_how_and_its_example_runs(tmp_path: Path, trunk: str) -> None:
    (head,) = tiny_heads(tmp_path, trunk=trunk, prompt="query : ", max_length=9)
    export_head(head, "onnx", tmp_path / "onnx", encoder=tmp_path / "bert")
    page = (tmp_path / "onnx" / "README.md").read_text()
    (code,) = re.findall("```python\n(.*?)```", page, re.DOTALL)
    texts = [text.removeprefix("query : ") for text in re.findall('"(query : [^"]*)"', code)]
    assert len(texts) == 2
    code += "\nprint(short.tolist())\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "onnx", capture_output=True, text=True, check=True
    )
    embedder = Embedder.load(head.folder, encoder=tmp_path / "bert", device="cpu")
    assert np.array(eval(done.stdout)) == pytest.approx(embedder.encode(texts, 4), abs=1e-5)


def test_a_graph_that_gives_something_else_is_refused(tmp_path: Path, monkeypatch) -> None:
    from fractalctl.export.formats import onnx

    (head,) = tiny_heads(tmp_path)
    wrong = SimpleNamespace(run=lambda _, given: [np.ones((len(next(iter(given.values()))), 16), "f4")])
    monkeypatch.setattr(onnx, "open_graph", lambda _: wrong)
    with pytest.raises(FractalError, match="gives other embeddings than PyTorch"):
        export_head(head, "onnx", tmp_path / "onnx", encoder=tmp_path / "bert")
    assert not (tmp_path / "onnx").exists()
