"""Typed results made by hand, for tests of what is drawn of them or said about them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from fractalctl.documents.evaluation import Evaluation, MetricPart
from fractalctl.documents.experiments import Ablation, PartitionResult, Synthesis
from fractalctl.documents.latency import Latency
from fractalctl.documents.measured import ArmName, Features, PackedHits, Profile, Run, Steerability
from fractalctl.documents.zoom import Zoom

SEEDS = (42, 123, 456, 789)
DIMS = [64, 128, 192, 256]
HITS = PackedHits.pack(np.zeros((2, 4, 2), dtype=bool))
CLOSE = {
    "alpha": [0.10, 0.12, 0.11, 0.13],
    "beta-epochs=10": [0.01, 0.00, 0.02, 0.01],
    "gamma": [-0.04, -0.05, 0.01, -0.03],
}
"""S by arm and seed."""
KINDS = (("flat", {}, 2.0, 1.0), ("hnsw", {"ef_search": 16}, 0.2, 0.9), ("hnsw", {"ef_search": 64}, 0.5, 0.9))
"""Indexes with their effort, cost per dimension, and recall."""


def steerability(value: float) -> Steerability:
    return Steerability(
        s=value, s_auc=value, s_mono=0.5 + value, s_gap=value, delta_coarse=0.0, delta_fine=value,
        short_coarse=0.9, full_fine=0.8, specialization_gap=value, control_auc=value,
        intervals={"S": (value - 0.03, value + 0.04)},
    )  # fmt: skip


def accuracy(value: float, dims: Sequence[int] = DIMS, levels: int = 2) -> dict[str, dict[str, float]]:
    """Of an S: finer levels rise by it from the shortest prefix on."""
    short, full = dims[0], dims[-1]
    return {
        str(length): {
            f"L{level}": 0.9 - 0.1 * level - level * value * (full - length) / max(1, full - short)
            for level in range(levels)
        }
        for length in dims
    }


def profile(
    classes: Sequence[int] = (10, 150), entropies: Sequence[float] = (3.3, 3.9), dims: Sequence[int] = DIMS
) -> Profile:
    levels = [f"L{level}" for level in range(len(classes))]
    return Profile(
        classes=list(classes), entropies=list(entropies), h_l0=entropies[0], h_l1_given_l0=sum(entropies[1:]),
        baseline=dict.fromkeys(levels, 0.9),
        truncated={str(length): dict.fromkeys(levels, 0.6 + length / 1000) for length in dims},
    )  # fmt: skip


def conditions(corpus: str = "clinc", backbone: str = "minilm", name: str | None = None) -> dict[str, Any]:
    """What all files of measurements say."""
    name = name or backbone
    features = Features(corpus=corpus, name=name, identity=f"{name}-{corpus}-of-{backbone}", path="")
    return {
        "corpus": corpus, "backbone": backbone, "features": features, "protocol": "loo", "k": 5,
        "metric": "cosine",
        "renormalised": True, "rows_seed": 42, "max_test": None, "n_queries": 500, "n_reference": 499,
        "duplicates": 11, "dropped_duplicates": False, "profile": profile(), "dims": DIMS, "identity": "i",
        "versions": {"python": "3.11"},
    }  # fmt: skip


def strategy_of(arm: str) -> str:
    return arm.removesuffix("-epochs=10").removesuffix("-fractal")


def arm_name(arm: str) -> dict[str, Any]:
    return {
        "arm": arm,
        "strategy": strategy_of(arm),
        "method": "supervision",
        "trunk": "linear",
        "settings": {"arm": arm},
    }


def evaluation(
    arm: str, seed: int, value: float, /, corpus: str = "clinc", backbone: str = "minilm",
    name: str | None = None, **changes: Any,
) -> Evaluation:  # fmt: skip
    """One whose S is the value."""
    shared = conditions(corpus, backbone, name)
    dims = changes.get("dims", DIMS)
    levels = len(changes.get("profile", shared["profile"]).classes)
    shared |= arm_name(arm) | {
        "seed": seed, "nested": True, "trained_on": shared["features"], "head_identity": f"{arm} {seed}",
        "accuracy": accuracy(value, dims, levels), "steerability": steerability(value), "hits": HITS,
    }  # fmt: skip
    return Evaluation(**(shared | changes))


def evaluations(
    values: Mapping[str, Sequence[float]] = CLOSE, corpus: str = "clinc", **changes: Any
) -> list[Evaluation]:
    return [
        evaluation(arm, seed, value, corpus, **changes)
        for arm, column in values.items()
        for seed, value in zip(SEEDS, column, strict=False)
    ]


def with_metric(one: Evaluation, name: str, result: Mapping[str, Any] | msgspec.Struct) -> Evaluation:
    """An evaluation that has a metric's result too."""
    part = MetricPart(identity="m", versions={}, result=msgspec.to_builtins(result, str_keys=True))
    return msgspec.structs.replace(one, metrics={**one.metrics, name: part})


