"""Synthetic hierarchies: random coarse partitions of the same fine classes (paper, Section 6.2, Table 5)."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.device import choose_device
from fractalctl.experiments.ablation import Condition
from fractalctl.experiments.evaluation_files import reusable
from fractalctl.experiments.partitions import Partition, fitting, natural_partition, random_partition
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import kind_suffix, supervisions
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.heads.supervision import Supervision
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.peaks import peak
from fractalctl.versions import versions
from store import FeatureSet
from store.errors import StoreError
from store.files import read_json, write_json
from store.recipe import identity_of

ENCODING_TYPE = "fractalctl-synth"
ENCODING_VERSION = "1.0"
COARSE = (2, 3, 5, 10, 15, 25, 50, 75)
"""Coarse classes of the paper's Table 5."""
PARTITION_SEEDS = (42, 123, 456)
STRATEGIES = ("v5", "mrl")
DIFFERENCE = "v5-mrl"
"""Key of the curve of the difference between both."""

Document = dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Experiment:
    """What is the same for every partition."""

    features: FeatureSet
    tables: Sequence[Supervision]
    seeds: Sequence[int]
    recipe: TrainingRecipe
    protocol: Protocol
    device: str

    def condition(self, partition: Partition) -> Condition:
        """The heads of one partition: every strategy and seed, trained on its labels as one fleet."""
        return Condition(partition.over(self.features), self.recipe, self.tables, self.seeds)

    def identity(self, partition: Partition) -> str:
        """SHA-256 of what fixes the numbers of one partition; look-up and write both use it."""
        return identity_of(self.condition(partition).identity(self.protocol))

    def run(self, partition: Partition, progress: Progress) -> Document:
        """Train and evaluate the heads of one partition."""
        condition = self.condition(partition)
        evaluator = Evaluator(condition.features, self.protocol, choose_device(self.device))
        return {
            "groups": partition.groups.tolist(),
            "profile": evaluator.profile.document(),
            "runs": list(condition.train(condition.runs(), self.protocol, self.device, progress)),
            "identity": self.identity(partition),
        }

    def conditions(self) -> Document:
        """What holds for all partitions: corpus, protocol, recipe."""
        evaluator = Evaluator(self.features, self.protocol, choose_device(self.device))
        return {
            "corpus": self.features.corpus,
            "backbone": self.features.backbone,
            "head": self.recipe.head,
            **evaluator.conditions(),
            "dims": list(self.recipe.dims),
            "seeds": list(self.seeds),
            "recipe": self.recipe.config(),
            "supervisions": {table.name: table.config() for table in self.tables},
        }


def synthesise(
    features: FeatureSet,
    runs: Path,
    coarse: Sequence[int] = COARSE,
    partition_seeds: Sequence[int] = PARTITION_SEEDS,
    strategies: Sequence[str] = STRATEGIES,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    protocol: Protocol | None = None,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
) -> tuple[Path, Document]:
    """Vary the number of coarse classes over the same texts and fine classes, and write ``synth.json``.

    H(finest) stays what it is, so that a larger H(L0) leaves a smaller H(L1|L0). The corpus's own coarsest
    level is trained as one more partition, for comparison. A file that is up to date stays as it is; else
    those of its partitions that are still wanted do. Finished partitions are kept in ``synth.json.parts/``
    until all are there, so that a stopped call goes on from where it was.

    Args:
        features: trained on its train split, evaluated on its test split; at least four finest classes.
        runs: the file goes to RUNS/<corpus>/<backbone>/; that of a fractal head is ``synth-fractal.json``.
        coarse: numbers of coarse classes, K0; those too large are left out, see `fitting`.
        partition_seeds: one random partition of every K0 for each.
        strategies: names of supervisions.
        seeds: one head each per partition and strategy.
        recipe: hyperparameters; the paper's by default.
        protocol: how accuracy is taken; the paper's loo-500 by default.
        device: ``auto`` or a PyTorch device.
        progress: shows the steps of each partition.
        argv: the argument vector that remakes the file.

    Returns:
        The path of the file and its document.

    Raises:
        RequestError: a strategy is unknown, no K0 fits, or the set does not fit the protocol.
    """
    recipe = recipe or TrainingRecipe()
    kept, _ = fitting(features, coarse)
    natural = natural_partition(features)
    n_classes, draws = len(natural.groups), list(dict.fromkeys(partition_seeds))
    tables = supervisions(natural.over(features), recipe, dict.fromkeys(strategies))
    experiment = _Experiment(
        features, tables, list(dict.fromkeys(seeds)), recipe, protocol or Protocol(), device
    )
    partitions = [
        natural,
        *(random_partition(n_classes, number, seed) for number in kept for seed in draws),
    ]
    path = runs / features.corpus / features.backbone / f"synth{kind_suffix(recipe.head)}.json"
    identity = _identity(experiment, partitions)
    if known := reusable(path, identity, Overwrite.CHANGED):
        return path, known
    document = {
        "encoding-type": ENCODING_TYPE,
        "encoding-version": ENCODING_VERSION,
        **experiment.conditions(),
        "coarse": kept,
        "partition_seeds": draws,
        **_results(experiment, partitions, path, progress),
        "identity": identity,
        "features_identity": features.identity,
        "versions": versions(),
        "argv": argv,
    }
    write_json(path, document)
    shutil.rmtree(_unfinished(path), ignore_errors=True)
    return path, document


