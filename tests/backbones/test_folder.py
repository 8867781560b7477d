from pathlib import Path

import pytest

from fractalctl.backbones.folder import describe, fingerprint, weight_files
from fractalctl.backbones.spec import Pooling
from fractalctl.errors import RequestError
from tests.backbones.models import as_sentence_transformers, change, write


def test_a_plain_folder_does_not_say_how_to_pool(plain_bert: Path) -> None:
    said = describe(plain_bert)
    assert (said.transformer, said.dimension, said.limit) == (plain_bert, 32, 32)
    assert (said.pooling, said.max_length, said.prompt, said.normalises) == (None, None, "", False)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize(
    ("mode", "pooling"),
    [("cls_token", Pooling.CLS), ("mean_tokens", Pooling.MEAN), ("lasttoken", Pooling.LAST)],
)
def test_the_layout_of_sentence_transformers_2(
    bert: Path, mode: str, pooling: Pooling, normalise: bool
) -> None:
    said = describe(as_sentence_transformers(bert, mode, normalise=normalise))
    assert (said.pooling, said.max_length, said.normalises) == (pooling, 24, normalise)


def test_the_layout_of_the_installed_sentence_transformers(bert: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    library.SentenceTransformer(str(bert), device="cpu").save(str(tmp_path / "saved"))
    said = describe(tmp_path / "saved")
    assert (said.pooling, said.max_length or said.limit, said.normalises) == (Pooling.MEAN, 24, True)


def test_the_layout_with_the_transformer_in_a_folder_of_its_own(bert: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    bert.rename(tmp_path / "0_Transformer")
    old.mkdir()
    (tmp_path / "0_Transformer").rename(old / "0_Transformer")
    for name in ("modules.json", "1_Pooling"):
        (old / "0_Transformer" / name).rename(old / name)
    modules = [
        {"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    write(old / "modules.json", modules)
    said = describe(old)
    assert said.transformer == old / "0_Transformer"
    assert (said.pooling, said.max_length) == (Pooling.MEAN, 24)


@pytest.mark.parametrize(
    ("default", "prompt"),
    [("query", "find: "), (None, ""), ("document", "")],
    ids=["named", "none", "absent"],
)
def test_only_the_default_prompt_is_used(bert: Path, default: str | None, prompt: str) -> None:
    path = bert / "config_sentence_transformers.json"
    write(path, {"prompts": {"query": "find: "}, "default_prompt_name": default})
    assert describe(bert).prompt == prompt


def test_the_limit_is_the_smaller_of_model_and_tokenizer(bert: Path) -> None:
    change(bert / "tokenizer_config.json", model_max_length=20)
    assert describe(bert).limit == 20
    change(bert / "tokenizer_config.json", model_max_length=1e30)
    assert describe(bert).limit == 32
    change(bert / "config.json", max_position_embeddings=None)
    assert describe(bert).limit is None


def test_a_configuration_in_the_words_of_gpt_2(bert: Path) -> None:
    write(bert / "config.json", {"model_type": "nomic_bert", "n_embd": 768, "n_positions": 8192})
    change(bert / "tokenizer_config.json", model_max_length=8192)
    said = describe(bert)
    assert (said.dimension, said.limit) == (768, 8192)


def _dense(folder: Path) -> None:
    kinds = ("Transformer", "Pooling", "Dense")
    write(
        folder / "modules.json",
        [{"path": "", "type": f"sentence_transformers.models.{kind}"} for kind in kinds],
    )


REFUSED = {
    "its modules are Transformer, Pooling, Dense; understood": _dense,
    "pools by cls and mean; understood is one of cls, mean, lasttoken": lambda folder: change(
        folder / "1_Pooling" / "config.json", pooling_mode_cls_token=True
    ),
    "pools by max; understood": lambda folder: write(
        folder / "1_Pooling" / "config.json", {"pooling_mode": "max"}
    ),
    "pools by nothing; understood": lambda folder: write(folder / "1_Pooling" / "config.json", {}),
    "leaves the prompt out of the pooling": lambda folder: change(
        folder / "1_Pooling" / "config.json", include_prompt=False
    ),
    "asks for do_lower_case": lambda folder: change(folder / "sentence_bert_config.json", do_lower_case=True),
    "or for the task fill-mask": lambda folder: change(
        folder / "sentence_bert_config.json", transformer_task="fill-mask"
    ),
    "an encoder-decoder model": lambda folder: change(folder / "config.json", is_encoder_decoder=True),
    "no hidden_size": lambda folder: change(folder / "config.json", hidden_size=None),
    r"config\.json: no such file; a backbone is a registered name": lambda folder: (
        folder / "config.json"
    ).unlink(),
    r"config\.json: not JSON": lambda folder: (folder / "config.json").write_text("{"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_not_understood_is_refused(bert: Path, message: str) -> None:
    REFUSED[message](bert)
    with pytest.raises(RequestError, match=message):
        describe(bert)


def test_weights_in_one_file_or_several(bert: Path) -> None:
    assert weight_files(bert) == [bert / "model.safetensors"]
    write(bert / "model.safetensors.index.json", {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})
    (bert / "1.safetensors").touch()
    with pytest.raises(RequestError, match=r"2\.safetensors is missing \(there is no weights\)"):
        weight_files(bert)
    (bert / "2.safetensors").touch()
    assert weight_files(bert) == [bert / "1.safetensors", bert / "2.safetensors"]


def test_pickled_weights_are_refused(bert: Path) -> None:
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    with pytest.raises(
        RequestError, match=r"there is pytorch_model\.bin\); weights are read from safetensors only"
    ):
        weight_files(bert)


def test_a_fingerprint_follows_the_files_that_matter(bert: Path) -> None:
    before = fingerprint(bert)
    (bert / "README.md").write_text("words")
    write(bert / "onnx" / "config.json", {})
    assert fingerprint(bert) == before
    assert fingerprint(bert.rename(bert.with_name("moved"))) == before
    change(bert.with_name("moved") / "1_Pooling" / "config.json", pooling_mode_cls_token=True)
    assert fingerprint(bert.with_name("moved")) != before