def run(arm: str, seed: int, value: float, point: Mapping[str, Any] | None = None, **changes: Any) -> Run:
    fixed = {
        "arm": arm, "strategy": strategy_of(arm), "seed": seed, "point": dict(point or {}),
        "accuracy": accuracy(value), "steerability": steerability(value), "hits": HITS,
    }  # fmt: skip
    return Run(**(fixed | changes))


def runs_of(
    values: Mapping[str, Sequence[float]], point: Mapping[str, Any] | None = None, **changes: Any
) -> list[Run]:
    return [
        run(arm, seed, value, point, **changes)
        for arm, column in values.items()
        for seed, value in zip(SEEDS, column, strict=False)
    ]


def arms_of(runs: Sequence[Run]) -> dict[str, ArmName]:
    return {arm: ArmName(**arm_name(arm)) for arm in dict.fromkeys(one.arm for one in runs)}


def ablation(axis: str, runs: Sequence[Run], corpus: str = "clinc", **changes: Any) -> Ablation:
    keys = list(dict.fromkeys(key for one in runs for key in one.point))
    shared = conditions(corpus) | {
        "axis": axis, "varied": keys[0] if keys else None, "seeds": list(SEEDS), "arms": arms_of(runs),
        "values": list(dict.fromkeys(value for one in runs for value in one.point.values())),
        "runs": list(runs), "comparisons": [],
    }  # fmt: skip
    return Ablation(**(shared | changes))


def synthesis(
    values: Mapping[int, Sequence[Mapping[str, Sequence[float]]]], curves: Mapping[str, Any], **changes: Any
) -> Synthesis:
    """Some partitions of each number of coarse classes, S by arm and seed."""
    h_fine = float(np.log2(150))
    partitions = [
        PartitionResult(
            coarse=size, partition_seed=draw, groups=[], identity="p", runs=runs_of(arms),
            profile=profile((size, 150), (float(np.log2(size)), h_fine - float(np.log2(size)))),
        )
        for size, draws in values.items()
        for draw, arms in enumerate(draws)
    ]  # fmt: skip
    shared = conditions(changes.pop("corpus", "clinc")) | {
        "seeds": list(SEEDS), "coarse": list(values), "arms": arms_of(partitions[0].runs),
        "partitions": partitions,
        "partition_seeds": sorted({one.partition_seed for one in partitions}), "curves": dict(curves),
        "natural": msgspec.structs.replace(partitions[0], coarse=10, partition_seed=None),
    }  # fmt: skip
    return Synthesis(**(shared | changes))


