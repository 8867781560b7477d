"""What the files of a transformers or sentence-transformers folder say, read without loading a model."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fractalctl.backbones.spec import Pooling
from fractalctl.errors import RequestError
from store.errors import StoreError, StoreRequestError
from store.files import parse_json, read_bytes, sha256_of

CONFIGURATION_FILES = ("*.json",)
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
OTHER_FORMATS = ("onnx/*", "openvino/*")
"""Copies of the weights for other libraries, which many repositories hold as well."""

WIDEST = 2**20
"""Numbers of a token's state, more than any model has."""
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
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "*.model"),
)


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

    Raises RequestError: it is neither, or says something that is not understood; the message tells what.
    """
    if not (folder / "modules.json").is_file():
        return ModelFolder(folder, *_sizes(folder))
    modules = _modules(folder / "modules.json")
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    if kinds not in UNDERSTOOD_MODULES:
        raise RequestError(
            f"{folder}: its modules are {', '.join(kinds)}; understood are a Transformer, a Pooling and at "
            "most a Normalize after them"
        )
    transformer = _inside(folder, modules[0]["path"], "modules.json")
    return ModelFolder(
        transformer,
        *_sizes(transformer),
        pooling=_pooling(_inside(folder, modules[1]["path"], "modules.json") / "config.json"),
        max_length=_max_length(transformer),
        prompt=_prompt(folder / "config_sentence_transformers.json"),
        normalises="Normalize" in kinds,
    )


def _modules(path: Path) -> list[dict[str, str]]:
    modules = _read(path, list)
    for module in modules:
        named = isinstance(module, dict) and [module.get("type"), module.get("path")]
        if not named or not all(isinstance(word, str) for word in named):
            raise RequestError(f"{path}: expected a list of modules, each with the texts type and path")
    return modules


def _inside(folder: Path, name: str, source: str) -> Path:
    """What a file of a model folder calls another one; it has to lie inside, where it is fingerprinted.

    Raises RequestError: the name leads out of the folder.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in name:
        raise RequestError(f"{folder / source}: '{name}' leads out of the folder; put it inside")
    return folder / parts


def _sizes(folder: Path) -> tuple[int, int | None]:
    """Size of a token's state, and the most tokens that model and tokenizer take."""
    path = folder / "config.json"
    config = _read(path)
    if config.get("is_encoder_decoder"):
        raise RequestError(f"{path}: an encoder-decoder model; understood are models of one stack")
    # Older configurations call them as GPT-2 does.
    dimension = config.get("hidden_size", config.get("n_embd"))
    if not isinstance(dimension, int) or not 0 < dimension <= WIDEST:
        raise RequestError(f"{path}: no hidden_size; this is no configuration of a text model")
    tokenizer = folder / "tokenizer_config.json"
    limits = (
        config.get("max_position_embeddings", config.get("n_positions")),
        _read(tokenizer).get("model_max_length") if tokenizer.is_file() else None,
    )
    numbers = [limit for limit in limits if isinstance(limit, int | float) and 0 < limit < NO_LIMIT]
    return dimension, min(map(int, numbers), default=None)


def _pooling(path: Path) -> Pooling:
    config = _read(path)
    named = config.get("pooling_mode", [mode for flag, mode in OLD_POOLING_FLAGS.items() if config.get(flag)])
    modes = [named] if isinstance(named, str) else list(map(str, named if isinstance(named, list) else []))
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
        length = config.get("max_seq_length")
        if length is not None and (not isinstance(length, int) or length < 1):
            raise RequestError(f"{path}: max_seq_length is {length!r}, expected a whole number of 1 or more")
        return length
    return None


def _prompt(path: Path) -> str:
    config = _read(path) if path.is_file() else {}
    name, prompts = config.get("default_prompt_name"), config.get("prompts", {})
    prompt = prompts.get(name, "") if isinstance(prompts, dict) and isinstance(name, str) else ""
    if not isinstance(prompt, str):
        raise RequestError(f"{path}: the prompt '{name}' is no text")
    return prompt


def _read(path: Path, kind: type[Any] = dict) -> Any:
    try:
        found = parse_json(read_bytes(path), str(path))
    except StoreRequestError:
        raise RequestError(
            f"{path}: no such file; a backbone is a registered name, hub:owner/name, or a folder in which "
            "transformers or sentence-transformers has saved a model"
        ) from None
    except StoreError as error:
        raise RequestError(str(error)) from error
    if not isinstance(found, kind):
        raise RequestError(f"{path}: holds a {type(found).__name__}, expected a {kind.__name__}")
    return found


def weight_files(transformer: Path) -> list[Path]:
    """The safetensors files of a transformer, whole or in parts; RequestError if one is missing."""
    index = transformer / "model.safetensors.index.json"
    names = _names_in(index) if index.is_file() else ["model.safetensors"]
    missing = [name for name in names if not (transformer / name).is_file()]
    if missing:
        others = ", ".join(sorted(path.name for path in transformer.glob("*.bin"))) or "no weights"
        raise RequestError(
            f"{transformer}: {missing[0]} is missing (there is {others}); weights are read from safetensors "
            "only, which save_pretrained of transformers writes"
        )
    return [transformer / name for name in names]


def _names_in(index: Path) -> list[str]:
    """Names of the files that weights are split into."""
    files = _read(index).get("weight_map")
    if not isinstance(files, dict) or not files or not all(isinstance(name, str) for name in files.values()):
        raise RequestError(f"{index}: expected a weight_map from names of tensors to names of files")
    names = sorted(set(files.values()))
    for name in names:
        _inside(index.parent, name, index.name)
    return names


def fingerprint(folder: Path) -> str:
    """SHA-256 (hex) over names and contents of all files of a model folder that can change its features.

    Folders behind symbolic links are looked into.
    """
    others = {path for pattern in OTHER_FORMATS for path in folder.glob(pattern)}
    paths = {path for path in _files(folder) if any(path.match(one) for one in MODEL_FILES)} - others
    lines = (f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in sorted(paths))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Every file at or below a folder, each folder once however links lead back to it."""
    seen: set[str] = set()
    for name, below, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(name)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        yield from (path for file in files if (path := Path(name, file)).is_file())


def tokenizer_files(transformer: Path) -> list[Path]:
    """All files of the tokenizer in the folder of a transformer."""
    return [path for name in TOKENIZER_FILES for path in sorted(transformer.glob(name))]
