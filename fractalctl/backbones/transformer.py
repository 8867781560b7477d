"""A model folder as transformers loads it: transformer, tokenizer, and the pooling of token states."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.utils import logging

from fractalctl.backbones.spec import Dtype, Pooling
from fractalctl.errors import RequestError, first_line

UNUSED_WEIGHTS = ("pooler.",)
"""Parameters that do not touch the token states, so that they may be missing from a checkpoint."""


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a folder; RequestError if it has none."""
    with _quiet(), _explained(folder, "tokenizer"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    if not tokenizer.is_fast:
        raise RequestError(f"{folder}: has no fast tokenizer (tokenizer.json), which bulk tokenising needs")
    return tokenizer


def load_transformer(folder: Path, dtype: Dtype, device: torch.device) -> torch.nn.Module:
    """Load the transformer of a folder from its safetensors, ready for inference.

    Code that a repository brings along is never run: architectures are those of the installed transformers.

    Raises RequestError: transformers does not know the architecture, or weights are missing: a layer without
    weights would be drawn at random.
    """
    with _quiet(), _explained(folder, "model"):
        model, report = transformers.AutoModel.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(UNUSED_WEIGHTS))
    if missing:
        raise RequestError(
            f"{folder}: the weights do not fit the configuration; {len(missing)} parameters are missing, "
            f"the first is {missing[0]}"
        )
    model.config.use_cache = False
    return model.to(device).eval()


@contextmanager
def _explained(folder: Path, what: str) -> Iterator[None]:
    """Turn what transformers raises for a folder that it cannot load into one message."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        library = f"transformers {transformers.__version__}"
        raise RequestError(f"{folder}: {library} cannot load the {what}: {first_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's progress bars and reports off standard error; what matters of them is checked."""
    library: Any = logging  # which is not typed
    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Pool token states, texts being padded on the right.

    Padding on the right gives every text the positions that it has alone, whatever it is batched with; the
    last token of a text is then found by its length, where left padding has it at the last place.

    Args:
        states: (n, t, h) states of the tokens in the last layer.
        mask: (n, t) 1 for tokens of the text, 0 for padding.

    Returns (n, h) float32, not normalised.
    """
    states = states.float()
    if pooling is Pooling.CLS:
        return states[:, 0]
    if pooling is Pooling.LAST:
        return states[torch.arange(states.shape[0], device=states.device), mask.sum(1) - 1]
    if bool(mask.all()):
        return states.mean(1)
    return (states * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True)
