"""ONNX: from tokens to embeddings as one graph, the head alone as another, and the tokenizer."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fractalctl.backbones.folder import describe, tokenizer_files
from fractalctl.backbones.onnx import (
    INPUTS,
    MOST_BYTES,
    OPSET,
    open_graph,
    probe_tokens,
    require_onnx,
    write_graph,
)
from fractalctl.backbones.spec import BackboneSpec, Dtype
from fractalctl.backbones.transformer import load_transformer, pool
from fractalctl.errors import FractalError, RequestError, first_line
from fractalctl.export.card import render
from fractalctl.export.exporter import Exporter, Subject
from fractalctl.export.head_map import TOLERANCE, HeadMap, probes
from fractalctl.heads.head import Head

MODEL_FILE, HEAD_FILE = "model.onnx", "head.onnx"
FEATURES, BLOCKS, EMBEDDING = "features", "blocks", "sentence_embedding"
CPU = torch.device("cpu")


class Whole(torch.nn.Module):
    """Token numbers and mask, (n, t) int64 each, to embeddings.

    Args:
        spec: says how to pool.
    """

    def __init__(self, model: Any, spec: BackboneSpec, head: HeadMap) -> None:
        super().__init__()
        self._model, self._pooling, self._head = model, spec.pooling, head

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Embeddings, not normalised."""
        states = self._model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        found: tuple[Tensor, ...] = self._head(pool(states, attention_mask, self._pooling))
        return found


def write(subject: Subject, folder: Path) -> list[Path]:
    """Write both graphs, compare each with PyTorch, and put the tokenizer and a page beside them."""
    require_onnx("exporting to ONNX")
    transformer = describe(subject.model).transformer
    model: Any = load_transformer(transformer, Dtype.FLOAT32, CPU)
    if sum(parameter.nbytes for parameter in model.parameters()) > MOST_BYTES:
        raise RequestError(f"{transformer}: its weights take more than an ONNX file can hold, 2 GiB")
    head = HeadMap(subject.head).eval()
    vocabulary = model.get_input_embeddings().num_embeddings
    shapes = [(2, 3), (5, 7), (1, 4)]  # the first has padding, which the traced pooling must see
    tokens = [probe_tokens(vocabulary, *shape) for shape in shapes]
    features = [(found,) for found in probes(subject.head.document.input_dimension)]
    whole = Whole(model, subject.backbone, head).eval()
    _write(subject.head, whole, tokens, folder / MODEL_FILE, INPUTS)
    _write(subject.head, head, features, folder / HEAD_FILE, [FEATURES])
    for path in tokenizer_files(transformer):
        shutil.copy(path, folder / path.name)
    page = render("onnx.md.j2", head=subject.head.document, backbone=subject.backbone)
    (folder / "README.md").write_text(page, encoding="utf-8")
    return [folder / MODEL_FILE, folder / HEAD_FILE]


def _write(
    head: Head,
    module: torch.nn.Module,
    examples: Sequence[tuple[Tensor, ...]],
    path: Path,
    inputs: Sequence[str],
) -> None:
    """Trace a module with the first example; FractalError if it cannot be, or any comes out otherwise."""
    outputs = [EMBEDDING] if head.nested else [BLOCKS, EMBEDDING]
    free = {
        name: {0: "texts", 1: "tokens"} if name in INPUTS else {0: "texts"} for name in (*inputs, *outputs)
    }
    try:
        with torch.inference_mode(), _batched_products():
            write_graph(module, examples[0], path, inputs, outputs, free)
            departing = max(_departure(module, path, example, inputs) for example in examples)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # the exporter's, the method's own code's, or ONNX Runtime's
        raise FractalError(f"{head.folder}: cannot be exported to ONNX: {first_line(error)}") from error
    if not departing <= TOLERANCE:  # nor is NaN
        raise FractalError(
            f"{head.folder}: what is exported to ONNX gives other embeddings than PyTorch, by {departing:.1g}"
        )


@contextmanager
def _batched_products() -> Iterator[None]:
    """Teach PyTorch's exporter `torch.baddbmm`, which it does not know and trunks are made of."""

    def symbolic(graph: Any, added: Any, left: Any, right: Any, _beta: Any, _alpha: Any) -> Any:
        return graph.op("Add", added, graph.op("MatMul", left, right))

    exporter: Any = torch.onnx  # whose stubs leave these out
    exporter.register_custom_op_symbolic("aten::baddbmm", symbolic, OPSET)
    try:
        yield
    finally:
        exporter.unregister_custom_op_symbolic("aten::baddbmm", OPSET)


def _departure(
    module: torch.nn.Module, path: Path, example: tuple[Tensor, ...], inputs: Sequence[str]
) -> float:
    """The largest difference between graph and module, in numbers of embeddings of length 1."""
    given = {name: tensor.numpy() for name, tensor in zip(inputs, example, strict=True)}
    unit = torch.nn.functional.normalize
    pairs = zip(open_graph(path).run(None, given), module(*example), strict=True)
    return max(float((unit(torch.from_numpy(found)) - unit(wanted)).abs().max()) for found, wanted in pairs)


EXPORTER = Exporter(
    "onnx", "tokens to embeddings as one graph, the head as another, and the tokenizer", write, is_model=True
)
