"""The whole road on text that is already installed: featurize, train, evaluate, compare, draw, search."""

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from fractalctl.backbones.featurize import featurize
from fractalctl.corpora.request import CorpusRequest
from fractalctl.documents import write_document
from fractalctl.documents.statistics import Statistics
from fractalctl.experiments.addresses import choose_head, set_folder
from fractalctl.experiments.evaluating import Evaluations, evaluate_heads
from fractalctl.experiments.policy import Note, unheard
from fractalctl.experiments.training import TrainedHeads, build_arms, train_heads
from fractalctl.measures.protocols import Protocol
from fractalctl.measures.search import Answered, telling_rows, zoom
from fractalctl.progress import Progress, silent
from fractalctl.report import Results
from fractalctl.report.figures import save_figure
from fractalctl.report.sections import accuracy
from fractalctl.statistics.document import Options, analyse
from fractalctl.statistics.reading import observation
from fractalctl.tables import Picture
from fractalctl.versions import versions
from store import FeatureSet, FeatureStore

CORPUS, BACKBONE, STRATEGIES = "pydocs", "minilm", ("zoom", "mrl")
PROTOCOL = Protocol("index")
QUERIES_SHOWN = 3


@dataclass(frozen=True)
class Demonstration:
    """What `demonstrate` returns.

    Attributes:
        evaluations: of the heads, in the same order.
        figures: prefix accuracies as PNG and PDF.
        zooms: queries answered at the shortest and the full length, by the first head of the first strategy.
    """

    features: FeatureSet
    heads: TrainedHeads
    evaluations: Evaluations
    statistics: Statistics
    statistics_path: Path
    figures: tuple[Path, ...]
    zooms: tuple[Answered, ...]


def demonstrate(
    store: FeatureStore,
    runs: Path,
    device: str = "auto",
    progress: Progress = silent,
    note: Note = unheard,
) -> Demonstration:
    """Featurize ``pydocs`` with ``minilm``, train zoom and mrl with five seeds, measure and compare them.

    Raises UnreachableError: the backbone's weights are not installed and cannot be fetched.
    """
    note("1/5 featurize: docstrings of the installed packages through a frozen MiniLM")
    features = featurize(CorpusRequest(CORPUS), BACKBONE, store, progress=progress, note=note)
    note("2/5 train: one head per strategy and seed, all together")
    arms = build_arms(STRATEGIES, features.n_levels)
    heads = train_heads(features, arms, runs, device=device, progress=progress, note=note)
    note("3/5 evaluate: k-NN at every prefix and level")
    evaluations = evaluate_heads(heads.heads, PROTOCOL, store, device=device, progress=progress, note=note)
    note("4/5 compare: paired tests over seeds")
    folder = set_folder(runs, features)
    measured = [
        observation(one, str(path))
        for one, path in zip(evaluations.documents, evaluations.paths, strict=True)
    ]
    options = Options(pairs=(STRATEGIES,), correction="holm")
    statistics = replace(analyse(measured, options), versions=versions())
    write_document(folder / "stats.json", statistics)
    note("5/5 draw, and search at two lengths")
    section = accuracy.build(Results(evaluations=evaluations.documents))
    pictures = [part for part in section.parts if isinstance(part, Picture)] if section else []
    figures = [path for part in pictures for path in save_figure(part.draw(), folder / "prefix-accuracy")]
    head = choose_head([one.folder for one in heads.heads])
    zooms = zoom(head, features, telling_rows(head, features, QUERIES_SHOWN))
    return Demonstration(
        features, heads, evaluations, statistics, folder / "stats.json", tuple(figures), tuple(zooms)
    )
