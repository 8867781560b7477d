import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.locate import OFFLINE_SWITCHES, go_offline, locate
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.spec import registered_backbones
from fractalctl.errors import RequestError, UnreachableError
from tests.backbones.models import TEXTS, as_repository


def test_a_cached_repository_is_loaded_without_the_network(hub_cache: Path, bert: Path) -> None:
    snapshot = as_repository(hub_cache, bert)
    spec = resolve_backbone("hub:owner/tiny", offline=True)
    assert locate(spec, offline=True) == snapshot
    cached = load_backbone(spec, device="cpu", offline=True)
    folder = load_backbone(str(bert), device="cpu")
    assert cached.encode(TEXTS).tobytes() == folder.encode(TEXTS).tobytes()


@pytest.mark.parametrize("names", [["model.safetensors"], ["tokenizer.json", "tokenizer_config.json"]])
def test_a_half_cached_repository_is_not_there(hub_cache: Path, bert: Path, names: list[str]) -> None:
    snapshot = as_repository(hub_cache, bert)
    for name in names:
        (snapshot / name).unlink()
    with pytest.raises(UnreachableError, match=r"nor from the local cache .*\nThree ways on:"):
        locate(resolve_backbone("hub:owner/tiny"))


@pytest.mark.parametrize("offline", [True, False])
def test_what_cannot_be_reached_names_the_ways_on(hub_cache: Path, offline: bool) -> None:
    with pytest.raises(UnreachableError) as raised:
        locate(registered_backbones()["bge-small"], offline=offline)
    message = str(raised.value)
    reason = "--offline" if offline else "no network in tests"
    assert message.startswith(
        "the backbone bge-small (BAAI/bge-small-en-v1.5 at 5c38ec7c405e) cannot be had from"
    )
    assert f"({reason})" in message
    assert all(way in message for way in ("--backbone FOLDER", "--backbone minilm", "HF_HOME"))


@pytest.fixture
def reachable(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A hub that answers; what it answers is for the test to say."""
    monkeypatch.setattr("fractalctl.backbones.locate.why_unreachable", lambda: None)
    return monkeypatch


def test_a_repository_is_fetched_in_two_steps(
    reachable: pytest.MonkeyPatch, hub_cache: Path, bert: Path
) -> None:
    calls: list[dict[str, Any]] = []

    def download(repository: str, **options: Any) -> str:
        calls.append({"repository": repository, **options})
        return str(bert)

    reachable.setattr("huggingface_hub.snapshot_download", download)
    spec = resolve_backbone("hub:owner/tiny@v1")
    assert locate(spec) == bert
    small, all_of_it = calls
    assert (small["repository"], small["revision"], small["allow_patterns"]) == (
        "owner/tiny",
        "v1",
        ["*.json"],
    )
    assert "*.safetensors" in all_of_it["allow_patterns"]
    assert "onnx/*" in all_of_it["ignore_patterns"]
    assert all_of_it["revision"] == bert.name


def _refusal(kind: str) -> Exception:
    import httpx2
    from huggingface_hub import errors

    response = httpx2.Response(404, request=httpx2.Request("GET", "https://huggingface.co"))
    return {
        "revision": errors.RevisionNotFoundError("no", response=response),
        "repository": errors.RepositoryNotFoundError("no", response=response),
        "network": errors.LocalEntryNotFoundError("the line broke\nand more"),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("revision", RequestError, "owner/tiny on .* has no revision v1"),
        ("repository", RequestError, "has no model owner/tiny, or not for you"),
        ("network", UnreachableError, r"cannot be had from .* \(the line broke\)"),
    ],
)
def test_what_the_hub_refuses(
    reachable: pytest.MonkeyPatch, kind: str, error: type[Exception], message: str
) -> None:
    def download(*_: Any, **__: Any) -> str:
        raise _refusal(kind)

    reachable.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(error, match=message):
        resolve_backbone("hub:owner/tiny@v1")


def test_a_package_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "weights_in_a_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    spec = replace(registered_backbones()["minilm"], package=package.name)
    assert locate(spec, offline=True) == package / "model"
    assert package.name not in sys.modules


def test_offline_is_told_to_all_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for switch in OFFLINE_SWITCHES:
        monkeypatch.delenv(switch, raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    go_offline()
    assert {switch: os.environ[switch] for switch in OFFLINE_SWITCHES} == dict.fromkeys(OFFLINE_SWITCHES, "1")
