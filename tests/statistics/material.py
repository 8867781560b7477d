"""Measurements to do statistics on: values per seed, evaluation files, tables."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.measures.hits import pack_hits
from fractalctl.measures.steerability import MEASURES
from fractalctl.statistics import Observation


def observations(values: Mapping[str, Mapping[str, Sequence[float]]], **common: Any) -> list[Observation]:
    """Measurements of S from corpus > strategy > one value per seed; seeds are 0, 1, 2..."""
    return [
        Observation(corpus, strategy, seed, {"S": value}, **common)
        for corpus, arms in values.items()
        for strategy, column in arms.items()
        for seed, value in enumerate(column)
    ]


def random_hits(seed: int, steerable: float = 0.0, queries: int = 60) -> np.ndarray:
    """Hits (queries, 4 prefixes, 2 levels) whose coarse hits fall, and fine hits rise, with the prefix."""
    generator = np.random.default_rng(seed)
    chance = np.full((4, 2), 0.7)
    chance[:, 0] -= steerable * np.linspace(0, 1, 4)
    chance[:, 1] -= steerable * np.linspace(1, 0, 4)
    return generator.random((queries, 4, 2)) < chance


def evaluation(hits: np.ndarray, /, **changes: Any) -> dict[str, Any]:
    """The document of an evaluation file with these hits."""
    accuracy = hits.mean(axis=0)
    return {
        "encoding-type": "fractalctl-evaluation",
        "encoding-version": "1.0",
        "corpus": "clinc",
        "backbone": "minilm",
        "strategy": "v5",
        "seed": 42,
        "head": "linear",
        "protocol": "loo",
        "k": 5,
        "metric": "cosine",
        "renormalised": True,
        "n_queries": len(hits),
        "n_reference": len(hits),
        "dims": [64, 128, 192, 256],
        "steerability": {name: float(measure(accuracy)) for name, measure in MEASURES.items()},
        "profile": {"classes": [10, 150], "entropies": [3.3, 3.9], "h_l0": 3.3, "h_l1_given_l0": 3.9,
                    "baseline": {"L0": 0.96, "L1": 0.88}},
        "hits": pack_hits(hits),
        "features_identity": "f" * 64,
    } | changes  # fmt: skip


def write_evaluation(runs: Path, hits: np.ndarray, /, **changes: Any) -> Path:
    """Write an evaluation file where ``fractalctl evaluate`` would."""
    document = evaluation(hits, **changes)
    folder = (
        runs / document["corpus"] / document["backbone"] / document["strategy"] / f"seed-{document['seed']}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"evaluation-{document['protocol']}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_table(
    path: Path, rows: Sequence[Sequence[Any]], header: str = "dataset,strategy,seed,steerability"
) -> Path:
    """Write a CSV table."""
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return path
