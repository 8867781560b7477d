"""A folder that ``SentenceTransformer(folder)`` loads: backbone, pooling, and the head as modules of its own.

It is written without the library: the layout is files of names and numbers, and is the same since version 2.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

from fractalctl.backbones.folder import describe, tokenizer_files, weight_files
from fractalctl.backbones.spec import Pooling
from fractalctl.errors import FractalError, first_line
from fractalctl.export import exported_head
from fractalctl.export.card import write_card
from fractalctl.export.exporter import Exporter, Subject
from fractalctl.export.head_map import is_that_of, save_program
from fractalctl.heads.head import Head
from fractalctl.heads.trunks import Affine, Gelu, Layer, Norm

POOLINGS = {Pooling.CLS: "cls_token", Pooling.MEAN: "mean_tokens", Pooling.LAST: "lasttoken"}
FLAGS = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "lasttoken")
IDENTITY, GELU = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.GELU"
CODE = Path(exported_head.__file__)


class Module(NamedTuple):
    """One module of the library."""

    kind: str
    """Its class."""
    configuration: dict[str, Any]
    weights: dict[str, Tensor]


def write(subject: Subject, folder: Path) -> list[Path]:
    """Write the model, its card, and where it is needed the code of the head."""
    copy_transformer(subject, folder)
    head, width = subject.head, subject.head.document.input_dimension
    flags = {f"pooling_mode_{flag}": flag == POOLINGS[subject.backbone.pooling] for flag in FLAGS}
    pooling = Module("Pooling", {"word_embedding_dimension": width, **flags}, {})
    layers = stock_layers(head)
    modules = [pooling, *(_modules(layers) if layers else ())]
    entries = [_entry(0, "", "sentence_transformers.models.Transformer")]
    for number, module in enumerate(modules, 1):
        place = f"{number}_{module.kind}"
        _write_module(folder / place, module)
        entries.append(_entry(number, place, f"sentence_transformers.models.{module.kind}"))
    if layers is None:
        place = f"{len(entries)}_{exported_head.ExportedHead.__name__}"
        _write_program(head, folder / place)
        shutil.copy(CODE, folder / CODE.name)
        entries.append(_entry(len(entries), place, f"{CODE.stem}.{exported_head.ExportedHead.__name__}"))
    _write_json(folder / "modules.json", entries)
    prompt = subject.backbone.prompt
    prompts = {"prompts": {"text": prompt}, "default_prompt_name": "text"} if prompt else {}
    _write_json(folder / "config_sentence_transformers.json", {**prompts, "similarity_fn_name": "cosine"})
    write_card(subject, folder, needs_code=layers is None)
    return [folder]


def copy_transformer(subject: Subject, folder: Path) -> None:
    """Copy configuration, weights and tokenizer of the backbone, byte for byte but for its number type."""
    source, spec = describe(subject.model).transformer, subject.backbone
    for path in (*weight_files(source), *tokenizer_files(source)):
        shutil.copy(path, folder / path.name)
    index = source / "model.safetensors.index.json"
    if index.is_file():
        shutil.copy(index, folder / index.name)
    configuration = json.loads((source / "config.json").read_text("utf-8"))
    configuration |= {"torch_dtype": str(spec.dtype)}
    configuration.pop("dtype", None)
    _write_json(folder / "config.json", configuration)
    _write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": spec.max_length, "do_lower_case": False}
    )


def stock_layers(head: Head) -> Sequence[Layer] | None:
    """The head as layers that the library has; None where it is more than that, which a probe decides."""
    layers = head.method.layers(head.weights, head.settings) if head.nested else None
    if not layers:
        return None
    return layers if is_that_of(head, lambda features: [reduce(applied, layers, features)]) else None


def applied(values: Tensor, layer: Layer) -> Tensor:
    """What a layer makes of rows (n, width)."""
    functional = torch.nn.functional
    if isinstance(layer, Affine):
        return values @ layer.weight + layer.bias
    if isinstance(layer, Norm):
        return functional.layer_norm(values, values.shape[1:], layer.gain, layer.shift)
    return functional.gelu(values)


def _modules(layers: Sequence[Layer]) -> Iterator[Module]:
    """Modules of the library; a GELU stands in a Dense of the identity, for it has none of its own."""
    width = 0
    for layer in layers:
        if isinstance(layer, Norm):
            yield Module(
                "LayerNorm", {"dimension": width}, {"norm.weight": layer.gain, "norm.bias": layer.shift}
            )
        elif isinstance(layer, Gelu):
            yield _dense(Affine(torch.eye(width), torch.zeros(width)), GELU)
        else:
            yield _dense(layer, IDENTITY)
            width = layer.weight.shape[1]


def _dense(layer: Affine, activation: str) -> Module:
    inputs, outputs = layer.weight.shape
    configuration = {"in_features": inputs, "out_features": outputs, "bias": True}
    weights = {"linear.weight": layer.weight.T, "linear.bias": layer.bias}
    return Module("Dense", {**configuration, "activation_function": activation}, weights)


def _entry(number: int, path: str, kind: str) -> dict[str, Any]:
    return {"idx": number, "name": str(number), "path": path, "type": kind}


def _write_module(folder: Path, module: Module) -> None:
    folder.mkdir()
    _write_json(folder / "config.json", module.configuration)
    if module.weights:
        weights = {name: tensor.contiguous() for name, tensor in module.weights.items()}
        save_file(weights, folder / "model.safetensors")


def _write_program(head: Head, folder: Path) -> None:
    """Write a map that stock modules do not have; FractalError if PyTorch cannot write it down."""
    folder.mkdir()
    _write_json(folder / exported_head.CONFIGURATION, {"dimension": head.dims[-1], "nested": head.nested})
    try:
        save_program(head, folder / exported_head.PROGRAM)
    except Exception as error:  # of whatever kind the method's own code makes it raise
        raise FractalError(
            f"{head.folder}: the map of method '{head.document.method}' cannot be exported: "
            f"{first_line(error)}; 'fractalctl embed' applies it"
        ) from error


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


EXPORTER = Exporter(
    "sentence-transformers",
    "a model folder that SentenceTransformer(folder) loads, with a model card",
    write,
    is_model=True,
)
