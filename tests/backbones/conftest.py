"""Models for the tests of backbones."""

import shutil
from pathlib import Path

import pytest

from tests.backbones.models import as_sentence_transformers, build_bert, build_qwen


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
