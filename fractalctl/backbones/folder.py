"""What the files of a transformers or sentence-transformers folder say, read without loading a model."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalctl.backbones.spec import Pooling
from fractalctl.errors import RequestError
from store.files import sha256_of

CONFIGURATION_FILES = ("*.json",)
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
OTHER_FORMATS = ("onnx/*", "openvino/*")
"""Copies of the weights for other libraries, which many repositories hold as well."""

NO_LIMIT = 10**9
"""Tokenizers without a limit have a huge one."""
UNDERSTOOD_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
POOLINGS = {"cls": Pooling.CLS, "mean": Pooling.MEAN, "lasttoken": Pooling.LAST}
"""Our poolings by sentence-transformers' name."""
OLD_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


@dataclass(frozen=True)
class ModelFolder:
    """What a model folder says about itself.

    Args:
        transformer: the folder of the transformer, the model folder itself or one inside it.
        dimension: size of a token's state, h.
        limit: most tokens that model and tokenizer take; None where they do not say.
        pooling: None for a plain transformers folder, which has none.
        max_length: tokens that sentence-transformers cuts texts to; None for the limit.
        prompt: the prompt that sentence-transformers uses unless asked for another.
        normalises: whether sentence-transformers would normalise the result; features are from before that.
    """

    transformer: Path
    dimension: int
    limit: int | None
    pooling: Pooling | None = None
    max_length: int | None = None
    prompt: str = ""
    normalises: bool = False


def describe(folder: Path) -> ModelFolder:
    """Read what a model folder says about itself.

    A folder with ``modules.json`` is one of sentence-transformers (its layouts of versions 2 to 6); any other
    folder with ``config.json`` is a plain transformers folder.

    Raises:
        RequestError: it is neither, or says something that is not understood; the message tells what.
    """
    if not (folder / "modules.json").is_file():
        return ModelFolder(folder, *_sizes(folder))
    modules = _read(folder / "modules.json")
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds not in UNDERSTOOD_MODULES:
        raise RequestError(
            f"{folder}: its modules are {', '.join(kinds)}; understood are a Transformer, a Pooling and at "
            "most a Normalize after them"
        )
    transformer = folder / modules[0]["path"]
    return ModelFolder(
        transformer,
        *_sizes(transformer),
        pooling=_pooling(folder / modules[1]["path"] / "config.json"),
        max_length=_max_length(transformer),
        prompt=_prompt(folder / "config_sentence_transformers.json"),
        normalises="Normalize" in kinds,
    )


def _sizes(folder: Path) -> tuple[int, int | None]:
    """Size of a token's state, and the most tokens that model and tokenizer take."""
    path = folder / "config.json"
    config = _read(path)
    if config.get("is_encoder_decoder"):
        raise RequestError(f"{path}: an encoder-decoder model; understood are models of one stack")
    # Older configurations call them as GPT-2 does.
    dimension = config.get("hidden_size", config.get("n_embd"))
    if dimension is None:
        raise RequestError(f"{path}: no hidden_size; this is no configuration of a text model")
    tokenizer = folder / "tokenizer_config.json"
    limits = (
        config.get("max_position_embeddings", config.get("n_positions")),
        _read(tokenizer).get("model_max_length") if tokenizer.is_file() else None,
    )
    return int(dimension), min((int(limit) for limit in limits if limit and limit < NO_LIMIT), default=None)


def _pooling(path: Path) -> Pooling:
    config = _read(path)
    named = config.get("pooling_mode", [mode for flag, mode in OLD_POOLING_FLAGS.items() if config.get(flag)])
    modes = [named] if isinstance(named, str) else named
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise RequestError(
            f"{path}: pools by {' and '.join(modes) or 'nothing'}; understood is one of {', '.join(POOLINGS)}"
        )
    if not config.get("include_prompt", True):
        raise RequestError(
            f"{path}: leaves the prompt out of the pooling (include_prompt), which is not understood"
        )
    return POOLINGS[modes[0]]


def _max_length(folder: Path) -> int | None:
    """What sentence-transformers' configuration says, a file with the architecture's name in its own."""
    for path in sorted(folder.glob("sentence_*_config.json")):
        config = _read(path)
        task = config.get("transformer_task", "feature-extraction")
        if config.get("do_lower_case") or task != "feature-extraction":
            raise RequestError(
                f"{path}: asks for do_lower_case or for the task {task}, which is not understood"
            )
        return config.get("max_seq_length")
    return None


def _prompt(path: Path) -> str:
    config = _read(path) if path.is_file() else {}
    name = config.get("default_prompt_name")
    return config.get("prompts", {}).get(name, "") if name else ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RequestError(
            f"{path}: no such file; a backbone is a registered name, hub:owner/name, or a folder in which "
            "transformers or sentence-transformers has saved a model"
        ) from None
    except ValueError as error:
        raise RequestError(f"{path}: not JSON ({error})") from error


def weight_files(transformer: Path) -> list[Path]:
    """The safetensors files of a transformer; more than one where the weights are split.

    Raises:
        RequestError: there are none, or a part of them is missing.
    """
    index = transformer / "model.safetensors.index.json"
    names = sorted(set(_read(index)["weight_map"].values())) if index.is_file() else ["model.safetensors"]
    missing = [name for name in names if not (transformer / name).is_file()]
    if missing:
        others = ", ".join(sorted(path.name for path in transformer.glob("*.bin"))) or "no weights"
        raise RequestError(
            f"{transformer}: {missing[0]} is missing (there is {others}); weights are read from safetensors "
            "only, which save_pretrained of transformers writes"
        )
    return [transformer / name for name in names]


def fingerprint(folder: Path) -> str:
    """SHA-256 (hex) over names and contents of all files of a model folder that can change its features."""
    others = {path for pattern in OTHER_FORMATS for path in folder.glob(pattern)}
    paths = {path for pattern in MODEL_FILES for path in folder.rglob(pattern)} - others
    lines = (f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in sorted(paths))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
