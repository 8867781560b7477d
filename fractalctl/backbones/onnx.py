"""ONNX Runtime in the place of PyTorch: the transformer exported once, then run from the exported file."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
import torch
from filelock import FileLock

from fractalctl.backbones.folder import ModelFolder
from fractalctl.backbones.spec import BackboneSpec, Dtype
from fractalctl.backbones.transformer import load_transformer
from fractalctl.errors import FractalError, MissingExtraError, RequestError, first_line
from store.files import sha256_of, write_aside
from store.recipe import identity_of

OPSET = 17
"""Of the exported files; the first that has layer normalisation as one operator."""
MOST_BYTES = 2**31 - 2**24
"""What a protobuf file can hold, less a little for the graph."""
LEAST_COSINE = 0.9999
"""Between the token states of both engines, else an export is not used."""
LONG_PROBE = 512
"""Tokens of the longer text by which both engines are compared."""
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "last_hidden_state"


class TokenStates(NamedTuple):
    """What a transformer gives, under the name that transformers has for it."""

    last_hidden_state: torch.Tensor
    """(n, t, h) float32."""


class ExportedTransformer(torch.nn.Module):
    """A transformer in ONNX Runtime, called as the one that it was exported from.

    One thread runs all operators of a call, and several threads may call at a time: see `side_by_side`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._session = open_graph(path, n_threads=1)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> TokenStates:
        """Token numbers and mask, (n, t) int64 each, to the states of the last layer."""
        given = dict(zip(INPUTS, (input_ids.numpy(), attention_mask.numpy()), strict=True))
        (states,) = self._session.run([OUTPUT], given)
        return TokenStates(torch.from_numpy(states))


def open_graph(path: Path, n_threads: int = 0) -> Any:
    """A session of ONNX Runtime that runs a file on the processor; 0 threads are as many as it likes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = n_threads
    options.log_severity_level = 3  # no warnings, which are for those who write exporters
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class _StatesOnly(torch.nn.Module):
    """A transformer of which the exporter sees nothing but token states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model
        self.vocabulary: int = model.get_input_embeddings().num_embeddings

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self._model(input_ids=input_ids, attention_mask=attention_mask)[OUTPUT]
        return states


def checked_device(spec: BackboneSpec, device: str) -> torch.device:
    """The device of a backbone that ONNX Runtime is to run, which is the processor.

    Raises RequestError: another device or number type is asked for; MissingExtraError: ONNX Runtime, or what
    writes its files, is not installed.
    """
    if device not in ("auto", "cpu"):
        raise RequestError(
            f"ONNX Runtime encodes on the processor, not on '{device}'; leave --device out, or featurize "
            "with --engine torch"
        )
    if spec.dtype is not Dtype.FLOAT32:
        raise RequestError(f"ONNX Runtime encodes in float32; --dtype {spec.dtype} needs --engine torch")
    require_onnx("encoding with ONNX Runtime")
    return torch.device("cpu")


def require_onnx(purpose: str) -> None:
    """See that ONNX Runtime is installed, and what writes its files; MissingExtraError if it is not."""
    try:
        for library in ("onnx", "onnxruntime"):
            version(library)
    except PackageNotFoundError:
        raise MissingExtraError(purpose, "onnx") from None


def exports_folder() -> Path:
    """Where exported files are kept: ``onnx`` in the user's cache directory. They may be removed any time."""
    return Path(platformdirs.user_cache_dir("fractalctl", appauthor=False)) / "onnx"


def load_exported(said: ModelFolder, weights: Mapping[str, str]) -> ExportedTransformer:
    """The transformer of a model folder in ONNX Runtime, exported if it has not been before.

    Args:
        weights: SHA-256 of its weights by file name.

    Raises RequestError: it cannot be exported, or the export gives other states than PyTorch; FractalError:
    the exported file is damaged.
    """
    path = exports_folder() / f"{_key(said.transformer, weights)}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.is_file():  # another process may have made it while this one waited
                with write_aside(path) as temporary:
                    _export(said, temporary)
    try:
        return ExportedTransformer(path)
    except Exception as error:  # ONNX Runtime's have no other base
        raise FractalError(
            f"{path}: ONNX Runtime cannot read it ({first_line(error)}); remove it, and it is exported again"
        ) from error


def _key(transformer: Path, weights: Mapping[str, str]) -> str:
    """SHA-256 (hex) of all that decides an exported file."""
    parts = {
        "weights": dict(weights),
        "configuration": sha256_of(transformer / "config.json"),
        "versions": {library: version(library) for library in ("torch", "transformers")},
        "opset": OPSET,
    }
    return identity_of(parts)


def _export(said: ModelFolder, path: Path) -> None:
    """Write a transformer as an ONNX file and see that it gives what PyTorch gives."""
    model = load_transformer(said.transformer, Dtype.FLOAT32, torch.device("cpu"))
    n_bytes = sum(parameter.nbytes for parameter in model.parameters())
    if n_bytes > MOST_BYTES:
        raise _not_exported(said, f"its weights take {n_bytes / 2**30:.1f} GiB, an ONNX file at most 2")
    with _explained(said), torch.inference_mode():
        states = _StatesOnly(model).eval()
        _write(states, path)
        cosine = _least_cosine(states, path, min(said.limit or LONG_PROBE, LONG_PROBE))
    if not cosine > LEAST_COSINE:  # nor is NaN
        raise _not_exported(said, f"what is exported gives other states than PyTorch, cosine {cosine:.4f}")


def _write(states: _StatesOnly, path: Path) -> None:
    """Trace the transformer on a small batch with padding; numbers of texts and tokens stay free."""
    axes = {name: {0: "texts", 1: "tokens"} for name in (*INPUTS, OUTPUT)}
    write_graph(states, probe_tokens(states.vocabulary, 2, 3), path, INPUTS, [OUTPUT], axes)


def write_graph(
    module: torch.nn.Module,
    example: tuple[torch.Tensor, ...],
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Write a module as an ONNX file by tracing it; what it gives is for the caller to compare.

    PyTorch's exporter by tracing is deprecated. Its successor needs a minute and a package more for the same
    file, which runs no faster (docs/backbones.md).

    Args:
        axes: of inputs and outputs, those that stay free, by name.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation, and doubts about the trace that the comparison settles
        torch.onnx.export(
            module,
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(own) for name, own in axes.items()},
        )


def _least_cosine(states: _StatesOnly, path: Path, length: int) -> float:
    """Least cosine between token states of both engines, over batches of other shapes than the traced one."""
    exported = ExportedTransformer(path)
    found = []
    for ids, mask in (probe_tokens(states.vocabulary, *shape) for shape in ((5, 7), (2, length))):
        ours, theirs = exported(ids, mask).last_hidden_state, states(ids, mask)
        found.append(torch.cosine_similarity(ours, theirs, dim=2)[mask.bool()].min())
    return float(torch.stack(found).min())


def probe_tokens(vocabulary: int, n_texts: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers and mask, (n, t) int64 each, of texts of which each is a token shorter than the last."""
    lengths = length - torch.arange(n_texts)
    mask = (torch.arange(length) < lengths.unsqueeze(1)).long()
    return torch.arange(n_texts * length).reshape(n_texts, length) % vocabulary * mask, mask


@contextmanager
def _explained(said: ModelFolder) -> Iterator[None]:
    """Turn whatever the exporter, the model's own code under it or ONNX Runtime raises into one message."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise _not_exported(said, first_line(error)) from error


def _not_exported(said: ModelFolder, reason: str) -> RequestError:
    return RequestError(f"{said.transformer}: cannot be exported to ONNX: {reason}; use --engine torch")
