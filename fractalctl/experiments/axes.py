"""Axes along which v5 and mrl are varied together: capacity of a block, noise in the coarse labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fractalctl.errors import RequestError
from fractalctl.experiments.ablation import PROTOCOL, Ablation, Condition, Document, fixed_split
from fractalctl.experiments.relabelled import Labels, RelabelledSet
from fractalctl.experiments.training import supervisions
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.points import compare_capacity, compare_noise
from store import FeatureSet

STRATEGIES = ("v5", "mrl")
BLOCKS = (16, 32, 48, 64, 96, 128)
"""Numbers per block of the paper's Figure 6."""
NOISE = (0, 10, 20, 30, 40, 50)
"""Percent of the training rows whose coarse label is wrong (paper, Section 8: 10 to 50)."""
NOISE_PROTOCOL = Protocol("loo", max_test=500)
"""The paper's S of 0.152 at 10 % noise is on the scale of its Table 3, which asks 500 rows."""


def ablate_capacity(
    features: FeatureSet,
    runs: Path,
    conditions: Sequence[str] = STRATEGIES,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    protocol: Protocol = PROTOCOL,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
    values: Sequence[int] = BLOCKS,
) -> tuple[Path, Document]:
    """Vary the numbers per block, all else alike, and write ``ablation-capacity.json`` (paper, Figure 6).

    A head has as many blocks as the recipe has prefixes, all of one size, so the full embedding grows too.

    Args:
        features: trained on its train split, evaluated on its test split.
        runs: the file goes to RUNS/<corpus>/<backbone>/.
        conditions: names of strategies.
        seeds: one head per block size, strategy and seed.
        recipe: hyperparameters, of whose prefix lengths only the number counts; the paper's by default.
        protocol: how accuracy is taken.
        device: ``auto`` or a PyTorch device.
        progress: shows steps.
        argv: the argument vector that remakes the file.
        values: numbers per block.

    Raises:
        RequestError: a value or strategy is wrong, or the set does not fit the protocol.
    """
    recipe, sizes = fixed_split(recipe), _ascending(values)
    if sizes[0] < 1:
        raise RequestError(f"--values {sizes[0]}: a block needs at least one number")
    tables = supervisions(features, recipe, conditions)
    points = [
        Condition(features, replace(recipe, dims=_multiples(size, recipe)), tables, seeds, {"block": size})
        for size in sizes
    ]
    about = {"varied": "block", "values": sizes}
    ablation = Ablation("capacity", features, points, recipe, seeds, protocol, compare_capacity, about)
    return ablation.write(runs, device, progress, argv)


def _ascending(values: Sequence[int]) -> list[int]:
    if not values:
        raise RequestError("--values: name at least one value")
    return sorted(set(values))


def _multiples(size: int, recipe: TrainingRecipe) -> tuple[int, ...]:
    return tuple(size * block for block in range(1, recipe.n_blocks + 1))


def ablate_noise(
    features: FeatureSet,
    runs: Path,
    conditions: Sequence[str] = STRATEGIES,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    protocol: Protocol = NOISE_PROTOCOL,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
    values: Sequence[int] = NOISE,
) -> tuple[Path, Document]:
    """Train on coarse labels of which a share is wrong, and write ``ablation-noise.json`` (paper, Section 8).

    See `with_noise` for what is wrong with which rows. Each seed has its own draw; what is wrong at one share
    stays wrong at every larger one. The held-out rows that choose the best epoch are noisy too, as they would
    be for somebody whose hierarchy is; test rows are not.

    Args:
        features: trained on its train split, evaluated on its test split.
        runs: the file goes to RUNS/<corpus>/<backbone>/.
        conditions: names of strategies.
        seeds: one head per share, strategy and seed; they draw the noise as well.
        recipe: hyperparameters; the paper's by default.
        protocol: how accuracy is taken.
        device: ``auto`` or a PyTorch device.
        progress: shows steps.
        argv: the argument vector that remakes the file.
        values: percent of the training rows, 0 to 100.

    Raises:
        RequestError: a value or strategy is wrong, or the set does not fit the protocol.
    """
    recipe, shares = fixed_split(recipe), _ascending(values)
    if wrong := [share for share in shares if not 0 <= share <= 100]:
        raise RequestError(f"--values {wrong[0]}: noise is a percentage, between 0 and 100")
    tables = supervisions(features, recipe, conditions)
    points = [
        Condition(with_noise(features, share, seed), recipe, tables, [seed], {"noise": share})
        for share in shares
        for seed in seeds
    ]
    about = {"varied": "noise", "values": shares}
    ablation = Ablation("noise", features, points, recipe, seeds, protocol, compare_noise, about)
    return ablation.write(runs, device, progress, argv)


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

    >>> corrupted(np.zeros(4, np.int32), n_classes=2, percent=50, seed=42)
    array([0, 0, 1, 1], dtype=int32)
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    steps = random.integers(1, n_classes, len(labels), dtype=np.int32)
    wrong = order[: round(len(labels) * percent / 100)]
    found = labels.copy()
    found[wrong] = (labels[wrong] + steps[wrong]) % n_classes
    return found
