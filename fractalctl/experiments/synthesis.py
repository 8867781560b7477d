"""Synthetic hierarchies: random coarse partitions of the same fine classes (paper, Section 6.2, Table 5)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.corpora.tree import LabelTree
from fractalctl.device import choose_device
from fractalctl.documents import read_document, write_document
from fractalctl.documents.estimates import Peak
from fractalctl.documents.experiments import PartitionResult, Synthesis
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.addresses import claim, measured_path, set_folder
from fractalctl.experiments.conditions import Condition, Labels, RelabelledSet, run_conditions
from fractalctl.experiments.policy import Note, Overwrite, reusable, unheard
from fractalctl.experiments.training import build_arms
from fractalctl.heads.settings import SEEDS
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics.curves import peak
from fractalctl.versions import versions
from store import FeatureSet
from store.files import drop, unfinished
from store.recipe import identity_of

COARSE = (2, 3, 5, 10, 15, 25, 50, 75)
"""Coarse classes of the paper's Table 5."""
PARTITION_SEEDS = (42, 123, 456)
STRATEGIES = ("v5", "mrl")
FEWEST_CLASSES = 4


@dataclass(frozen=True, eq=False)
class Partition:
    """Coarse classes over the K finest ones.

    Attributes:
        n_groups: K0, how many coarse classes.
        seed: of a random partition; None for the corpus's own coarsest level.
        groups: (K,) int32, the coarse class of each finest class.
    """

    n_groups: int
    seed: int | None
    groups: Labels

    def over(self, features: FeatureSet) -> RelabelledSet:
        """The feature set with two levels: these coarse classes, and its own finest ones."""
        names = tuple(f"group {number}" for number in range(self.n_groups))
        tree = LabelTree((names, features.class_names[-1]), (self.groups,))
        return RelabelledSet.under(features, tree, {"groups": self.groups.tolist()})


def natural_partition(features: FeatureSet) -> Partition:
    """The one that the corpus's own coarsest level makes."""
    tree = LabelTree(features.class_names, features.parents)
    finest = np.arange(tree.class_counts[-1], dtype=np.int32)
    return Partition(tree.class_counts[0], None, tree.lineage(finest)[:, 0])


def random_partition(n_classes: int, n_groups: int, seed: int) -> Partition:
    """Deal shuffled classes out to groups, whose sizes then differ by one at most.

    So H(L0) comes as close to log2 K0 as the rows allow, as in the paper's Table 5.

    Args:
        n_classes: K, finest classes.
        n_groups: K0, coarse classes.
        seed: which partition; those of other sizes under the same seed are drawn independently.

    Raises RequestError: the seed is negative.

    >>> np.bincount(random_partition(10, 3, seed=42).groups).tolist()
    [4, 3, 3]
    """
    if seed < 0:
        raise RequestError(f"--partition-seeds {seed}: a seed is a whole number from 0 on")
    groups = np.empty(n_classes, dtype=np.int32)
    shuffled = generator(seed, Purpose.PARTITION, n_groups).permutation(n_classes)
    groups[shuffled] = np.arange(n_classes) % n_groups
    return Partition(n_groups, seed, groups)


def fitting(features: FeatureSet, coarse: Sequence[int]) -> tuple[list[int], list[int]]:
    """Sort numbers of coarse classes into those that the finest can be divided into, and those too large.

    Returns both in rising order, each number once. Raises RequestError: the finest level has too few classes,
    a number is below two, or none fits.
    """
    n_classes = len(features.class_names[-1])
    if n_classes < FEWEST_CLASSES:
        raise RequestError(
            f"{features.path}: its finest level has {n_classes} classes; synthetic hierarchies need at least "
            f"{FEWEST_CLASSES}"
        )
    sizes = sorted(set(coarse))
    if sizes[0] < 2:
        raise RequestError(f"--coarse {sizes[0]}: a coarse level needs at least two classes")
    kept = [number for number in sizes if number < n_classes]
    if not kept:
        raise RequestError(
            f"--coarse {','.join(map(str, sizes))}: {features.path} has {n_classes} classes at its finest "
            "level, so the coarse ones must be fewer"
        )
    return kept, sizes[len(kept) :]


