from pathlib import Path

import pytest

from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.spec import Dtype, Pooling, registered_backbones
from fractalctl.errors import RequestError, UnreachableError
from tests.backbones.models import as_repository, change, write


def test_a_registered_name_is_its_row() -> None:
    assert resolve_backbone("minilm") == registered_backbones()["minilm"]


def test_options_replace_what_the_row_says() -> None:
    spec = resolve_backbone("e5-small", pooling=Pooling.CLS, prompt="", max_length=64, dtype=Dtype.BFLOAT16)
    assert (spec.pooling, spec.prompt, spec.max_length, spec.dtype) == (Pooling.CLS, "", 64, Dtype.BFLOAT16)
    assert spec.name == "e5-small"
    assert spec.identity() != registered_backbones()["e5-small"].identity()


def test_options_may_be_words() -> None:
    assert resolve_backbone("minilm", pooling="cls", dtype="float16").pooling is Pooling.CLS
    with pytest.raises(RequestError, match="'max' is no pooling; there are cls, mean, last"):
        resolve_backbone("minilm", pooling="max")


def test_another_revision_has_other_weights() -> None:
    spec = resolve_backbone("minilm", revision="main")
    assert (spec.revision, spec.weights, spec.package) == ("main", None, None)
    same = registered_backbones()["minilm"]
    assert resolve_backbone("minilm", revision=same.revision) == same


@pytest.mark.parametrize("name", ["minlim", "cohere:embed", "openai"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(
        RequestError, match=r"registered are bge-small, e5-small, qwen3-0\.6b, minilm"
    ) as raised:
        resolve_backbone(name)
    assert ("did you mean 'minilm'?" in str(raised.value)) == (name == "minlim")


@pytest.mark.parametrize("name", ["./model", "BAAI/bge-small-en-v1.5"])
def test_a_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(
        RequestError, match=r"no such model folder \(a repository of the hub is called hub:owner/name\)"
    ):
        resolve_backbone(name)


def test_a_folder_is_known_by_its_content(bert: Path) -> None:
    spec = resolve_backbone(str(bert))
    assert (spec.name, spec.pooling, spec.max_length, spec.dimension) == ("bert", Pooling.MEAN, 24, 32)
    moved = bert.rename(bert.with_name("other"))
    assert resolve_backbone(str(moved)).identity() == spec.identity()
    change(moved / "sentence_bert_config.json", max_seq_length=16)
    assert resolve_backbone(str(moved)).identity() != spec.identity()


def test_a_pooling_is_never_guessed(plain_bert: Path) -> None:
    with pytest.raises(RequestError, match="does not say how to pool; add --pooling cls, mean or last"):
        resolve_backbone(str(plain_bert))
    assert resolve_backbone(str(plain_bert), pooling=Pooling.CLS).max_length == 32


def test_nor_is_a_maximum_length(bert: Path) -> None:
    change(bert / "config.json", max_position_embeddings=None)
    change(bert / "tokenizer_config.json", model_max_length=None)
    write(bert / "sentence_bert_config.json", {})
    with pytest.raises(RequestError, match="how many tokens it takes; add --max-length N"):
        resolve_backbone(str(bert))
    assert resolve_backbone(str(bert), max_length=8).max_length == 8


def test_a_folder_has_no_revision(bert: Path) -> None:
    with pytest.raises(RequestError, match="--revision is of repositories"):
        resolve_backbone(str(bert), revision="main")


@pytest.mark.parametrize("name", ["hub:owner", "hub:owner/", "hub:a/b/c"])
def test_a_malformed_repository(name: str) -> None:
    with pytest.raises(RequestError, match="expected hub:owner/name"):
        resolve_backbone(name)


def test_two_revisions_contradict_each_other() -> None:
    with pytest.raises(RequestError, match="name two revisions"):
        resolve_backbone("hub:owner/tiny@one", revision="two")


@pytest.mark.parametrize("name", ["hub:owner/tiny", "hub:owner/tiny@main", f"hub:owner/tiny@{'a' * 40}"])
def test_a_cached_repository_is_pinned_to_its_commit(hub_cache: Path, bert: Path, name: str) -> None:
    as_repository(hub_cache, bert)
    spec = resolve_backbone(name)
    assert (spec.name, spec.hub, spec.revision) == ("owner--tiny", "owner/tiny", "a" * 40)
    assert (spec.pooling, spec.max_length) == (Pooling.MEAN, 24)
    assert spec.identity() == resolve_backbone("hub:owner/tiny", offline=True).identity()


def test_a_cached_plain_repository_needs_a_pooling(hub_cache: Path, plain_bert: Path) -> None:
    as_repository(hub_cache, plain_bert)
    with pytest.raises(RequestError, match="hub:owner/tiny: a plain transformers model"):
        resolve_backbone("hub:owner/tiny")
    assert resolve_backbone("hub:owner/tiny", pooling=Pooling.LAST).pooling is Pooling.LAST


def test_a_repository_that_is_nowhere(hub_cache: Path) -> None:
    with pytest.raises(
        UnreachableError, match=r"the backbone hub:owner/tiny cannot be had .*no network in tests"
    ):
        resolve_backbone("hub:owner/tiny")
