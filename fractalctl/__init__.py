"""Steerable text embeddings: train, measure and compare heads whose prefixes answer coarser questions.

Whatever a command does, a notebook can do with these names, and a plug-in builds on them. They are
loaded on first use, so that importing `fractalctl` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractalctl.backbones.featurize import featurize as featurize
    from fractalctl.corpora.corpus import Corpus as Corpus
    from fractalctl.corpora.request import CorpusRequest as CorpusRequest
    from fractalctl.corpora.texts import TextFile as TextFile
    from fractalctl.corpora.tree import LabelTree as LabelTree
    from fractalctl.documents.evaluation import Evaluation as Evaluation
    from fractalctl.documents.latency import LatencyRecipe as LatencyRecipe
    from fractalctl.errors import FractalError as FractalError
    from fractalctl.errors import RequestError as RequestError
    from fractalctl.experiments.ablation import ablate as ablate
    from fractalctl.experiments.comparing import compare_arms as compare_arms
    from fractalctl.experiments.embedding import Embedder as Embedder
    from fractalctl.experiments.evaluating import evaluate_heads as evaluate_heads
    from fractalctl.experiments.exporting import export_head as export_head
    from fractalctl.experiments.latency import bench_head as bench_head
    from fractalctl.experiments.latency import bench_random as bench_random
    from fractalctl.experiments.report import report_results as report_results
    from fractalctl.experiments.search import Lookup as Lookup
    from fractalctl.experiments.search import search_rows as search_rows
    from fractalctl.experiments.search import search_texts as search_texts
    from fractalctl.experiments.synthesis import synthesise as synthesise
    from fractalctl.experiments.training import build_arms as build_arms
    from fractalctl.experiments.training import train_heads as train_heads
    from fractalctl.experiments.vector_files import VectorRequest as VectorRequest
    from fractalctl.experiments.vector_files import write_text_vectors as write_text_vectors
    from fractalctl.experiments.zoom import show_zooms as show_zooms
    from fractalctl.export.exporter import Exporter as Exporter
    from fractalctl.heads.arms import Arm as Arm
    from fractalctl.heads.arms import Strategy as Strategy
    from fractalctl.heads.arms import build_arm as build_arm
    from fractalctl.heads.arms import read_arm as read_arm
    from fractalctl.heads.arms import strategies as strategies
    from fractalctl.heads.fitted import Fitted as Fitted
    from fractalctl.heads.head import Head as Head
    from fractalctl.heads.head import find_heads as find_heads
    from fractalctl.heads.head import load_head as load_head
    from fractalctl.heads.method import GradientMethod as GradientMethod
    from fractalctl.heads.method import LinearMap as LinearMap
    from fractalctl.heads.method import Method as Method
    from fractalctl.heads.settings import MethodSettings as MethodSettings
    from fractalctl.heads.settings import TrainingSettings as TrainingSettings
    from fractalctl.heads.terms import Objective as Objective
    from fractalctl.heads.terms import Term as Term
    from fractalctl.measures.evaluation import Evaluator as Evaluator
    from fractalctl.measures.metrics import Metric as Metric
    from fractalctl.measures.metrics import Subject as Subject
    from fractalctl.measures.neighbours import nearest as nearest
    from fractalctl.measures.protocols import Protocol as Protocol
    from fractalctl.measures.steerability import estimate as estimate
    from fractalctl.measures.steerability import steerability as steerability
    from fractalctl.statistics.comparisons import compare as compare
    from fractalctl.statistics.document import Options as Options
    from fractalctl.statistics.document import analyse as analyse
    from fractalctl.statistics.reading import read_observations as read_observations
    from fractalctl.statistics.summary import summarise as summarise

_HOMES = {
    "Arm": "fractalctl.heads.arms",
    "Corpus": "fractalctl.corpora.corpus",
    "CorpusRequest": "fractalctl.corpora.request",
    "Embedder": "fractalctl.experiments.embedding",
    "Evaluation": "fractalctl.documents.evaluation",
    "Evaluator": "fractalctl.measures.evaluation",
    "Fitted": "fractalctl.heads.fitted",
    "FractalError": "fractalctl.errors",
    "GradientMethod": "fractalctl.heads.method",
    "Head": "fractalctl.heads.head",
    "Exporter": "fractalctl.export.exporter",
    "LabelTree": "fractalctl.corpora.tree",
    "LatencyRecipe": "fractalctl.documents.latency",
    "LinearMap": "fractalctl.heads.method",
    "Lookup": "fractalctl.experiments.search",
    "Method": "fractalctl.heads.method",
    "MethodSettings": "fractalctl.heads.settings",
    "Metric": "fractalctl.measures.metrics",
    "Objective": "fractalctl.heads.terms",
    "Options": "fractalctl.statistics.document",
    "Protocol": "fractalctl.measures.protocols",
    "RequestError": "fractalctl.errors",
    "Strategy": "fractalctl.heads.arms",
    "Subject": "fractalctl.measures.metrics",
    "Term": "fractalctl.heads.terms",
    "TrainingSettings": "fractalctl.heads.settings",
    "TextFile": "fractalctl.corpora.texts",
    "VectorRequest": "fractalctl.experiments.vector_files",
    "ablate": "fractalctl.experiments.ablation",
    "analyse": "fractalctl.statistics.document",
    "bench_head": "fractalctl.experiments.latency",
    "bench_random": "fractalctl.experiments.latency",
    "build_arm": "fractalctl.heads.arms",
    "build_arms": "fractalctl.experiments.training",
    "compare": "fractalctl.statistics.comparisons",
    "compare_arms": "fractalctl.experiments.comparing",
    "estimate": "fractalctl.measures.steerability",
    "evaluate_heads": "fractalctl.experiments.evaluating",
    "featurize": "fractalctl.backbones.featurize",
    "export_head": "fractalctl.experiments.exporting",
    "find_heads": "fractalctl.heads.head",
    "load_head": "fractalctl.heads.head",
    "nearest": "fractalctl.measures.neighbours",
    "read_arm": "fractalctl.heads.arms",
    "read_observations": "fractalctl.statistics.reading",
    "report_results": "fractalctl.experiments.report",
    "search_rows": "fractalctl.experiments.search",
    "search_texts": "fractalctl.experiments.search",
    "show_zooms": "fractalctl.experiments.zoom",
    "steerability": "fractalctl.measures.steerability",
    "strategies": "fractalctl.heads.arms",
    "summarise": "fractalctl.statistics.summary",
    "synthesise": "fractalctl.experiments.synthesis",
    "train_heads": "fractalctl.experiments.training",
    "write_text_vectors": "fractalctl.experiments.vector_files",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fractalctl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