def synthesise(
    features: FeatureSet,
    runs: Path,
    coarse: Sequence[int] = COARSE,
    partition_seeds: Sequence[int] = PARTITION_SEEDS,
    strategies: Sequence[str] = STRATEGIES,
    trunk: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = SEEDS,
    protocol: Protocol | None = None,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
    note: Note = unheard,
    usual: str = "loo",
) -> tuple[Path, Synthesis]:
    """Vary the number of coarse classes over the same texts and fine classes, and write ``synth.json``.

    H(finest) stays what it is, so that a larger H(L0) leaves a smaller H(L1|L0). The corpus's own coarsest
    level is trained as one more partition, for comparison. A file that is up to date stays as it is; one of
    another request has a hash in its name, and takes over the partitions that the others have. Finished runs
    are kept in ``<file>.parts/`` until all are there, so that a stopped call goes on from where it was.

    Args:
        features: trained on its train split, evaluated on its test split; at least four finest classes.
        runs: the file goes to the set's folder below this one.
        coarse: numbers of coarse classes, K0; those too large are left out, see `fitting`.
        partition_seeds: one random partition of every K0 for each.
        strategies: names.
        trunk: of those that have one; None is each strategy's own.
        settings: in which the arms depart from their defaults.
        seeds: one head each per partition and arm.
        protocol: how accuracy is taken; the paper's loo-500 by default.
        usual: name of the protocol that is not part of the file's name.

    Returns the path of the file and its document. Raises RequestError: a strategy is unknown, no K0 fits, or
    the set does not fit the protocol.
    """
    kept, _ = fitting(features, coarse)
    natural, rule = natural_partition(features), protocol or Protocol()
    arms = {arm.label: arm for arm in build_arms(strategies, 2, trunk, settings)}
    asked: dict[str, Any] = {
        "coarse": kept,
        "partition_seeds": list(dict.fromkeys(partition_seeds)),
        "arms": list(arms),
        "seeds": list(dict.fromkeys(seeds)),
    }
    plain = {
        "coarse": fitting(features, COARSE)[0],
        "partition_seeds": list(PARTITION_SEEDS),
        "arms": list(STRATEGIES),
        "seeds": list(SEEDS),
    }
    draws = [(number, seed) for number in kept for seed in asked["partition_seeds"]]
    partitions = [natural, *(random_partition(len(natural.groups), *draw) for draw in draws)]
    conditions = [Condition(partition.over(features), arms, asked["seeds"]) for partition in partitions]
    identities = [_identity(condition, rule) for condition in conditions]
    identity = identity_of({"version": Synthesis.CURRENT, "partitions": identities})
    folder = set_folder(runs, features)
    departing = {name: asked[name] for name in asked if asked[name] != plain[name]}
    path = measured_path(folder, "synth", departing, rule, Protocol(usual))
    parts = path.with_name(f"{path.name}.parts")
    if known := reusable(path, Synthesis, identity, Overwrite.CHANGED, note):
        drop(parts)  # left by a call that was killed at its very end
        return path, known
    evaluator = Evaluator(features, rule, choose_device(device))
    claim(folder, features)
    with unfinished(parts):
        if known := reusable(path, Synthesis, identity, Overwrite.CHANGED):
            return path, known  # another process has made it meanwhile
        finished, results = _finished(folder), []
        for place, own in enumerate(identities):
            said = _numbered(progress, place + 1, len(partitions))
            made = finished.get(own) or _result(
                partitions[place], conditions[place], rule, parts, device, said
            )
            results.append(made)
        document = Synthesis(
            **evaluator.conditions(next(iter(arms.values())).dims),
            seeds=asked["seeds"],
            coarse=kept,
            partition_seeds=asked["partition_seeds"],
            arms={label: arm.name() for label, arm in arms.items()},
            natural=results[0],
            partitions=results[1:],
            curves=curves(results[1:], list(arms)),
            identity=identity,
            versions=versions(),
            argv=argv,
        )
        write_document(path, document)
    return path, document


def _identity(condition: Condition, protocol: Protocol) -> str:
    """SHA-256 of what fixes the numbers of one partition; look-up and write both use it."""
    return identity_of({"runs": [condition.identity(job, protocol) for job in condition.jobs()]})


def _result(
    partition: Partition,
    condition: Condition,
    protocol: Protocol,
    parts: Path,
    device: str,
    progress: Progress,
) -> PartitionResult:
    """Train and measure the heads of one partition."""
    found = run_conditions([condition], protocol, parts, device, progress)
    evaluator = Evaluator(condition.features, protocol, choose_device(device))
    return PartitionResult(
        coarse=partition.n_groups,
        partition_seed=partition.seed,
        groups=partition.groups.tolist(),
        profile=evaluator.profile(next(iter(condition.arms.values())).dims),
        runs=found,
        identity=_identity(condition, protocol),
    )


def _finished(folder: Path) -> dict[str, PartitionResult]:
    """Partitions of all files that are there, by identity."""
    found: dict[str, PartitionResult] = {}
    for path in sorted(folder.glob("synth*.json")):
        with suppress(FractalError):
            document = read_document(path, Synthesis)
            found |= {one.identity: one for one in (document.natural, *document.partitions)}
    return found


def _numbered(progress: Progress, number: int, total: int) -> Progress:
    """The same progress, which also says how far the whole experiment is."""
    return lambda description, steps: progress(f"partition {number} of {total}: {description}", steps)


def curves(partitions: Sequence[PartitionResult], arms: Sequence[str]) -> dict[str, Peak]:
    """Fit S over H(L0) for each arm, and for the difference of every two as "a - b".

    A partition's S is the mean over training seeds; the fit goes through the means of each K0.

    Args:
        partitions: random ones, in the order of K0.
    """
    sizes = list(dict.fromkeys(one.coarse for one in partitions))
    groups = [[one for one in partitions if one.coarse == size] for size in sizes]
    entropies = [[one.profile.h_l0 for one in group] for group in groups]
    values = {arm: [[_mean(one, arm) for one in group] for group in groups] for arm in arms}
    for a, b in combinations(arms, 2):
        pairs = zip(values[a], values[b], strict=True)
        values[f"{a} - {b}"] = [list(np.subtract(*pair)) for pair in pairs]
    return {name: peak(entropies, found) for name, found in values.items()}


def _mean(partition: PartitionResult, arm: str) -> float:
    """Mean S over the training seeds of an arm."""
    return float(np.mean([run.steerability.s for run in partition.runs if run.arm == arm]))
