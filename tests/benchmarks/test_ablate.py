"""The alignment ablation as a user calls it: 5 strategies x 5 seeds, imports included."""

import subprocess
import sys
from pathlib import Path
from time import perf_counter

from fractalctl.experiments.ablation import AXES
from fractalctl.heads.arms import build_arm
from fractalctl.heads.settings import SEEDS
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.neighbours import leave_one_out_accuracy
from fractalctl.measures.protocols import Protocol
from store import FeatureSet
from tests.benchmarks.test_train import examples_of

GOAL = 60
"""Seconds."""
ALIGNMENT = AXES["alignment"]


def test_the_alignment_ablation(benchmark, clinc: FeatureSet, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "fractalctl", "ablate", str(clinc.path), "--runs", str(tmp_path)]
    started = perf_counter()
    benchmark.pedantic(lambda: subprocess.run(call, check=True, capture_output=True), rounds=1)
    seconds = perf_counter() - started
    training, evaluating = parts(clinc)
    benchmark.extra_info.update(
        {
            "what": f"`fractalctl ablate`, {len(ALIGNMENT.strategies) * len(SEEDS)} linear heads",
            "seconds": round(seconds, 1),
            "goal": GOAL,
            "remark": f"training alone {training:.1f} s, evaluating alone {evaluating:.1f} s",
        }
    )


def parts(features: FeatureSet) -> tuple[float, float]:
    """Seconds for training, and for evaluating, in a process that has imported everything."""
    arms = [
        build_arm(name, features.n_levels, settings={"holdout_seed": 42}) for name in ALIGNMENT.strategies
    ]
    examples = examples_of(features)
    started = perf_counter()
    fitted = [(arm, one) for arm in arms for one in arm.fit(examples, SEEDS, leave_one_out_accuracy)]
    middle = perf_counter()
    evaluator = Evaluator(features, Protocol("loo", max_test=ALIGNMENT.max_test))
    for arm, one in fitted:
        evaluator.measure(lambda rows, arm=arm, one=one: arm.embed(one.weights, rows), arm.dims)
    return middle - started, perf_counter() - middle
