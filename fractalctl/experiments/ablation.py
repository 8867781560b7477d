"""Controlled comparisons: what all axes that are varied share, and the axis of the supervision itself."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from fractalctl.device import choose_device
from fractalctl.experiments.evaluation_files import reusable
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import kind_suffix, supervisions, train_on
from fractalctl.heads.head import embed_with
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.heads.supervision import Supervision
from fractalctl.heads.training import Run
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.conditions import compare_conditions
from fractalctl.versions import versions
from store import FeatureSet
from store.files import write_json
from store.recipe import identity_of

ENCODING_TYPE = "fractalctl-ablation"
ENCODING_VERSION = "1.0"
CONDITIONS = ("v5", "inverted", "no-prefix", "uhmt", "mrl")
PROTOCOL = Protocol("loo", max_test=2000)
"""The paper's Tables 4 and 8 leave one out among up to 2000 test rows."""
SPLIT_SEED = 42
"""The one hold-out that all conditions and seeds share."""

Document = dict[str, Any]
Compare = Callable[[Sequence[Document]], list[Comparison]]
"""Tests of an axis, corrected over all the files given."""


@dataclass(frozen=True, eq=False)
class Condition:
    """One point of an axis: heads that are trained alike on the same rows.

    Attributes:
        features: the set, or a view of it, that is trained on and evaluated.
        recipe: hyperparameters.
        tables: supervisions.
        seeds: one head each per supervision.
        settings: JSON values that say which point it is, such as ``{"block": 16}``; they stand in every run.
        more: from a run's accuracies by length and level to further keys of it.
    """

    features: FeatureSet
    recipe: TrainingRecipe
    tables: Sequence[Supervision]
    seeds: Sequence[int]
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Callable[[Mapping[str, Mapping[str, float]]], Document] = lambda _: {}

    def identity(self, protocol: Protocol) -> Document:
        """JSON values that fix every number of the condition."""
        return {
            **self.settings,
            "version": ENCODING_VERSION,
            "features": self.features.identity,
            "seeds": list(self.seeds),
            "supervisions": [table.config() for table in self.tables],
            "recipe": self.recipe.config(),
            "protocol": asdict(protocol),
        }

    def runs(self) -> list[Run]:
        """What is trained, in the order of a file."""
        return [Run(table, seed) for table in self.tables for seed in self.seeds]

    def part(self, run: Run, protocol: Protocol, folder: Path) -> tuple[Path, str]:
        """Where one finished run is kept, and its identity."""
        alone = replace(self, tables=[run.supervision], seeds=[run.seed])
        identity = identity_of(alone.identity(protocol))
        return folder / f"{identity}.json", identity

    def train(
        self, runs: Sequence[Run], protocol: Protocol, device: str, progress: Progress
    ) -> Iterator[Document]:
        """Yield each run, once trained and evaluated, in the words of an evaluation file."""
        evaluator = Evaluator(self.features, protocol, choose_device(device))
        recipe = self.recipe
        for trained in train_on(self.features, runs, recipe, device, progress):
            embed = partial(embed_with, recipe.head, trained.weights, recipe.dims)
            measured = evaluator.measure(embed, recipe.dims)
            yield {
                **self.settings,
                "strategy": trained.run.supervision.name,
                "seed": trained.run.seed,
                "best_epoch": trained.best_epoch,
                **measured,
                **self.more(measured["accuracy"]),
            }


