"""Hierarchies of three levels and more: does each finer level need further dimensions (paper, Table 8)?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.corpora.registry import registered
from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments.ablation import PROTOCOL, Ablation, Condition, Document, fixed_split
from fractalctl.experiments.axes import STRATEGIES
from fractalctl.experiments.relabelled import RelabelledSet
from fractalctl.experiments.training import supervisions
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.measures.levels import level_measures
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.points import compare_levels
from store import FeatureSet

Groups = Mapping[str, Sequence[str]]
"""Classes of a level by the class above them."""


def ablate_depth(
    features: FeatureSet,
    runs: Path,
    conditions: Sequence[str] = STRATEGIES,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    protocol: Protocol = PROTOCOL,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
) -> tuple[Path, Document]:
    """Compare strategies on three or more levels, and write ``ablation-depth.json`` (paper, Table 8).

    v5 places its prefixes between all D levels, see `fractalctl.heads.supervision.aligned`. A set of two
    levels is looked at with a third on top where its corpus is known to have one (`deepened`).

    Args:
        features: trained on its train split, evaluated on its test split.
        runs: the file goes to RUNS/<corpus>/<backbone>/.
        conditions: names of strategies.
        seeds: one head per strategy and seed.
        recipe: hyperparameters; the paper's by default.
        protocol: how accuracy is taken.
        device: ``auto`` or a PyTorch device.
        progress: shows steps.
        argv: the argument vector that remakes the file.

    Raises:
        RequestError: the set has two levels and none is known above them, a strategy is unknown, or the set
            does not fit the protocol.
    """
    recipe, groups = fixed_split(recipe), None
    deep = features
    if features.n_levels < 3:
        groups = known_groups(features)
        deep = deepened(features, groups)
    tables = supervisions(deep, recipe, conditions)
    condition = Condition(deep, recipe, tables, seeds, {"levels": deep.n_levels}, level_measures)
    about: dict[str, Any] = {
        "levels": deep.n_levels,
        "added_level": groups,
        "base_identity": features.identity,
    }
    ablation = Ablation("depth", deep, [condition], recipe, seeds, protocol, compare_levels, about)
    return ablation.write(runs, device, progress, argv)


def known_groups(features: FeatureSet) -> Groups:
    """The classes of the level that the registry knows right above a set's coarsest one.

    The paper's three-level CLINC has 5 super-domains and names none of them; those of the registry are ours.

    Raises:
        RequestError: the registry knows none.
    """
    spec, coarsest = registered().get(features.corpus), set(features.class_names[0])
    for groups in spec.groups.values() if spec else ():
        if coarsest <= {child for children in groups.values() for child in children}:
            return groups
    raise RequestError(
        f"{features.path}: has {features.n_levels} levels, and none is known above them; --axis depth needs "
        "three. Featurize the corpus with a third one in --levels, or take one that has it, such as pydocs"
    )


def deepened(features: FeatureSet, groups: Groups) -> RelabelledSet:
    """A view of a set with one more level on top.

    Args:
        features: the set, of D levels.
        groups: the classes of its coarsest level by the new class above them.

    Returns:
        The view, of D + 1 levels; class ids of the set's own levels stay as they are.
    """
    above = {child: group for group, children in groups.items() for child in children}
    parents = [above[name] for name in features.class_names[0]]
    names = tuple(sorted(set(parents)))
    top = np.array([names.index(parent) for parent in parents], dtype=np.int32)
    tree = LabelTree((names, *features.class_names), (top, *features.parents))
    return RelabelledSet.under(features, tree, {"above": [list(pair) for pair in above.items()]})
