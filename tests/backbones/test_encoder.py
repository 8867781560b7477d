"""Features against a loop over single texts and against sentence-transformers."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from fractalctl.backbones import encoder
from fractalctl.backbones.encoder import Backbone, load_backbone
from fractalctl.backbones.locate import locate
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.spec import Dtype, Pooling, registered_backbones
from fractalctl.errors import FractalError, RequestError
from tests.backbones.models import TEXTS, as_sentence_transformers, build_bert, change, write

REAL_TEXTS = [
    "what is my balance",
    "I would like to know how much money there is on the account that I opened last spring, please",
    "set a timer",
    "will it rain in Paris tomorrow?",
    "word " * 300,
    "naïve café — 東京",
    "",
]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few tokens that the texts of a test make several batches, some of them padded."""
    monkeypatch.setattr(encoder, "PROCESSOR_TOKENS", 24)


def one_by_one(
    folder: Path, texts: list[str], pooling: Pooling, prompt: str = "", max_length: int = 24
) -> np.ndarray:
    """Pooled states of one text at a time, without batches and padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in texts:
        ids = tokenizer(prompt + text, truncation=True, max_length=max_length, return_tensors="pt")[
            "input_ids"
        ]
        with torch.no_grad():
            states = model(input_ids=ids).last_hidden_state[0]
        pooled = {Pooling.CLS: states[0], Pooling.LAST: states[-1], Pooling.MEAN: states.mean(0)}
        rows.append(pooled[pooling].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("prompt", ["", "query: "])
def test_a_batch_is_like_one_text_at_a_time(plain_bert: Path, pooling: Pooling, prompt: str) -> None:
    spec = resolve_backbone(str(plain_bert), pooling=pooling, prompt=prompt, max_length=24)
    features = load_backbone(spec, device="cpu").encode(TEXTS)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, one_by_one(plain_bert, TEXTS, pooling, prompt), atol=1e-5)


@pytest.mark.parametrize("pooling", Pooling)
def test_so_it_is_with_a_causal_model(qwen: Path, pooling: Pooling) -> None:
    features = load_backbone(resolve_backbone(str(qwen), pooling=pooling), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(features, one_by_one(qwen, TEXTS, pooling), atol=1e-5)


@pytest.mark.parametrize("name", ["minilm", "causal", "cls"])
def test_features_are_those_of_sentence_transformers(name: str, qwen: Path, bert: Path) -> None:
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    folders = {"causal": qwen, "cls": as_sentence_transformers(bert, "cls_token"), "minilm": minilm_folder()}
    texts = REAL_TEXTS if name == "minilm" else TEXTS
    backbone = load_backbone("minilm" if name == "minilm" else str(folders[name]), device="cpu")
    peer = library.SentenceTransformer(str(folders[name]), device="cpu")
    normalised = peer.encode(texts, batch_size=3)
    del peer[2]  # its last module is Normalize
    raw = peer.encode(texts, batch_size=3)
    features = backbone.encode(texts)
    np.testing.assert_allclose(features, raw, atol=1e-5)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(features / lengths, normalised, atol=1e-5)
    assert abs(lengths - 1).min() > 0.01, "features are kept as they are before normalisation"


def minilm_folder() -> Path:
    """The folder of the packaged weights; skips where they are not installed."""
    spec = registered_backbones()["minilm"]
    if find_spec(str(spec.package)) is None:
        pytest.skip("the extra minilm is not installed")
    return locate(spec, offline=True)


@pytest.fixture(scope="module")
def backbone(plain_bert: Path) -> Backbone:
    """A small backbone that pools by mean."""
    return load_backbone(resolve_backbone(str(plain_bert), pooling=Pooling.MEAN), device="cpu")


def test_the_same_call_gives_the_same_bytes_whatever_the_number_of_cores(backbone: Backbone) -> None:
    n_threads = torch.get_num_threads()
    outcomes = set()
    try:
        for threads in (1, 2, 3, 2, 1):
            torch.set_num_threads(threads)
            outcomes.add(backbone.encode(TEXTS * 3).tobytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(n_threads)
    assert len(outcomes) == 1


def test_a_feature_does_not_depend_on_the_other_texts(backbone: Backbone) -> None:
    together = backbone.encode(TEXTS)
    np.testing.assert_allclose(backbone.encode(TEXTS[::-1])[::-1], together, atol=1e-5)
    np.testing.assert_allclose(backbone.encode(TEXTS[3:5]), together[3:5], atol=1e-5)


def test_repeated_texts_are_encoded_once(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    forward = backbone._forward
    monkeypatch.setattr(
        backbone, "_forward", lambda tokens: (encoded.append(len(tokens)), forward(tokens))[1]
    )
    finished: list[int] = []
    features = backbone.encode(["nine", "the card", "nine", "nine"], finished.append)
    assert sum(encoded) == 2
    assert sum(finished) == 4
    assert (features[0] == features[2]).all()
    assert (features[0] == features[3]).all()
    assert not (features[0] == features[1]).all()


def test_no_texts_have_no_features(backbone: Backbone) -> None:
    assert backbone.encode([]).shape == (0, 32)


def test_longer_texts_are_cut(backbone: Backbone) -> None:
    words = "one two three four five six seven eight nine " * 5
    np.testing.assert_array_equal(backbone.encode([words]), backbone.encode([words + "bank"]))


@pytest.mark.parametrize("dtype", [Dtype.BFLOAT16, Dtype.FLOAT16])
def test_half_precision_computes_about_the_same_features(
    plain_bert: Path, backbone: Backbone, dtype: Dtype
) -> None:
    spec = resolve_backbone(str(plain_bert), pooling=Pooling.MEAN, dtype=dtype)
    features, exact = load_backbone(spec, device="cpu").encode(TEXTS), backbone.encode(TEXTS)
    assert features.dtype == np.float32
    cosines = (features * exact).sum(1) / np.linalg.norm(features, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosines.min() > 0.99
    assert not np.array_equal(features, exact)


def test_a_text_without_tokens_is_named(plain_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = resolve_backbone(str(plain_bert), pooling=Pooling.MEAN)
    backbone = load_backbone(spec, device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(plain_bert)
    monkeypatch.setattr(
        backbone, "_tokenizer", lambda texts, **options: tokenizer(texts, add_special_tokens=False, **options)
    )
    with pytest.raises(RequestError, match="the text '' has no tokens for bert; leave it out"):
        backbone.encode(["nine", ""])


def test_an_error_in_a_worker_comes_out(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(backbone, "_forward", fails)
    with pytest.raises(MemoryError, match="too large"):
        backbone.encode(TEXTS)


def test_what_loading_shows_is_recorded(bert: Path) -> None:
    observed = load_backbone(str(bert), device="cpu").observed
    assert list(observed["weights"]) == ["model.safetensors"]
    assert (observed["normalises"], observed["device"]) == (True, "cpu")
    assert set(observed["versions"]) == {"torch", "transformers", "tokenizers"}


def test_changed_weights_are_refused(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fractalctl.backbones.encoder.locate", lambda *_, **__: bert)
    with pytest.raises(
        FractalError, match="minilm are not the registered ones: expected SHA-256 53aa51172d14"
    ):
        load_backbone("minilm")


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        (
            "e5-small",
            "cls_token",
            "pools by cls, but e5-small is registered with mean; the repository has changed",
        ),
        ("e5-small", "mean_tokens", "gives 32 numbers, but e5-small is registered with 384"),
    ],
)
def test_a_registered_backbone_must_be_what_its_row_says(
    bert: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: str, message: str
) -> None:
    monkeypatch.setattr(
        "fractalctl.backbones.encoder.locate", lambda *_, **__: as_sentence_transformers(bert, mode)
    )
    with pytest.raises(FractalError, match=message):
        load_backbone(name)


def test_a_maximum_length_beyond_the_model(bert: Path) -> None:
    with pytest.raises(RequestError, match="bert takes at most 32 tokens; --max-length 33 is too long"):
        load_backbone(resolve_backbone(str(bert), max_length=33))


def test_missing_weights_are_not_drawn_at_random(bert: Path, tmp_path: Path) -> None:
    deeper = build_bert(tmp_path / "deeper", num_hidden_layers=3)
    (bert / "model.safetensors").rename(deeper / "model.safetensors")
    with pytest.raises(RequestError, match=r"16 parameters are missing, the first is encoder\.layer\.2\."):
        load_backbone(resolve_backbone(str(deeper), pooling=Pooling.MEAN))


def test_an_architecture_that_transformers_does_not_know(bert: Path) -> None:
    change(bert / "config.json", model_type="tomorrow")
    with pytest.raises(RequestError, match=r"transformers [\d.]+ cannot load the model"):
        load_backbone(str(bert))


def test_code_of_a_repository_is_never_run(bert: Path) -> None:
    (bert / "model.py").write_text("raise RuntimeError('run')")
    change(bert / "config.json", auto_map={"AutoConfig": "model.Config", "AutoModel": "model.Model"})
    assert load_backbone(str(bert), device="cpu").dimension == 32
    change(bert / "config.json", model_type="tomorrow")
    with pytest.raises(RequestError, match="cannot load the model"):
        load_backbone(str(bert))


def test_the_registered_nomic_is_an_architecture_of_transformers(bert: Path) -> None:
    """Its repository brings code of its own and a configuration in the words of GPT-2; neither is needed."""
    from transformers import AutoConfig

    configuration = {"model_type": "nomic_bert", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": 3072}
    own_code = {"AutoConfig": "nomic-ai/nomic-bert-2048--configuration_hf_nomic_bert.NomicBertConfig"}
    (bert / "config.json").unlink()
    write(bert / "config.json", {**configuration, "rotary_emb_base": 1000, "auto_map": own_code})
    config = AutoConfig.from_pretrained(bert, trust_remote_code=False, local_files_only=True)
    assert (config.hidden_size, config.num_hidden_layers, config.intermediate_size) == (768, 12, 3072)
    assert config.hidden_act == "silu"
