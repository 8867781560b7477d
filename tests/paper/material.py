"""Typed results to judge claims on, made by hand: their S is what a test says it is."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from fractalctl.documents.evaluation import Evaluation, MetricPart
from fractalctl.documents.experiments import Ablation, PartitionResult, Synthesis
from fractalctl.documents.measured import ArmName, Features, PackedHits, Profile, Run, Steerability
from fractalctl.paper import Finding, Verdict
from fractalctl.paper.findings import CHAPTERS
from fractalctl.paper.places import Chapter
from fractalctl.report.results import Results

SEEDS = (42, 123, 456, 789)
HITS = PackedHits.pack(np.zeros((2, 4, 2), dtype=bool))
DIMS = [64, 128, 192, 256]

CLOSE = {
    "v5": [0.10, 0.12, 0.11, 0.13],
    "mrl": [0.011, -0.002, 0.004, 0.001],
    "inverted": [-0.04, -0.05, -0.02, -0.03],
    "no-prefix": [0.005, 0.001, -0.002, 0.003],
    "uhmt": [0.004, 0.000, -0.003, 0.002],
}
"""S by arm and seed, where everything is as the paper says."""
REVERSED = {
    "v5": [0.00, 0.01, 0.02, 0.01],
    "mrl": [0.05, 0.04, 0.06, 0.05],
    "inverted": [0.1, 0.2, 0.1, 0.15],
    "no-prefix": [0.11, 0.1, 0.12, 0.2],
    "uhmt": [0.12, 0.1, 0.1, 0.2],
}
"""Where nothing is."""
NOISY = {name: [0.1, -0.1, 0.09, 0.02] for name in CLOSE} | {"v5": [0.2, -0.1, 0.15, 0.05]}
"""Where nobody can tell."""


def steerability(value: float) -> Steerability:
    return Steerability(
        s=value, s_auc=value, s_mono=0.5 + value, s_gap=value, delta_coarse=0.0, delta_fine=value,
        short_coarse=0.9, full_fine=0.8, specialization_gap=value, control_auc=value, intervals={},
    )  # fmt: skip


def profile(
    classes: Sequence[int] = (10, 150), h: Sequence[float] = (3.3, 3.9), baseline: float = 0.9
) -> Profile:
    return Profile(
        classes=list(classes), entropies=list(h), h_l0=h[0], h_l1_given_l0=sum(h[1:]),
        baseline={"L0": 0.9, "L1": baseline}, truncated={},
    )  # fmt: skip


def conditions(corpus: str, backbone: str) -> dict[str, Any]:
    features = Features(corpus=corpus, name=backbone, identity=f"{corpus} {backbone}", path="")
    return {
        "corpus": corpus, "backbone": backbone, "features": features, "protocol": "loo", "k": 5,
        "metric": "cosine", "renormalised": True, "rows_seed": 42, "max_test": None, "n_queries": 500,
        "n_reference": 499, "duplicates": 0, "dropped_duplicates": False, "profile": profile(), "dims": DIMS,
        "identity": "i",
    }  # fmt: skip


def accuracy(value: float) -> dict[str, dict[str, float]]:
    """Of an S: the fine level rises by it from the shortest prefix on."""
    return {str(length): {"L0": 0.9, "L1": 0.8 - value * (256 - length) / 192} for length in DIMS}


def evaluation(
    corpus: str, label: str, seed: int, value: float, backbone: str = "minilm", **changes: Any
) -> Evaluation:
    shared = conditions(corpus, backbone)
    shared |= {
        "strategy": label.removesuffix("-fractal"), "arm": label, "method": "supervision", "trunk": "linear",
        "settings": {}, "seed": seed, "nested": True, "trained_on": shared["features"], "head_identity": "h",
        "accuracy": accuracy(value), "steerability": steerability(value), "hits": HITS,
    }  # fmt: skip
    return Evaluation(**(shared | changes))


def evaluations(
    values: Mapping[str, Sequence[float]], corpus: str = "clinc", tail: str = "", **changes: Any
) -> list[Evaluation]:
    return [
        evaluation(corpus, f"{strategy}{tail}", seed, value, **changes)
        for strategy, column in values.items()
        for seed, value in zip(SEEDS, column, strict=False)
    ]


def with_metric(one: Evaluation, name: str, result: Mapping[str, Any] | msgspec.Struct) -> Evaluation:
    """An evaluation that has a metric's result."""
    part = MetricPart(identity="m", versions={}, result=msgspec.to_builtins(result, str_keys=True))
    return msgspec.structs.replace(one, metrics={name: part})