def _identity(experiment: _Experiment, partitions: Sequence[Partition]) -> str:
    """SHA-256 of what fixes the whole file."""
    fixed = [[one.n_groups, one.seed, experiment.identity(one)] for one in partitions]
    return identity_of({"version": ENCODING_VERSION, "partitions": fixed})


def _unfinished(path: Path) -> Path:
    """Where the partitions of a file lie until all are there."""
    return path.with_name(f"{path.name}.parts")


def _results(
    experiment: _Experiment, partitions: Sequence[Partition], path: Path, progress: Progress
) -> Document:
    """Every partition, the natural one first; those that the file or a stopped call has made are taken."""
    known, done = _known(path), []
    for number, partition in enumerate(partitions, start=1):
        identity = experiment.identity(partition)
        kept = _unfinished(path) / f"{partition.name}.json"
        found = known.get(identity) or reusable(kept, identity, Overwrite.CHANGED)
        if found is None:
            found = experiment.run(partition, _numbered(progress, number, len(partitions)))
            write_json(kept, found)
        done.append({**found, "coarse": partition.n_groups, "partition_seed": partition.seed})
    names = [table.name for table in experiment.tables]
    return {"natural": done[0], "partitions": done[1:], "curves": curves(done[1:], names)}


def _known(path: Path) -> dict[str, Document]:
    """Partitions of the file that is about to be replaced, by identity."""
    try:
        document = read_json(path)
        return {one["identity"]: one for one in [document["natural"], *document["partitions"]]}
    except (StoreError, KeyError, TypeError):
        return {}


def _numbered(progress: Progress, number: int, total: int) -> Progress:
    """The same progress, which also says how far the whole experiment is."""
    return lambda description, steps: progress(f"partition {number} of {total}: {description}", steps)


def curves(partitions: Sequence[Document], strategies: Sequence[str]) -> dict[str, Document]:
    """Fit S over H(L0) for each strategy, and for the difference between v5 and mrl where both are there.

    A partition's S is the mean over training seeds; the fit goes through the means of each K0.

    Args:
        partitions: as `synthesise` writes them.
        strategies: their names.

    Returns:
        What `fractalctl.statistics.peaks.peak` finds, as JSON values.
    """
    sizes = list(dict.fromkeys(one["coarse"] for one in partitions))
    groups = [[one for one in partitions if one["coarse"] == size] for size in sizes]
    entropies = [[one["profile"]["h_l0"] for one in group] for group in groups]
    values = {name: [[_mean(one, name) for one in group] for group in groups] for name in strategies}
    if set(STRATEGIES) <= set(strategies):
        pairs = zip(values["v5"], values["mrl"], strict=True)
        values[DIFFERENCE] = [list(np.subtract(*pair)) for pair in pairs]
    return {name: asdict(peak(entropies, found)) for name, found in values.items()}


def _mean(partition: Mapping[str, Any], strategy: str) -> float:
    """Mean S over the training seeds of a strategy."""
    runs = [run for run in partition["runs"] if run["strategy"] == strategy]
    return float(np.mean([run["steerability"]["S"] for run in runs]))
