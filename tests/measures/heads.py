"""Heads that no training made: linear maps of features, drawn from their seed."""

from pathlib import Path

import numpy as np
import torch

from fractalctl.documents.head import HeadDocument
from fractalctl.documents.measured import Features
from fractalctl.heads.fitted import Fitted
from fractalctl.heads.head import Head, save_head
from fractalctl.heads.prefixes import Prefixes
from store import FeatureSet

DIMS = (4, 8, 12, 16)


def make_head(
    features: FeatureSet, folder: Path, strategy: str = "v5", seed: int = 42, dims: tuple[int, ...] = DIMS
) -> Head:
    """A head for a feature set, in a folder of its own."""
    random = np.random.default_rng([seed, *strategy.encode()])
    projection = random.normal(size=(features.dimension, dims[-1])).astype(np.float32)
    weights = {"projection": torch.from_numpy(projection), "bias": torch.zeros(dims[-1])}
    document = HeadDocument(
        corpus=features.corpus,
        backbone=features.backbone,
        strategy=strategy,
        arm=strategy,
        method="pca",
        trunk=None,
        settings={"dims": list(dims)},
        seed=seed,
        input_dimension=features.dimension,
        dims=list(dims),
        nested=True,
        classes=[list(names) for names in features.class_names],
        features=Features.of(features),
        best_epoch=None,
        history=[],
        weights_sha256="",
        identity=f"{strategy}-{seed}",
    )
    return save_head(folder / f"{strategy}-{seed}", Fitted(seed, weights), document)


class ReversingHead(Head):
    """A head whose full embedding is not made of its blocks."""

    def prefixes(self, features: np.ndarray, device: torch.device | None = None) -> Prefixes:
        blocks = super().prefixes(features, device).blocks
        return Prefixes(blocks, blocks[:, ::-1] + 1)


def reversing(head: Head) -> Head:
    """A head's document and weights, applied otherwise."""
    return ReversingHead(head.folder, head.document)