def latency(random: bool = False, sizes: Sequence[int] = (10_000,), **changes: Any) -> Latency:
    """Short searches are the faster ones; HNSW misses a little."""
    results = [
        {
            "index": index, "parameters": {}, "effort": effort, "n": n, "dimension": d,
            "microseconds": {"p50": d * cost, "p95": 2 * d, "p99": 3 * d, "mean": d, "qps": 1e6 / d},
            "medians_by_round": [d * cost, 1.1 * d * cost], "core_share": 0.99,
            "recall": {"own": exact, "full": exact * d / 256},
            "index_bytes": 4 * n * d, "build_seconds": 0.5, "times": f"{index}-{n}-{d}",
        }
        for n in sizes
        for index, effort, cost, exact in KINDS
        for d in DIMS
    ]  # fmt: skip
    document = {
        "encoding-type": "fractalctl-latency", "encoding-version": "2.0", "corpus": "random", "dims": DIMS,
        "full": 256, "recipe": {"sizes": sizes, "indexes": ["flat", "hnsw"], "rounds": 2},
        "embeddings": {"source": "random", "rows": max(sizes), "full": 256, "random_seed": 42},
        "machine": {
            "processor": "A & B", "core": 0, "threads": 1, "faiss": "1.10", "faiss_options": [], "numpy": "2",
        },
        "results": results, "times": {"file": "t.npz", "sha256": "0", "unit": "ns"}, "identity": "i",
    }  # fmt: skip
    if not random:
        shared = msgspec.to_builtins(conditions())
        document |= (
            {name: shared[name] for name in ("corpus", "backbone", "features")}
            | arm_name("alpha")
            | {"seed": 42}
        )
        document["embeddings"] = {"source": "head", "real_rows": max(sizes), "repeated_rows": 0}
    return msgspec.convert(document | changes, Latency)


def zoom(text: str = "", corpus: str = "clinc", dims: Sequence[int] = DIMS) -> Zoom:
    """At the shortest length one answer of three is of the query's finest class, at the longest all are."""
    classes = [("bank", "transfer"), ("bank", "bill"), ("home", "music")] * 4
    rows = {
        str(row): {"id": f"train-{row}", "text": f"answer {row} {text}", "labels": list(labels)}
        for row, labels in enumerate(classes)
    }
    right = [row for row, labels in enumerate(classes) if labels[1] == "transfer"]
    coarse = [row for row, labels in enumerate(classes) if labels[1] == "bill"]
    found = [coarse[:2] + right[:1], coarse[:1] + right[:2], right[:3], right[1:4]]
    answers = {
        str(d): [{"row": row, "cosine": 0.9 - 0.1 * place} for place, row in enumerate(chosen)]
        for d, chosen in zip(dims, found, strict=False)
    }
    query = {
        "row": 0,
        "id": "test-0",
        "text": f"move money {text}",
        "labels": ["bank", "transfer"],
        "answers": answers,
    }
    second = query | {"row": 1, "id": "test-1", "text": "play", "labels": ["home", "music"]}
    shares = {str(d): {"L0": 0.97 + d / 1e5, "L1": 0.8 + d / 2e3} for d in dims}
    shared = msgspec.to_builtins(conditions(corpus))
    document = {name: shared[name] for name in ("corpus", "backbone", "features")} | arm_name("alpha") | {
        "encoding-type": "fractalctl-zoom", "encoding-version": "2.0", "seed": 42, "dims": dims, "queries": 1,
        "k": 3, "metric": "cosine", "renormalised": True, "n_queries": 2000, "n_reference": 10000,
        "shares": {"alpha": shares, "gamma": {d: {"L0": 0.96, "L1": 0.9} for d in shares}},
        "changes": {"rise": 900, "stay": 965, "fall": 135, "narrowing": 22, "widening": 5},
        "groups": [
            {"name": "blind", "choice": "The first of each.", "queries": [query]},
            {"name": "narrowing", "choice": "Chosen.", "queries": [second]},
        ],
        "rows": rows, "identity": "i", "head_identity": "h",
        "argv": ["fractalctl", "report", "/home/someone/runs"],
    }  # fmt: skip
    return msgspec.convert(document, Zoom)


