"""The whole road on text that is already installed: featurize, train, evaluate, compare, draw, search."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fractalctl.backbones.featurize import featurize
from fractalctl.corpora.request import CorpusRequest
from fractalctl.experiments.evaluating import Evaluations, evaluate_heads
from fractalctl.experiments.training import TrainedHeads, supervisions, train_heads
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.measures.protocols import Protocol
from fractalctl.measures.zoom import Zoom, telling_rows, zoom
from fractalctl.progress import Progress, silent
from fractalctl.report.figures import prefix_accuracy, save_figure
from fractalctl.statistics.document import Options, analyse
from fractalctl.statistics.reading import read_observations
from store import FeatureSet, FeatureStore
from store.files import write_json

CORPUS, BACKBONE, STRATEGIES = "pydocs", "minilm", ("v5", "mrl")
PROTOCOL = Protocol("loo")
QUERIES_SHOWN = 3


@dataclass(frozen=True)
class Demonstration:
    """Everything the road came to.

    Attributes:
        features: the feature set.
        heads: of both strategies and five seeds.
        evaluations: of the heads, in the same order.
        statistics: path of ``stats.json``.
        figures: prefix accuracies as PNG and PDF.
        zooms: queries answered at the shortest and the full length, by the first v5 head.
    """

    features: FeatureSet
    heads: TrainedHeads
    evaluations: Evaluations
    statistics: Path
    figures: tuple[Path, ...]
    zooms: tuple[Zoom, ...]


def demonstrate(
    store: FeatureStore,
    runs: Path,
    device: str = "auto",
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> Demonstration:
    """Featurize ``pydocs`` with ``minilm``, train v5 and mrl with five seeds, measure and compare them.

    Args:
        store: where the feature set goes.
        runs: where heads and results go.
        device: ``auto`` or a PyTorch device.
        progress: one bar for each long step.
        note: told what happens.

    Raises:
        UnreachableError: the backbone's weights are not installed and cannot be fetched.
    """
    note("1/5 featurize: docstrings of the installed packages through a frozen MiniLM")
    features = featurize(CorpusRequest(CORPUS), BACKBONE, store, progress=progress, note=note)
    note("2/5 train: one head per strategy and seed, all together")
    recipe = TrainingRecipe()
    tables = supervisions(features, recipe, STRATEGIES)
    heads = train_heads(features, tables, runs, SEEDS, recipe, device=device, progress=progress)
    note("3/5 evaluate: k-NN at every prefix and level")
    evaluations = evaluate_heads(heads.heads, PROTOCOL, store, device=device, progress=progress)
    note("4/5 compare: paired tests over seeds")
    folder = runs / features.corpus / features.backbone
    statistics = folder / "stats.json"
    write_json(statistics, analyse(read_observations(evaluations.paths), Options(correction="holm")))
    note("5/5 draw, and search at two lengths")
    drawn = prefix_accuracy([(features.corpus, evaluations.documents)])
    figures = save_figure(drawn, folder / "prefix-accuracy")
    head = next(head for head in heads.heads if head.strategy == "v5")
    zooms = zoom(head, features, telling_rows(head, features, QUERIES_SHOWN))
    return Demonstration(features, heads, evaluations, statistics, tuple(figures), tuple(zooms))
