"""A whole road in a moment: a tiny encoder, its features, and a head on them."""

from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.spec import BackboneSpec
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.heads.head import Head
from store import Contents, FeatureStore, Recipe
from tests.backbones.models import TEXTS, as_sentence_transformers, build_bert
from tests.feature_sets import Rows

SMALL: dict[str, Any] = {"dims": (4, 8, 16), "epochs": 1, "batch_size": 8}


def featurized(store, spec):
    """A feature set of the tiny model's own texts, made with a spec."""
    features = load_backbone(spec, device="cpu").encode(TEXTS * 4)
    labels = np.array([[row % 2, row % 4] for row in range(len(features))], dtype=np.int32)
    rows = Rows(TEXTS * 4, labels, [f"row-{row}" for row in range(len(labels))])
    recipe = Recipe("tiny", {}, spec.name, spec.identity(), ("train", "test"))
    with store.writer(recipe) as writer:
        contents = Contents(
            {"train": rows, "test": rows}, (("a", "b"), ("aa", "ba", "ac", "bc")), (np.arange(4) % 2,)
        )
        draft = writer.draft(contents, dimension=features.shape[1])
        for block in draft.missing_blocks():
            draft.write_block(block, features[block.rows])
        return draft.publish()


def tiny_spec(folder: Path, **settings: Any) -> BackboneSpec:
    """An encoder of two layers and 32 numbers in a folder, made where it is not there."""
    if not (folder / "config.json").is_file():
        as_sentence_transformers(build_bert(folder), "mean_tokens")
    return resolve_backbone(str(folder), **settings)


def tiny_heads(folder: Path, strategies=("v5",), trunk=None, settings=None, **spec: Any) -> list[Head]:
    """Heads on the features of a tiny encoder: ``bert``, ``store`` and ``runs`` in a folder."""
    features = featurized(FeatureStore(folder / "store"), tiny_spec(folder / "bert", **spec))
    arms = build_arms(strategies, 2, trunk, settings, where_there=SMALL)
    return list(train_heads(features, arms, folder / "runs", [1]).heads)
