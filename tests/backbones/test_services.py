"""Backbones that are services, against a server on this machine that fails in all the usual ways."""

import traceback
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.featurize import featurize, recipe_for
from fractalctl.backbones.resolve import recorded_backbone, resolve_backbone
from fractalctl.backbones.services import backbone as library
from fractalctl.backbones.services.backbone import ServiceBackbone, requests_of
from fractalctl.backbones.services.spec import Estimate, dollars, is_here, known_models
from fractalctl.cli import build_app
from fractalctl.errors import FractalError, RequestError, UnreachableError
from fractalctl.executors import Executor
from store import Answers, FeatureStore
from tests.backbones.servers import DIGEST, DIMENSION, KEY, FaultyServer, vector
from tests.backbones.tables import table_of, texts_of

pytest.importorskip("openai", reason="the extra remote is not installed")
pytest.importorskip("ollama", reason="the extra remote is not installed")

NAMES = ("openai:words", "ollama:words")


def be_impatient(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Give up on a silent server soon."""
    for place in ("clients.OPENAI_TIMEOUT", "ollama.TIMEOUT"):
        monkeypatch.setattr(f"fractalctl.backbones.services.{place}", seconds)


@pytest.mark.parametrize("name", NAMES)
def test_features_are_what_the_service_says(name: str, server: FaultyServer) -> None:
    texts = [*texts_of(9), "ünï", "text number 3"]
    encoder = load_backbone(resolve_backbone(name, prompt="query: "))
    found = encoder.encode(texts)
    np.testing.assert_array_equal(found, [vector(f"query: {text}") for text in texts])
    assert (found.dtype, encoder.dimension) == (np.float32, DIMENSION)
    assert server.texts.count("query: text number 3") == 1, "a text that stands twice is sent once"
    assert max(map(len, server.asked)) == 4
    assert load_backbone(resolve_backbone(name)).encode([]).shape == (0, DIMENSION)


@pytest.mark.parametrize("name", NAMES)
def test_dimensions_are_passed_on(name: str, server: FaultyServer) -> None:
    spec = resolve_backbone(name, dimensions=3)
    assert spec.name == f"{name.replace(':', '-')}-3"
    np.testing.assert_array_equal(load_backbone(spec).encode(["a b"]), [vector("a b", 3)])
    assert server.dimensions == 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("faults", ["429 429", "500 500", "cut half", "silent"])
def test_what_may_pass_is_asked_again(
    name: str, faults: str, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if faults == "silent":
        be_impatient(monkeypatch, 1)
    spec = resolve_backbone(name, dimensions=DIMENSION)
    server.faults.extend(faults.split())
    np.testing.assert_array_equal(load_backbone(spec).encode(["a"]), [vector("a")])
    assert server.requests == 1 + len(faults.split())


FAILURES = {
    "429": (FractalError, "limits the rate|slow down"),
    "500": (FractalError, "fails|something broke"),
    "cut": (UnreachableError, "in a row"),
    "half": (UnreachableError, "in a row"),
    "silent": (UnreachableError, "in a row"),
    "401": (RequestError, "refuses the key|incorrect key"),
    "404": (RequestError, "no model"),
    "400": (RequestError, "too many tokens"),
    "html": (FractalError, "answers no list of vectors"),
    "short": (FractalError, "answers 4 texts with 3 vectors of 8 numbers, expected 8"),
    "wrong size": (FractalError, "answers 4 texts with 4 vectors of 7 or 8 numbers, expected 8"),
    "nan": (FractalError, "'text number 0' with numbers that are not finite"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", FAILURES)
def test_what_does_not_pass_is_one_message_without_the_key(
    name: str, fault: str, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = resolve_backbone(name, dimensions=DIMENSION)
    if fault == "silent":
        be_impatient(monkeypatch, 0.1)
    server.faults.extend([fault] * 3)
    kind, words = FAILURES[fault]
    with pytest.raises(kind, match=words) as raised:
        load_backbone(spec).encode(texts_of(4))
    assert KEY not in "".join(traceback.format_exception(raised.value)), "--verbose shows this"
    assert all(said == f"Bearer {KEY}" for said in server.authorisations)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_paid_for_twice(
    name: str, server: FaultyServer, store: FeatureStore, tmp_path: Path
) -> None:
    """A run that fails in the middle, its repetition, and a new export cost each text once."""
    texts = [*texts_of(20), *texts_of(4)]
    request, spec = table_of(tmp_path / "talk.csv", texts), resolve_backbone(name, dimensions=DIMENSION)
    server.faults.extend(["good", "good", "nan"])
    with pytest.raises(FractalError, match="not finite"):
        featurize(request, spec, store)
    paid = len(server.texts)
    assert 0 < paid < 20

    features = featurize(request, spec, store)
    assert sorted(server.texts) == sorted(texts_of(20))
    for split in features.splits:
        np.testing.assert_array_equal(features.features(split), list(map(vector, features.texts(split))))

    store.remove(features.path)
    notes: list[str] = []
    anew = table_of(tmp_path / "new.csv", [*texts[:7], "one more"])
    again = featurize(anew, spec, store, note=notes.append)
    assert server.texts[20:] == ["one more"]
    assert f"1 texts go to {name}: about 2 tokens" in notes
    np.testing.assert_array_equal(again.features("train"), list(map(vector, again.texts("train"))))
    store.remove(again.path)
    whole = featurize(request, spec, FeatureStore(tmp_path / "other"))
    assert whole.path.read_bytes() == featurize(request, spec, store).path.read_bytes()


def test_what_is_under_way_when_somebody_interrupts_is_kept(server: FaultyServer, tmp_path: Path) -> None:
    encoder = ServiceBackbone(resolve_backbone("openai:words"), Answers(tmp_path / "answers.sqlite"))

    def interrupt(n_texts: int) -> None:
        if n_texts:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        encoder.encode(texts_of(32), interrupt)
    assert raised.value and len(Answers(tmp_path / "answers.sqlite")) == len(server.texts) > 4
    np.testing.assert_array_equal(encoder.encode(texts_of(32)), list(map(vector, texts_of(32))))
    assert sorted(server.texts) == sorted(["dimension", *texts_of(32)])


def test_a_second_call_asks_nobody(
    server: FaultyServer, store: FeatureStore, tmp_path: Path, monkeypatch
) -> None:
    request = table_of(tmp_path / "talk.csv", texts_of(10))
    made = featurize(request, "openai:words", store)
    monkeypatch.delenv("OPENAI_API_KEY")
    count, content = server.requests, made.path.read_bytes()
    assert featurize(request, "openai:words", store).path == made.path
    assert server.requests == count
    assert made.recipe["backbone"]["identity"]["endpoint"] == f"{server.address}/v1"
    assert recorded_backbone(made) == resolve_backbone("openai:words")
    store.remove(made.path)
    again = featurize(request, "openai:words", store)
    assert (server.requests, again.path.read_bytes()) == (count, content), "every answer was kept"
    refused = CliRunner().invoke(build_app(["ablate"]), ["ablate", str(made.path), "--axis", "backbone"])
    assert refused.exit_code == 2
    assert (
        "training the last --layers needs the encoder's weights, and those of openai:words" in refused.stderr
    )
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(RequestError, match="set OPENAI_BASE_URL"):
        recorded_backbone(made)
    with pytest.raises(RequestError, match="--encoder names a folder"):
        recorded_backbone(made, tmp_path)


def test_a_model_of_ollama_is_known_by_its_digest(
    server: FaultyServer, store: FeatureStore, tmp_path: Path
) -> None:
    request = table_of(tmp_path / "talk.csv", texts_of(10))
    features = featurize(request, "ollama:words", store)
    assert features.recipe["backbone"]["identity"]["digest"] == DIGEST
    assert resolve_backbone("ollama:words", revision=DIGEST[:12]) == recorded_backbone(features)
    with pytest.raises(RequestError, match=f"--revision abc: ollama:words has the digest {DIGEST}"):
        resolve_backbone("ollama:words", revision="abc")
    with pytest.raises(RequestError, match=r"no model 'other' \(there is words:latest\).*ollama pull other"):
        resolve_backbone("ollama:other")
    server.digest = "b2" * 32
    assert featurize(request, "ollama:words", store).path != features.path
    with pytest.raises(RequestError, match=r"another model now: its digest is b2b2b2.*expected a1a1a1"):
        load_backbone(recorded_backbone(features)).encode(["a"])


def test_without_a_server_or_a_key_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setattr("fractalctl.backbones.services.ollama.LONGEST_WAIT", 0.01)
    with pytest.raises(UnreachableError, match=r"ollama serve.*OLLAMA_HOST"):
        resolve_backbone("ollama:words")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    spec = resolve_backbone("openai:text-embedding-3-small")
    with pytest.raises(RequestError, match="set the environment variable OPENAI_API_KEY"):
        load_backbone(spec).encode(["a"])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-broken\nline")
    with pytest.raises(RequestError, match="OPENAI_API_KEY holds blanks") as raised:
        load_backbone(spec).encode(["a"])
    assert "broken" not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(UnreachableError, match="--offline rules out"):
        load_backbone(spec, offline=True).encode(["a"])
    monkeypatch.setenv("OPENAI_BASE_URL", f"https://me:{KEY}@proxy.example/v1/?key={KEY}")
    assert resolve_backbone("openai:words").endpoint == "https://proxy.example/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", KEY)
    with pytest.raises(RequestError, match="OPENAI_BASE_URL is no address") as raised:
        resolve_backbone("openai:words")
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pooling": "cls"}, "--pooling does not go with openai:words: a service pools by itself"),
        ({"max_length": 9}, "--max-length does not go"),
        ({"dtype": "bfloat16"}, "--dtype does not go"),
        ({"engine": "onnx"}, "--engine does not go"),
        ({"revision": "main"}, "--revision is of models with versions"),
    ],
)
def test_settings_of_models_that_are_here_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        resolve_backbone("openai:words", **settings)


def test_what_goes_with_no_service_and_what_with_nothing_else(
    server: FaultyServer, store: FeatureStore, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match="expected openai:MODEL, such as openai:text-embedding-3-small"):
        resolve_backbone("openai:")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENAI_BASE_URL")
        with pytest.raises(RequestError, match=r"--dimensions 5000: .* gives at most 1536"):
            resolve_backbone("openai:text-embedding-3-small", dimensions=5000)
    with pytest.raises(RequestError, match="--dimensions is of services"):
        resolve_backbone("minilm", dimensions=8)
    request = table_of(tmp_path / "talk.csv", texts_of(10))
    with pytest.raises(RequestError, match="--executor does not go with openai:words"):
        featurize(request, "openai:words", store, executor=Executor(n_workers=1))
    with pytest.raises(RequestError, match="one text is empty"):
        load_backbone("openai:words").encode(["a", ""])
    assert server.requests == 0
    load_backbone(resolve_backbone("openai:words", prompt="text: ")).encode([""])


def test_requests_are_bounded_in_texts_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "TEXTS_PER_REQUEST", 3)
    monkeypatch.setattr(library, "BYTES_PER_REQUEST", 10)
    texts = ["aa", "bb", "cc", "dd", "e" * 30, "üüü", "ffff", "g"]
    found = list(requests_of(texts))
    assert found == [["aa", "bb", "cc"], ["dd"], ["e" * 30], ["üüü", "ffff"], ["g"]]
    assert list(requests_of(["aa", "bb"], 8)) == [["aa"], ["bb"]]


def test_an_estimate_says_what_it_will_cost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    encoder = ServiceBackbone(
        resolve_backbone("openai:text-embedding-3-large"), Answers(tmp_path / "a.sqlite")
    )
    assert encoder.dimension == 3072
    found = encoder.estimate(["x" * 399, "x" * 399, "y"])
    assert found == Estimate(
        "openai:text-embedding-3-large", 2, 400, known_models()["openai"]["text-embedding-3-large"].price
    )
    assert (found.tokens, found.free) == (100, False)
    assert str(found).endswith(
        "2 texts go to openai:text-embedding-3-large: about 100 tokens, less than $0.0001 or so"
    )
    assert [dollars(amount) for amount in (1_234_567, 12_345, 160, 3)] == [
        "$1.23",
        "$0.0123",
        "$0.0002",
        "less than $0.0001",
    ]
    assert "price that is not known" in str(Estimate("m", 1, 1, None))
    assert [
        is_here(where)
        for where in ("http://127.0.0.1:1/v1", "localhost:11434", "[::1]:1", "0.0.0.0", "a.example")
    ] == [True, True, True, True, False]


def test_a_recipe_needs_no_answer_from_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    spec = resolve_backbone("openai:text-embedding-3-small", dimensions=512)
    recipe = recipe_for(table_of(tmp_path / "talk.csv", texts_of(10)), spec)
    assert recipe.backbone == "openai-text-embedding-3-small-512"
    assert recipe.backbone_identity == {
        "service": "openai", "model": "text-embedding-3-small", "dimensions": 512, "prompt": "",
    }  # fmt: skip
