"""Steerable text embeddings: train, measure and compare heads whose prefixes answer coarser questions.

Whatever a command does, a notebook can do with these names, and a plug-in builds on them. They are
loaded on first use, so that importing `fractalctl` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractalctl.backbones.featurize import featurize as featurize
    from fractalctl.corpora.columns import TextFile as TextFile
    from fractalctl.corpora.corpus import Corpus as Corpus
    from fractalctl.corpora.request import CorpusRequest as CorpusRequest
    from fractalctl.corpora.tree import LabelTree as LabelTree
    from fractalctl.documents.evaluation import Evaluation as Evaluation
    from fractalctl.documents.latency import LatencyRecipe as LatencyRecipe
    from fractalctl.errors import FractalError as FractalError
    from fractalctl.errors import RequestError as RequestError
    from fractalctl.experiments.ablation import ablate as ablate
    from fractalctl.experiments.embedding import Embedder as Embedder
    from fractalctl.experiments.evaluating import evaluate_heads as evaluate_heads
    from fractalctl.experiments.exporting import export_head as export_head
    from fractalctl.experiments.latency import bench_head as bench_head
    from fractalctl.experiments.latency import bench_random as bench_random
    from fractalctl.experiments.report import compare_arms as compare_arms
    from fractalctl.experiments.report import report_results as report_results
    from fractalctl.experiments.search import Lookup as Lookup
    from fractalctl.experiments.search import search_rows as search_rows
    from fractalctl.experiments.search import search_texts as search_texts
    from fractalctl.experiments.synthesis import synthesise as synthesise
    from fractalctl.experiments.training import build_arms as build_arms
    from fractalctl.experiments.training import train_heads as train_heads
    from fractalctl.experiments.vector_files import VectorRequest as VectorRequest
    from fractalctl.experiments.vector_files import write_text_vectors as write_text_vectors
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

_NAMES = {
    "corpora.columns": "TextFile",
    "backbones.featurize": "featurize",
    "corpora.corpus": "Corpus",
    "corpora.request": "CorpusRequest",
    "corpora.tree": "LabelTree",
    "documents.evaluation": "Evaluation",
    "documents.latency": "LatencyRecipe",
    "errors": "FractalError RequestError",
    "experiments.ablation": "ablate",
    "experiments.embedding": "Embedder",
    "experiments.evaluating": "evaluate_heads",
    "experiments.exporting": "export_head",
    "experiments.latency": "bench_head bench_random",
    "experiments.report": "report_results compare_arms",
    "experiments.search": "Lookup search_rows search_texts",
    "experiments.synthesis": "synthesise",
    "experiments.training": "build_arms train_heads",
    "experiments.vector_files": "VectorRequest write_text_vectors",
    "export.exporter": "Exporter",
    "heads.arms": "Arm Strategy build_arm read_arm strategies",
    "heads.head": "Head find_heads load_head",
    "heads.fitted": "Fitted",
    "heads.method": "GradientMethod LinearMap Method",
    "heads.settings": "MethodSettings TrainingSettings",
    "heads.terms": "Objective Term",
    "measures.evaluation": "Evaluator",
    "measures.metrics": "Metric Subject",
    "measures.neighbours": "nearest",
    "measures.protocols": "Protocol",
    "measures.steerability": "estimate steerability",
    "statistics.comparisons": "compare",
    "statistics.document": "Options analyse",
    "statistics.reading": "read_observations",
    "statistics.summary": "summarise",
}
_HOMES = {name: f"fractalctl.{module}" for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fractalctl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
