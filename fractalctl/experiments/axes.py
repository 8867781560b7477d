"""Axes on frozen features: supervision, capacity, coarse label noise, depth, few labels, unseen classes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fractalctl.corpora.registry import registered_corpora
from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments.conditions import (
    SPLIT_SEED,
    Condition,
    Labels,
    RelabelledSet,
    Rows,
    SampledSet,
    Study,
)
from fractalctl.heads.arms import Arm
from fractalctl.heads.examples import needs_training_rows
from fractalctl.measures.steerability import level_measures
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

BLOCKS = (16, 32, 48, 64, 96, 128)
"""Numbers per block of the paper's Figure 6."""
NOISE = (0, 10, 20, 30, 40, 50)
"""Percent of the training rows whose coarse label is wrong (paper, Section 8: 10 to 50)."""

Groups = Mapping[str, Sequence[str]]
"""Classes of a level by the class above them."""
LABELLED = (10, 50)
"""Labelled rows of each finest class."""
UNSEEN = 5
"""One in so many finest classes is left out of training."""


@dataclass(frozen=True)
class Plan:
    """What an axis makes of a study.

    Attributes:
        features: what the file describes: the set, or the view of it that all conditions share.
        arms: what the conditions depart from, by label.
        varied: key of the points; None where the arms are what is varied.
        values: of that key, in order.
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

    Raises RequestError: a value is wrong.
    """
    sizes, arms = ascending(values), study.arms()
    if sizes[0] < 1:
        raise RequestError(f"--values {sizes[0]}: a block needs at least one number")
    blocks = range(1, 1 + max(len(arm.dims) for arm in arms.values()))
    points = []
    for size in sizes:
        resized = study.arms(dims=tuple(size * block for block in blocks))
        points.append(Condition(study.features, resized, study.seeds, {"block": size}))
    return Plan(study.features, arms, points, "block", sizes, departing=departing(sizes, BLOCKS))


def noise(study: Study, values: Sequence[int] = NOISE) -> Plan:
    """Train on coarse labels of which a share is wrong (paper, Section 8).

    See `with_noise` for what is wrong with which rows. Each seed has its own draw; what is wrong at one share
    stays wrong at every larger one. The held-out rows that choose the best epoch are noisy too, as they would
    be for somebody whose hierarchy is; rows that ask and rows that answer are not.

    Args:
        values: percent of the training rows, 0 to 100.

    Raises RequestError: a value is wrong, or no label can be.
    """
    shares = ascending(values)
    if wrong := [share for share in shares if not 0 <= share <= 100]:
        raise RequestError(f"--values {wrong[0]}: noise is a percentage, between 0 and 100")
    answered = study.protocol.name == "index"  # else test rows alone have a say, which no view changes
    return _drawn(study, "noise", shares, NOISE, with_noise, study.features if answered else None)


def depth(study: Study) -> Plan:
    """Compare strategies on three or more levels (paper, Table 8).

    An aligned table places its prefixes between all D levels. A set of two levels is looked at with a third
    on top where its corpus is known to have one, see `deepened`.

    Raises RequestError: the set has two levels and none is known above them.
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


def _drawn(
    study: Study,
    varied: str,
    values: Sequence[int],
    usual: Sequence[int],
    view: Callable[[FeatureSet, int, int], FeatureSet],
    asked: FeatureSet | None = None,
) -> Plan:
    """Train every seed at every value on a view of its own, which it draws itself.

    Args:
        asked: what is evaluated; None is the view.
    """
    arms = study.arms()
    points = [
        Condition(view(study.features, value, seed), arms, [seed], {varied: value}, asked=asked)
        for value in values
        for seed in study.seeds
    ]
    return Plan(study.features, arms, points, varied, values, departing=departing(values, usual))


def ascending(values: Sequence[int]) -> list[int]:
    """Points of an axis, each once; RequestError if there is none."""
    if not values:
        raise RequestError("--values: name at least one value")
    return sorted(set(values))


def departing(values: Sequence[int], usual: Sequence[int]) -> dict[str, list[int]]:
    """The points, where they are not the usual ones."""
    return {} if list(values) == list(usual) else {"values": list(values)}


def with_noise(features: FeatureSet, percent: int, seed: int) -> FeatureSet:
    """A view of a set in whose train split some coarsest labels are wrong; finer labels stay as they are.

    Args:
        percent: of the training rows, see `corrupted`.
        seed: which rows, and which classes they get.

    Returns the view; the set itself for 0. Raises RequestError: the set has no train split, or one class
    alone on its coarsest level.
    """
    if percent == 0:
        return features
    needs_training_rows(features)
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

    Returns (n,) int32 class ids.

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

    Raises RequestError: the registry knows none.
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

    Returns the view, of D + 1 levels; class ids of the set's own levels stay as they are.
    """
    above = {child: group for group, children in groups.items() for child in children}
    parents = [above[name] for name in features.class_names[0]]
    names = tuple(sorted(set(parents)))
    top = np.array([names.index(parent) for parent in parents], dtype=np.int32)
    tree = LabelTree((names, *features.class_names), (top, *features.parents))
    return RelabelledSet.under(features, tree, {"above": [list(pair) for pair in above.items()]})


