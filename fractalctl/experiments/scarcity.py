"""Axes of scarcity: few labelled rows of each class, and classes of which training has none."""

from collections.abc import Sequence

import numpy as np

from fractalctl.errors import RequestError
from fractalctl.experiments.axes import Plan, ascending, departing
from fractalctl.experiments.conditions import SPLIT_SEED, Condition, Study
from fractalctl.experiments.views import Labels, Rows, SampledSet
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

LABELLED = (10, 50)
"""Labelled rows of each finest class."""
UNSEEN = 5
"""One in so many finest classes is left out of training."""


def rows(study: Study, values: Sequence[int] = LABELLED) -> Plan:
    """Train on so many labelled rows of each finest class, where it has them; each seed draws its own.

    Under the ``index`` protocol these rows are the reference as well. Rows of a smaller draw are among those
    of a larger one.

    Args:
        study: whose seeds draw the rows as well.
        values: rows of each class, at least 2: one learns, one chooses the best epoch.

    Raises:
        RequestError: a value is wrong.
    """
    counts, arms = ascending(values), study.arms()
    if counts[0] < 2:
        raise RequestError(f"--values {counts[0]}: a class needs at least two labelled rows")
    points = [
        Condition(labelled(study.features, count, seed), arms, [seed], {"rows": count})
        for count in counts
        for seed in study.seeds
    ]
    return Plan(study.features, arms, points, "rows", counts, departing=departing(counts, LABELLED))


def unseen(study: Study) -> Plan:
    """Search among classes that were seen in training, and among those that were not.

    A fifth of the finest classes, drawn once, is left out of training. Either point asks test rows of its own
    classes, and takes its reference among them too, so that the untouched backbone (`raw`) is asked the same.

    Raises:
        RequestError: there are fewer than ten finest classes, of which two could be left out.
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
    """A view of a set whose train split has so many rows of each finest class, or all that there are.

    Args:
        features: the set.
        count: rows of each class.
        seed: which ones.
    """
    finest = features.labels("train")[:, -1]
    order = generator(seed, Purpose.LABELLED_ROWS).permutation(len(finest))
    by_class = order[np.argsort(finest[order], kind="stable")]
    starts = np.searchsorted(finest[by_class], finest[by_class])
    kept = np.arange(len(finest)) - starts < count
    return SampledSet(features, {"train": np.sort(by_class[kept])})


def _of(labels: Labels, classes: Labels, *, wanted: bool) -> Rows:
    """Rows whose finest class is, or is not, one of some classes."""
    return np.flatnonzero(np.isin(labels[:, -1], classes) == wanted)
