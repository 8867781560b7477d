"""Models for the tests of backbones."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fractalctl.corpora.request import CorpusRequest
from tests.backbones.models import as_sentence_transformers, build_bert, build_qwen
from tests.backbones.servers import KEY, FaultyServer, serving
from tests.backbones.tables import write_table


@pytest.fixture(scope="session")
def plain_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain transformers folder; not to be changed."""
    return build_bert(tmp_path_factory.mktemp("plain") / "bert")


@pytest.fixture
def bert(plain_bert: Path, tmp_path: Path) -> Path:
    """A sentence-transformers folder that pools by mean; a copy to play with."""
    return as_sentence_transformers(Path(shutil.copytree(plain_bert, tmp_path / "bert")), "mean_tokens")


@pytest.fixture(scope="session")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder of a causal model that pools by last token; not to be changed."""
    return as_sentence_transformers(build_qwen(tmp_path_factory.mktemp("causal") / "qwen"), "lasttoken")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and a hub that cannot be reached."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("fractalctl.backbones.locate.why_unreachable", lambda: "no network in tests")
    return tmp_path / "hub"


@pytest.fixture
def table(tmp_path: Path) -> CorpusRequest:
    """A small corpus."""
    return CorpusRequest(str(write_table(tmp_path / "talk.csv", 40, 12)))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A server that both clients are pointed at, and clients that do not wait for long."""
    with serving() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.address}/v1")
        monkeypatch.setenv("OLLAMA_HOST", server.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OLLAMA_API_KEY", KEY)
        monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
        monkeypatch.setattr("fractalctl.backbones.services.clients.RETRIES", 2)
        monkeypatch.setattr("fractalctl.backbones.services.ollama.ATTEMPTS", 3)
        monkeypatch.setattr("fractalctl.backbones.services.ollama.LONGEST_WAIT", 0.02)
        monkeypatch.setattr("fractalctl.backbones.services.backbone.TEXTS_PER_REQUEST", 4)
        yield server
