"""A backbone in memory: texts in, features out."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray

from fractalctl.backbones.batching import distinct, side_by_side, token_batches
from fractalctl.backbones.folder import ModelFolder, describe, weight_files
from fractalctl.backbones.locate import locate
from fractalctl.backbones.onnx import checked_device, load_exported
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.services.spec import ServiceSpec
from fractalctl.backbones.spec import BackboneSpec, Encoder, Engine, Spec, registered_backbones
from fractalctl.backbones.transformer import load_tokenizer, load_transformer, pool
from fractalctl.device import choose_device
from fractalctl.errors import FractalError, RequestError
from fractalctl.progress import Advance
from store import FeatureStore
from store.files import sha256_of

LIBRARIES = ("torch", "transformers", "tokenizers")
ENGINE_LIBRARIES = {Engine.TORCH: LIBRARIES, Engine.ONNX: (*LIBRARIES, "onnxruntime")}
PROCESSOR_TOKENS = 512
"""Tokens per batch on one core: what passes between layers stays in its cache (docs/backbones.md)."""
GPU_TOKENS = 32768
"""Tokens per batch on a GPU, which wants many at a time."""


class Backbone:
    """A frozen encoder.

    Args:
        model: transformer whose output has ``last_hidden_state``.
        observed: what loading it showed, for the record: SHA-256 of its weights, versions, device.
    """

    def __init__(
        self,
        spec: BackboneSpec,
        tokenizer: Any,
        model: torch.nn.Module,
        dimension: int,
        device: torch.device,
        observed: dict[str, Any],
    ) -> None:
        self.spec = spec
        self.observed = observed
        self.dimension = dimension
        self._tokenizer, self._model, self._device = tokenizer, model, device

    def encode(self, texts: Sequence[str], advance: Advance = lambda _: None) -> NDArray[np.float32]:
        """Encode texts.

        Batches are formed from these texts alone, so the same call gives the same bytes on the same machine,
        and a text's feature does not depend on the other texts beyond rounding.

        Args:
            texts: n texts; repeated ones are encoded once.

        Returns (n, h) float32, pooled, not normalised, in the order of the texts. Raises RequestError: a text
        has no tokens.
        """
        once = distinct(texts)
        tokens = self._tokenise(once.texts)
        counts = once.counts
        features = np.empty((len(tokens), self.dimension), dtype=np.float32)

        def encode_batch(rows: NDArray[np.int64]) -> int:
            features[rows] = self._forward([tokens[row] for row in rows])
            return int(counts[rows].sum())

        lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
        batches = token_batches(lengths, self._tokens_at_once)
        alone = self._device.type != "cpu"
        for n_texts in map(encode_batch, batches) if alone else side_by_side(encode_batch, batches):
            advance(n_texts)
        return features[once.positions]

    @property
    def _tokens_at_once(self) -> int:
        return PROCESSOR_TOKENS if self._device.type == "cpu" else GPU_TOKENS

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text with its prompt, special tokens included, cut to the maximum length."""
        if not texts:
            return []
        tokens: list[list[int]] = self._tokenizer(
            [self.spec.prompt + text for text in texts],
            truncation=True,
            max_length=self.spec.max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        if [] in tokens:
            raise RequestError(
                f"the text {texts[tokens.index([])]!r} has no tokens for {self.spec.name}; leave it out"
            )
        return tokens

    @torch.inference_mode()
    def _forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        ids, mask = self._padded(tokens)
        states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
        features: NDArray[np.float32] = pool(states, mask, self.spec.pooling).cpu().numpy()
        return features

    def _padded(self, tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token numbers and mask, (n, t) int64 each, padded on the right."""
        lengths = torch.tensor([len(ids) for ids in tokens])
        mask = (torch.arange(int(lengths.max())) < lengths.unsqueeze(1)).long()
        ids = torch.full_like(mask, self._tokenizer.pad_token_id or 0)
        ids[mask.bool()] = torch.tensor([token for row in tokens for token in row])
        return ids.to(self._device), mask.to(self._device)


@overload
def load_backbone(
    backbone: BackboneSpec, *, device: str = "auto", offline: bool = False, store: FeatureStore | None = None
) -> Backbone: ...
@overload
def load_backbone(
    backbone: str | Spec, *, device: str = "auto", offline: bool = False, store: FeatureStore | None = None
) -> Encoder: ...
def load_backbone(
    backbone: str | Spec, *, device: str = "auto", offline: bool = False, store: FeatureStore | None = None
) -> Encoder:
    """Load a backbone, fetching it where need be; of a service it is the one who asks.

    Args:
        backbone: what `resolve_backbone` takes or gives.
        store: where answers of a service are looked for and kept; None keeps none.

    Raises:
        RequestError: no such backbone, one that is not understood, or one that its engine cannot run.
        UnreachableError: it is neither here nor to be had.
        MissingExtraError: its engine is not installed.
        FractalError: its weights are not those that are registered.
    """
    spec = resolve_backbone(backbone, offline=offline) if isinstance(backbone, str) else backbone
    if isinstance(spec, ServiceSpec):
        from fractalctl.backbones.services.backbone import ServiceBackbone

        answers = None if store is None else store.answers_of(spec.name, spec.identity())
        return ServiceBackbone(spec, answers, offline=offline)
    exported = spec.engine is Engine.ONNX
    place = checked_device(spec, device) if exported else choose_device(device)
    folder = locate(spec, offline=offline)
    said = describe(folder)
    weights = {path.name: sha256_of(path) for path in weight_files(said.transformer)}
    if spec.weights not in (None, *weights.values()):
        raise FractalError(
            f"{folder}: the weights of {spec.name} are not the registered ones: expected SHA-256 "
            f"{spec.weights}, found {', '.join(weights.values())}; install or fetch them again"
        )
    _check(spec, said, folder)
    observed = {
        "weights": weights,
        "normalises": said.normalises,
        "device": f"cuda ({torch.cuda.get_device_name(place)})" if place.type == "cuda" else place.type,
        "versions": {library: version(library) for library in ENGINE_LIBRARIES[spec.engine]},
    }
    transformer = said.transformer
    model = load_exported(said, weights) if exported else load_transformer(transformer, spec.dtype, place)
    tokenizer = load_tokenizer(transformer)
    special = tokenizer.num_special_tokens_to_add()
    if spec.max_length <= special:
        raise RequestError(
            f"{spec.name} puts {special} special tokens around a text; --max-length {spec.max_length} leaves "
            f"none of it, give {special + 1} or more"
        )
    return Backbone(spec, tokenizer, model, said.dimension, place, observed)


def _check(spec: BackboneSpec, said: ModelFolder, folder: Path) -> None:
    """See that the files are what the spec takes them for."""
    row = registered_backbones().get(spec.name)
    if row and row.hub and row.hub == spec.hub and said.pooling not in (None, row.pooling):
        raise FractalError(
            f"{folder}: pools by {said.pooling}, but {spec.name} is registered with {row.pooling}; the "
            "repository has changed"
        )
    if spec.dimension not in (None, said.dimension):
        raise FractalError(
            f"{folder}: gives {said.dimension} numbers, but {spec.name} is registered with {spec.dimension}"
        )
    if said.limit and spec.max_length > said.limit:
        raise RequestError(
            f"{spec.name} takes at most {said.limit} tokens; --max-length {spec.max_length} is too long"
        )
