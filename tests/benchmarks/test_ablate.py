"""The alignment ablation as a user calls it: 5 strategies x 5 seeds, imports included."""

import subprocess
import sys
from pathlib import Path
from time import perf_counter

from fractalctl.experiments.ablation import CONDITIONS, PROTOCOL, fixed_split
from fractalctl.experiments.training import supervisions, train_on
from fractalctl.heads.head import embed_with
from fractalctl.heads.recipe import SEEDS
from fractalctl.heads.training import Run
from fractalctl.measures.evaluation import Evaluator
from store import FeatureSet

GOAL = 60
"""Seconds."""


def test_the_alignment_ablation(benchmark, clinc: FeatureSet, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "fractalctl", "ablate", str(clinc.path), "--runs", str(tmp_path)]
    started = perf_counter()
    benchmark.pedantic(lambda: subprocess.run(call, check=True, capture_output=True), rounds=1)
    seconds = perf_counter() - started
    training, evaluating = parts(clinc)
    benchmark.extra_info.update(
        {
            "what": f"`fractalctl ablate`, {len(CONDITIONS) * len(SEEDS)} linear heads",
            "seconds": round(seconds, 1),
            "goal": GOAL,
            "remark": f"training alone {training:.1f} s, evaluating alone {evaluating:.1f} s",
        }
    )


def parts(features: FeatureSet) -> tuple[float, float]:
    """Seconds for training, and for evaluating, in a process that has imported everything."""
    recipe = fixed_split(None)
    runs = [Run(table, seed) for table in supervisions(features, recipe, CONDITIONS) for seed in SEEDS]
    started = perf_counter()
    trained = list(train_on(features, runs, recipe))
    middle = perf_counter()
    evaluator = Evaluator(features, PROTOCOL)
    for one in trained:
        evaluator.measure(
            lambda rows, one=one: embed_with("linear", one.weights, recipe.dims, rows), recipe.dims
        )
    return middle - started, perf_counter() - middle
