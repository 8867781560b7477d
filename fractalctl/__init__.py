"""Steerable text embeddings: train, measure and compare heads whose prefixes answer coarser questions.

Whatever a command does, a notebook can do with the names of this package. They are loaded on first use, so
that importing `fractalctl` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractalctl.backbones.featurize import featurize as featurize
    from fractalctl.corpora.corpus import Corpus as Corpus
    from fractalctl.corpora.request import CorpusRequest as CorpusRequest
    from fractalctl.corpora.tree import LabelTree as LabelTree
    from fractalctl.errors import FractalError as FractalError
    from fractalctl.errors import RequestError as RequestError
    from fractalctl.experiments.ablation import ablate_alignment as ablate_alignment
    from fractalctl.experiments.axes import ablate_capacity as ablate_capacity
    from fractalctl.experiments.axes import ablate_noise as ablate_noise
    from fractalctl.experiments.depth import ablate_depth as ablate_depth
    from fractalctl.experiments.evaluating import evaluate_heads as evaluate_heads
    from fractalctl.experiments.finetuning import ablate_backbone as ablate_backbone
    from fractalctl.experiments.latency import bench_head as bench_head
    from fractalctl.experiments.synthesis import synthesise as synthesise
    from fractalctl.experiments.training import train_heads as train_heads
    from fractalctl.heads.head import Head as Head
    from fractalctl.heads.head import find_heads as find_heads
    from fractalctl.heads.head import load_head as load_head
    from fractalctl.heads.recipe import TrainingRecipe as TrainingRecipe
    from fractalctl.heads.supervision import Supervision as Supervision
    from fractalctl.heads.supervision import strategy as strategy
    from fractalctl.measures.evaluation import Evaluator as Evaluator
    from fractalctl.measures.neighbours import nearest as nearest
    from fractalctl.measures.protocols import Protocol as Protocol
    from fractalctl.measures.steerability import estimate as estimate
    from fractalctl.measures.steerability import steerability as steerability
    from fractalctl.statistics.comparisons import compare as compare
    from fractalctl.statistics.reading import read_observations as read_observations

_HOMES = {
    "Corpus": "fractalctl.corpora.corpus",
    "CorpusRequest": "fractalctl.corpora.request",
    "Evaluator": "fractalctl.measures.evaluation",
    "FractalError": "fractalctl.errors",
    "Head": "fractalctl.heads.head",
    "LabelTree": "fractalctl.corpora.tree",
    "Protocol": "fractalctl.measures.protocols",
    "RequestError": "fractalctl.errors",
    "Supervision": "fractalctl.heads.supervision",
    "TrainingRecipe": "fractalctl.heads.recipe",
    "ablate_alignment": "fractalctl.experiments.ablation",
    "ablate_backbone": "fractalctl.experiments.finetuning",
    "ablate_capacity": "fractalctl.experiments.axes",
    "ablate_depth": "fractalctl.experiments.depth",
    "ablate_noise": "fractalctl.experiments.axes",
    "bench_head": "fractalctl.experiments.latency",
    "compare": "fractalctl.statistics.comparisons",
    "estimate": "fractalctl.measures.steerability",
    "evaluate_heads": "fractalctl.experiments.evaluating",
    "featurize": "fractalctl.backbones.featurize",
    "find_heads": "fractalctl.heads.head",
    "load_head": "fractalctl.heads.head",
    "nearest": "fractalctl.measures.neighbours",
    "read_observations": "fractalctl.statistics.reading",
    "steerability": "fractalctl.measures.steerability",
    "strategy": "fractalctl.heads.supervision",
    "synthesise": "fractalctl.experiments.synthesis",
    "train_heads": "fractalctl.experiments.training",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fractalctl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