@dataclass(frozen=True, eq=False)
class Ablation:
    """One axis on one feature set.

    Attributes:
        axis: its name, in that of the file too.
        features: what the file describes: the set, or the view of it that all conditions share.
        conditions: see `Condition`; at least one.
        recipe: what the conditions depart from.
        seeds: of all conditions.
        protocol: how accuracy is taken.
        compare: the tests in the file.
        about: further keys of the file.
    """

    axis: str
    features: FeatureSet
    conditions: Sequence[Condition]
    recipe: TrainingRecipe
    seeds: Sequence[int]
    protocol: Protocol
    compare: Compare
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """SHA-256 of all that fixes the numbers; look-up and write both use it."""
        fixed = [condition.identity(self.protocol) for condition in self.conditions]
        return identity_of(fixed[0] if len(fixed) == 1 else {"conditions": fixed})

    def path(self, runs: Path) -> Path:
        """RUNS/<corpus>/<backbone>/ablation-<axis>.json, ablation-<axis>-<kind>.json if not linear."""
        name = f"ablation-{self.axis}{kind_suffix(self.recipe.head)}.json"
        return runs / self.features.corpus / self.features.backbone / name

    def write(
        self,
        runs: Path,
        device: str = "auto",
        progress: Progress = silent,
        argv: list[str] | None = None,
    ) -> tuple[Path, Document]:
        """Train and evaluate every condition and write the file; one that is up to date stays as it is.

        Each finished run is kept in ``<file>.parts/`` until all are there, so that a stopped call goes on
        where it was.

        Args:
            runs: folder of runs.
            device: ``auto`` or a PyTorch device.
            progress: shows the steps of each fleet.
            argv: the argument vector that remakes the file.

        Returns:
            The path of the file and its document.

        Raises:
            RequestError: a supervision or the protocol does not fit the set.
        """
        path, identity = self.path(runs), self.identity
        if known := reusable(path, identity, Overwrite.CHANGED):
            return path, known
        evaluator = Evaluator(self.features, self.protocol, choose_device(device))
        parts = path.with_name(f"{path.name}.parts")
        outcomes = [
            outcome
            for condition in self.conditions
            for outcome in _outcomes(condition, self.protocol, parts, device, progress)
        ]
        document = {
            "encoding-type": ENCODING_TYPE,
            "encoding-version": ENCODING_VERSION,
            "axis": self.axis,
            "corpus": self.features.corpus,
            "backbone": self.features.backbone,
            "head": self.recipe.head,
            **evaluator.conditions(),
            "dims": list(self.recipe.dims),
            "seeds": list(self.seeds),
            "recipe": self.recipe.config(),
            "supervisions": {table.name: table.config() for table in self.conditions[0].tables},
            **self.about,
            "runs": outcomes,
            "comparisons": [],
            "identity": identity,
            "features_identity": self.features.identity,
            "versions": versions(),
            "argv": argv,
        }
        document["comparisons"] = [comparison.document() for comparison in self.compare([document])]
        write_json(path, document)
        shutil.rmtree(parts, ignore_errors=True)
        return path, document


def _outcomes(
    condition: Condition, protocol: Protocol, parts: Path, device: str, progress: Progress
) -> list[Document]:
    """All runs of a condition in their order; those that an earlier call finished are read, not trained."""
    places = [condition.part(run, protocol, parts) for run in condition.runs()]
    found = [reusable(*place, Overwrite.CHANGED) for place in places]
    missing = [run for run, known in zip(condition.runs(), found, strict=True) if not known]
    made = condition.train(missing, protocol, device, progress)
    outcomes = []
    for (path, identity), known in zip(places, found, strict=True):
        if known is None:
            known = next(made) | {"identity": identity}
            write_json(path, known)
        outcomes.append({key: value for key, value in known.items() if key != "identity"})
    return outcomes


def fixed_split(recipe: TrainingRecipe | None) -> TrainingRecipe:
    """A recipe, the paper's by default, with the one hold-out that an ablation's conditions share."""
    return replace(recipe or TrainingRecipe(), holdout_seed=SPLIT_SEED)


def ablate_alignment(
    features: FeatureSet,
    runs: Path,
    conditions: Sequence[str] = CONDITIONS,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    protocol: Protocol = PROTOCOL,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
) -> tuple[Path, Document]:
    """Train every strategy with every seed on one split, evaluate, and write ``ablation-alignment.json``.

    Only the supervision varies: architecture, optimiser, split, and each seed's initial weights, batches,
    prefixes and dropout are the same for all conditions (paper, Section 5 and Table 4). A file that is up to
    date stays as it is.

    Args:
        features: trained on its train split, evaluated on its test split.
        runs: the file goes to RUNS/<corpus>/<backbone>/; that of a fractal head is called
            ``ablation-alignment-fractal.json``.
        conditions: names of strategies.
        seeds: one head per condition and seed.
        recipe: hyperparameters; the paper's by default. Its hold-out is fixed at seed 42 here.
        protocol: how accuracy is taken.
        device: ``auto`` or a PyTorch device.
        progress: shows steps.
        argv: the argument vector that remakes the file.

    Returns:
        The path of the file and its document.

    Raises:
        RequestError: a condition is unknown, or the set does not fit the protocol.
    """
    recipe = fixed_split(recipe)
    tables = supervisions(features, recipe, conditions)
    condition = Condition(features, recipe, tables, seeds)
    ablation = Ablation("alignment", features, [condition], recipe, seeds, protocol, compare_conditions)
    return ablation.write(runs, device, progress, argv)