def run(arm: str, seed: int, value: float, point: Mapping[str, Any] | None = None, **more: float) -> Run:
    return Run(
        arm=arm, strategy=arm.removesuffix("-fractal"), seed=seed, point=dict(point or {}),
        accuracy=accuracy(value),
        steerability=steerability(value), hits=HITS, more=more,
    )  # fmt: skip


def arm_names(*arms: str) -> dict[str, ArmName]:
    return {
        arm: ArmName(
            arm=arm, strategy=arm.removesuffix("-fractal"), method="supervision", trunk="linear", settings={}
        )
        for arm in arms
    }


def ablation(axis: str, runs: Sequence[Run], corpus: str = "clinc", **changes: Any) -> Ablation:
    keys = list(dict.fromkeys(key for one in runs for key in one.point))
    shared = conditions(corpus, "minilm") | {
        "axis": axis, "varied": keys[0] if keys else None,
        "values": list(dict.fromkeys(value for one in runs for value in one.point.values())),
        "seeds": list(SEEDS),
        "arms": arm_names(*dict.fromkeys(one.arm for one in runs)), "runs": list(runs), "comparisons": [],
    }  # fmt: skip
    return Ablation(**(shared | changes))


def runs_of(values: Mapping[str, Sequence[float]], point: Mapping[str, Any] | None = None) -> list[Run]:
    return [
        run(arm, seed, value, point)
        for arm, column in values.items()
        for seed, value in zip(SEEDS, column, strict=False)
    ]


def synthesis(
    values: Mapping[int, Mapping[str, Sequence[float]]], curves: Mapping[str, Any], **changes: Any
) -> Synthesis:
    """One partition of each K0, S by arm and seed."""
    h_fine = float(np.log2(150))
    partitions = [
        PartitionResult(
            coarse=size, partition_seed=0, groups=[], identity="p", runs=runs_of(arms),
            profile=profile((size, 150), (float(np.log2(size)), h_fine - float(np.log2(size)))),
        )
        for size, arms in values.items()
    ]  # fmt: skip
    arms = arm_names(*next(iter(values.values())))
    shared = conditions("clinc", "minilm") | {
        "seeds": list(SEEDS), "coarse": list(values), "partition_seeds": [0], "arms": arms,
        "natural": partitions[0], "partitions": partitions, "curves": dict(curves),
    }  # fmt: skip
    return Synthesis(**(shared | changes))


def results(**fields: Any) -> Results:
    return Results(**fields)


def chapter(name: str) -> Chapter:
    return next(one for one in CHAPTERS if one.name == name)


def findings(name: str, found: Results) -> list[Finding]:
    """Of one chapter over results by kind."""
    return chapter(name).findings(found)


def verdicts(name: str, found: Results) -> dict[str, Verdict]:
    """The same by claim, cut before its first comma or bracket; the last finding of each."""
    return {name_of(one): one.verdict for one in findings(name, found)}


def beside(name: str, found: Results) -> dict[tuple[str, str, str], tuple[object, object]]:
    """The number here and the paper's by where, arms and quantity."""
    rows = chapter(name).rows(found)
    assert len({row[:3] for row in rows}) == len(rows)
    return {row[:3]: row[3:] for row in rows}


def name_of(finding: Finding) -> str:
    return finding.claim.text.split(" (")[0].split(",")[0]