def metric_results(value: float) -> dict[str, dict[str, Any]]:
    """What every metric of ours found of a head of some S, by name, as it stands in a file."""
    table, alphas = accuracy(value), [0.0, 0.5, 1.0]
    lengths = [str(length) for length in DIMS]
    fine, coarse = table["256"]["L1"], table["64"]["L0"]

    def line(ends: tuple[float, float]) -> list[float]:
        return [(1 - alpha) * ends[0] + alpha * ends[1] for alpha in alphas]

    def bits(amount: float) -> dict[str, Any]:
        return {"bits": amount, "interval": [amount - 0.1, amount + 0.1]}

    bound = bits(2.8 + value) | {
        "cross_entropy": 0.4, "error": 0.05, "fano_error": 0.03, "fano_bits": 2.5, "strength": 1.0,
        "temperature": 1.0,
    }  # fmt: skip
    side = {"coarse_short": coarse, "coarse_full": 0.95, "fine_full": fine, "heads": 1, "head_bytes": 9}
    side |= {"bytes_per_document": 1024, "coarse_query_bytes": 256}
    kept = {
        "retained_accuracy": {"L0": 1.0, "L1": 0.9 - value},
        "retained_hit_rate_at_10": {"L0": 1.0, "L1": None},
    }
    entropy = {"plug_in": 3.2, "corrected": 3.3, "most": 3.4}
    one_length = {
        d: kept | {"accuracy": {"L0": 1.0, "L1": 0.9}, "hit_rate_at_10": {"L0": 1.0, "L1": 0.9},
                   "bytes_per_document": 4 * int(d), "relative_cost": int(d) / 256}
        for d in (*lengths, "384")
    }  # fmt: skip
    return {
        "retrieval": {
            "seed": 42, "cutoffs": [1, 5, 10, 20], "n_queries": 1000, "n_documents": 1000, "mrr": table,
            "answerable": {"L0": 1.0, "L1": 1.0},
            "hit_rate": {
                d: {level: dict.fromkeys(("1", "5", "10", "20"), share) for level, share in row.items()}
                for d, row in table.items()
            },
        },
        "localisation": {
            "dimensions": {"first": [1, 64], "rest": [65, 256]}, "separation": fine - coarse,
            "accuracy": {"first": table["64"], "rest": table["256"]},
        },
        "routing": {
            "alphas": alphas, "short": 64, "full": 256, "mean_dimension": line((256, 64)),
            "adaptive": line((fine, coarse)), "mrl": None,
            "fixed": {
                d: {"dimension": int(d), "mixed": line((row["L1"], row["L0"])), "ahead": [0.0, 1.0]}
                for d, row in table.items()
            },
        },
        "dual": {
            "short": 64, "full": 256, "single": side, "dedicated": side | {"coarse_full": 0.96, "heads": 2},
            "head_identities": {},
        },
        "information": {
            "unit": "bits", "seed": 42, "strengths": [1.0],
            "rows": {"known": 9000, "validation": 1000, "test": 2000},
            "entropy": {"L0": 3.3, "L1|L0": 3.9},
            "bounds": {d: {"L0": bound, "L1|L0": bound} for d in lengths}, "theorem_1": {
                "dimension": 64, "coarse": bits(3.0), "fine_given_coarse": bits(2.0), "difference": bits(1.0),
                "h_coarse": entropy, "h_fine_given_coarse": entropy, "coarse_share": 0.9, "fine_share": 0.5,
                "verdict": "open",
            },
        },
        "retention": {
            "head": {d: one_length[d] for d in lengths}, "backbone": one_length,
            "measured_here": {
                "microseconds_per_query": dict.fromkeys(lengths, 4.0), "n_queries": 9, "n_reference": 500,
                "repetitions": 3, "threads": 1, "processor": "x",
            },
        },
    }  # fmt: skip


def measured_everywhere(values: Mapping[str, Sequence[float]] = CLOSE, **changes: Any) -> list[Evaluation]:
    """Evaluations that have every metric of ours."""
    found = []
    for one in evaluations(values, **changes):
        for name, result in metric_results(one.steerability.s).items():
            one = with_metric(one, name, result)
        found.append(one)
    return found