def rows(study: Study, values: Sequence[int] = LABELLED) -> Plan:
    """Train on so many labelled rows of each finest class, where it has them; each seed draws its own.

    Under the ``index`` protocol these rows are the reference as well. Rows of a smaller draw are among those
    of a larger one.

    Args:
        study: whose seeds draw the rows as well.
        values: rows of each class, at least 2: one learns, one chooses the best epoch.

    Raises RequestError: a value is wrong.
    """
    counts = ascending(values)
    if counts[0] < 2:
        raise RequestError(f"--values {counts[0]}: a class needs at least two labelled rows")
    return _drawn(study, "rows", counts, LABELLED, labelled)


def unseen(study: Study) -> Plan:
    """Search among classes that were seen in training, and among those that were not.

    A fifth of the finest classes, drawn once, is left out of training. Either point asks test rows of its own
    classes, and takes its reference among them too, so that the untouched backbone (`raw`) is asked the same.

    Raises RequestError: there are fewer than ten finest classes, of which two could be left out.
    """
    features, arms = study.features, study.arms()
    n_classes = len(features.class_names[-1])
    if n_classes < 2 * UNSEEN:
        raise RequestError(
            f"{features.path}: has {n_classes} finest classes; --axis unseen needs {2 * UNSEEN}, so that a "
            "fifth of them can be left out of training and searched among"
        )
    left_out = left_out_classes(features)
    training = SampledSet(features, {"train": _of(features.labels("train"), left_out, wanted=False)})
    points = []
    for name, wanted in (("seen", False), ("unseen", True)):
        asked = SampledSet(
            features,
            {split: _of(features.labels(split), left_out, wanted=wanted) for split in ("train", "test")},
        )
        points.append(Condition(training, arms, study.seeds, {"classes": name}, asked=asked))
    names = [features.class_names[-1][number] for number in left_out]
    about = {"left_out": ", ".join(names), "base_identity": features.identity}
    return Plan(features, arms, points, "classes", ["seen", "unseen"], about=about)


def left_out_classes(features: FeatureSet) -> Labels:
    """A fifth of the finest classes, ascending, always the same."""
    n_classes = len(features.class_names[-1])
    order = generator(SPLIT_SEED, Purpose.UNSEEN_CLASSES).permutation(n_classes)
    return np.sort(order[: n_classes // UNSEEN]).astype(np.int32)


def labelled(features: FeatureSet, count: int, seed: int) -> SampledSet:
    """A view of a set whose train split has so many rows of each finest class, or all that there are."""
    finest = features.labels("train")[:, -1]
    order = generator(seed, Purpose.LABELLED_ROWS).permutation(len(finest))
    by_class = order[np.argsort(finest[order], kind="stable")]
    starts = np.searchsorted(finest[by_class], finest[by_class])
    kept = np.arange(len(finest)) - starts < count
    return SampledSet(features, {"train": np.sort(by_class[kept])})


def _of(labels: Labels, classes: Labels, *, wanted: bool) -> Rows:
    """Rows whose finest class is, or is not, one of some classes."""
    return np.flatnonzero(np.isin(labels[:, -1], classes) == wanted)
