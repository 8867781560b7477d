"""Axes on frozen features: supervision, capacity of a block, noise in coarse labels, depth of the tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fractalctl.corpora.registry import registered_corpora
from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments.conditions import Condition, Study
from fractalctl.experiments.views import Labels, RelabelledSet
from fractalctl.heads.arms import Arm
from fractalctl.measures.steerability import level_measures
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

BLOCKS = (16, 32, 48, 64, 96, 128)
"""Numbers per block of the paper's Figure 6."""
NOISE = (0, 10, 20, 30, 40, 50)
"""Percent of the training rows whose coarse label is wrong (paper, Section 8: 10 to 50)."""

Groups = Mapping[str, Sequence[str]]
"""Classes of a level by the class above them."""


@dataclass(frozen=True)
class Plan:
    """What an axis makes of a study.

    Attributes:
        features: what the file describes: the set, or the view of it that all conditions share.
        arms: what the conditions depart from, by label.
        conditions: at least one.
        varied: key of the points; None where the arms are what is varied.
        values: of that key, in order.
        about: further keys of the file.
        departing: what departs from the axis's defaults, as JSON values.
    """

    features: FeatureSet
    arms: Mapping[str, Arm]
    conditions: Sequence[Condition]
    varied: str | None = None
    values: Sequence[int | float | str] = ()
    about: Mapping[str, int | float | str] = field(default_factory=dict)
    departing: Mapping[str, Any] = field(default_factory=dict)


def alignment(study: Study) -> Plan:
    """Every strategy on one split: only the supervision varies (paper, Section 5 and Table 4).

    Architecture, optimiser, split, and each seed's initial weights, batches, prefixes and dropout are the
    same.
    """
    arms = study.arms()
    return Plan(study.features, arms, [Condition(study.features, arms, study.seeds)])


def capacity(study: Study, values: Sequence[int] = BLOCKS) -> Plan:
    """Vary the numbers per block, all else alike (paper, Figure 6).

    A head has as many blocks as its settings have prefix lengths, all of one size, so the full embedding
    grows too.

    Args:
        study: of whose prefix lengths only the number counts.
        values: numbers per block.

    Raises:
        RequestError: a value is wrong.
    """
    sizes, arms = ascending(values), study.arms()
    if sizes[0] < 1:
        raise RequestError(f"--values {sizes[0]}: a block needs at least one number")
    n_blocks = max(len(arm.dims) for arm in arms.values())
    points = [
        Condition(
            study.features,
            study.arms(dims=tuple(size * block for block in range(1, n_blocks + 1))),
            study.seeds,
            {"block": size},
        )
        for size in sizes
    ]
    return Plan(study.features, arms, points, "block", sizes, departing=departing(sizes, BLOCKS))


def noise(study: Study, values: Sequence[int] = NOISE) -> Plan:
    """Train on coarse labels of which a share is wrong (paper, Section 8).

    See `with_noise` for what is wrong with which rows. Each seed has its own draw; what is wrong at one share
    stays wrong at every larger one. The held-out rows that choose the best epoch are noisy too, as they would
    be for somebody whose hierarchy is; test rows are not.

    Args:
        study: whose seeds draw the noise as well.
        values: percent of the training rows, 0 to 100.

    Raises:
        RequestError: a value is wrong, or no label can be.
    """
    shares, arms = ascending(values), study.arms()
    if wrong := [share for share in shares if not 0 <= share <= 100]:
        raise RequestError(f"--values {wrong[0]}: noise is a percentage, between 0 and 100")
    points = [
        Condition(with_noise(study.features, share, seed), arms, [seed], {"noise": share})
        for share in shares
        for seed in study.seeds
    ]
    return Plan(study.features, arms, points, "noise", shares, departing=departing(shares, NOISE))


def depth(study: Study) -> Plan:
    """Compare strategies on three or more levels (paper, Table 8).

    An aligned table places its prefixes between all D levels. A set of two levels is looked at with a third
    on top where its corpus is known to have one, see `deepened`.

    Raises:
        RequestError: the set has two levels and none is known above them.
    """
    deep, added = study.features, None
    if study.features.n_levels < 3:
        added = known_groups(study.features)
        deep = deepened(study.features, added)
    arms = study.arms(deep.n_levels)
    condition = Condition(deep, arms, study.seeds, {"levels": deep.n_levels}, more=level_measures)
    about: dict[str, int | str] = {"levels": deep.n_levels, "base_identity": study.features.identity}
    if added:
        about["added_level"] = "; ".join(f"{group}: {', '.join(below)}" for group, below in added.items())
    return Plan(deep, arms, [condition], about=about)


def ascending(values: Sequence[int]) -> list[int]:
    """Points of an axis, each once.

    Raises:
        RequestError: there is none.
    """
    if not values:
        raise RequestError("--values: name at least one value")
    return sorted(set(values))


def departing(values: Sequence[int], usual: Sequence[int]) -> dict[str, list[int]]:
    """The points, where they are not the usual ones."""
    return {} if list(values) == list(usual) else {"values": list(values)}


def with_noise(features: FeatureSet, percent: int, seed: int) -> FeatureSet:
    """A view of a set in whose train split some coarsest labels are wrong; finer labels stay as they are.

    Args:
        features: the set.
        percent: of the training rows, see `corrupted`.
        seed: which rows, and which classes they get.

    Returns:
        The view; the set itself for 0.

    Raises:
        RequestError: the set has no train split, or one class alone on its coarsest level.
    """
    if percent == 0:
        return features
    if "train" not in features.splits:
        raise RequestError(f"{features.path}: has no train split, only {', '.join(features.splits)}")
    labels, n_classes = features.labels("train"), len(features.class_names[0])
    if n_classes < 2:
        raise RequestError(f"{features.path}: its coarsest level has one class, so no label can be wrong")
    labels[:, 0] = corrupted(labels[:, 0], n_classes, percent, seed)
    return RelabelledSet(features, {"noise": percent, "seed": seed}, {"train": labels})


def corrupted(labels: Labels, n_classes: int, percent: int, seed: int) -> Labels:
    """Give a share of the rows a wrong class: any other one, all equally likely.

    Rows go wrong in the order of one random permutation per seed, so that what is wrong at one share is wrong
    in the same way at every larger one.

    Args:
        labels: (n,) int32 class ids.
        n_classes: K, at least 2.
        percent: of the rows, rounded to whole rows.
        seed: of the permutation and of the wrong classes.

    Returns:
        (n,) int32 class ids.

    >>> int(corrupted(np.zeros(4, np.int32), n_classes=2, percent=50, seed=42).sum())
    2
    """
    random = generator(seed, Purpose.LABEL_NOISE)
    order = random.permutation(len(labels))
    steps = random.integers(1, n_classes, len(labels), dtype=np.int32)
    wrong = order[: round(len(labels) * percent / 100)]
    found = labels.copy()
    found[wrong] = (labels[wrong] + steps[wrong]) % n_classes
    return found


def known_groups(features: FeatureSet) -> Groups:
    """The classes of the level that the registry knows right above a set's coarsest one.

    The paper's three-level CLINC has 5 super-domains and names none of them; those of the registry are ours.

    Raises:
        RequestError: the registry knows none.
    """
    spec, coarsest = registered_corpora().get(features.corpus), set(features.class_names[0])
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
