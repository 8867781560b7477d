"""Coarse classes over the finest ones of a feature set: the corpus's own, or random ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments.relabelled import Labels, RelabelledSet, two_levels
from store import FeatureSet

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

    @property
    def name(self) -> str:
        """What progress bars and files of unfinished work call it."""
        return "natural" if self.seed is None else f"coarse-{self.n_groups}-partition-{self.seed}"

    def over(self, features: FeatureSet) -> RelabelledSet:
        """The feature set with two levels: these coarse classes, and its own finest ones."""
        names = [f"group {number}" for number in range(self.n_groups)]
        tree = two_levels(features.class_names[-1], self.groups, names)
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

    Raises:
        RequestError: the seed is negative.

    >>> np.bincount(random_partition(10, 3, seed=42).groups).tolist()
    [4, 3, 3]
    """
    if seed < 0:
        raise RequestError(f"--partition-seeds {seed}: a seed is a whole number from 0 on")
    groups = np.empty(n_classes, dtype=np.int32)
    shuffled = np.random.default_rng([seed, n_groups]).permutation(n_classes)
    groups[shuffled] = np.arange(n_classes) % n_groups
    return Partition(n_groups, seed, groups)


def fitting(features: FeatureSet, coarse: Sequence[int]) -> tuple[list[int], list[int]]:
    """Sort numbers of coarse classes into those that the finest can be divided into, and those too large.

    Returns:
        Both in rising order, each number once.

    Raises:
        RequestError: the finest level has too few classes, a number is below two, or none fits.
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
