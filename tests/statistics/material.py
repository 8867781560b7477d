"""Measurements to do statistics on: values per seed, evaluation files, tables."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fractalctl.documents import write_document
from fractalctl.documents.evaluation import Cascade, Evaluation, Leakage, MetricPart, Shortlist
from fractalctl.documents.experiments import Ablation
from fractalctl.documents.measured import ArmName, Features, PackedHits, Profile, Run, Steerability
from fractalctl.measures.steerability import MEASURES
from fractalctl.statistics import Observation
from fractalctl.statistics.observations import first_seen
from fractalctl.statistics.reading import protocol_of

DIMS = (64, 128, 192, 256)


def observations(values: Mapping[str, Mapping[str, Sequence[float]]], **common: Any) -> list[Observation]:
    """Measurements of S from corpus > arm > one value per seed; seeds are 0, 1, 2..."""
    return [
        Observation(corpus, arm, seed, {"S": value}, **common)
        for corpus, arms in values.items()
        for arm, column in arms.items()
        for seed, value in enumerate(column)
    ]


def parts(
    leakage: float = 0.8, kept: float = 0.95, flat: tuple[float, float] | None = None
) -> dict[str, MetricPart]:
    """What `evaluate` adds: leakage and cascade, with accuracies of flat classifiers where they are given."""
    levels = None if flat is None else {"L0": flat[0], "L1": flat[1]}
    probe = Leakage(short=64, n_known=100, probe={"L0": 0.9, "L1": leakage}, floor=0.1, flat=levels)
    one = Shortlist(size=64, kept=kept, recall_at_1=0.7, multiply_adds=0.26)
    lists = {"64": one, "1%": msgspec.structs.replace(one, size=100, kept=min(1.0, kept + 0.01))}
    cascade = Cascade(short=64, full=256, n_searched=1000, recall_at_1=0.72, shortlists=lists)
    return {
        name: MetricPart(identity="", versions={}, result=msgspec.to_builtins(result))
        for name, result in (("cascade", cascade), ("leakage", probe))
    }


def random_hits(seed: int, steerable: float = 0.0, queries: int = 60) -> np.ndarray:
    """Hits (queries, 4 prefixes, 2 levels) whose coarse hits fall, and fine hits rise, with the prefix."""
    generator = np.random.default_rng(seed)
    chance = np.full((4, 2), 0.7)
    chance[:, 0] -= steerable * np.linspace(0, 1, 4)
    chance[:, 1] -= steerable * np.linspace(1, 0, 4)
    return generator.random((queries, 4, 2)) < chance


def accuracies(accuracy: np.ndarray, dims: Sequence[int] = DIMS) -> dict[str, dict[str, float]]:
    """Accuracies (4, 2) as a file holds them."""
    rows = [{"L0": float(coarse), "L1": float(fine)} for coarse, fine in accuracy]
    return dict(zip(map(str, dims), rows, strict=True))


def feature_set(corpus: str = "clinc", name: str = "minilm", identity: str = "") -> Features:
    """A feature set of a corpus."""
    identity = identity or sha256(f"{corpus}/{name}".encode()).hexdigest()
    return Features(corpus=corpus, name=name, identity=identity, path="")


def evaluation(hits: np.ndarray, /, **changes: Any) -> Evaluation:
    """An evaluation with these hits; feature set and arm have the names of backbone and strategy."""
    names = {"corpus": "clinc", "backbone": "minilm", "strategy": "v5"} | changes
    features = changes.get("features", feature_set(names["corpus"], names["backbone"]))
    accuracy = hits.mean(axis=0)
    measures = {name: float(measure(accuracy)) for name, measure in MEASURES.items()}
    common = {
        "arm": names["strategy"],
        "method": "supervision",
        "trunk": "linear",
        "settings": {"epochs": 5, "dims": list(DIMS)},
        "seed": 42,
        "nested": True,
        "features": features,
        "trained_on": features,
        "head_identity": "h" * 64,
        "protocol": "loo",
        "k": 5,
        "metric": "cosine",
        "renormalised": True,
        "rows_seed": 42,
        "max_test": None,
        "n_queries": len(hits),
        "n_reference": len(hits),
        "duplicates": 0,
        "dropped_duplicates": False,
        "dims": list(DIMS),
        "identity": "e" * 64,
        "accuracy": accuracies(accuracy, changes.get("dims", DIMS)),
        "steerability": msgspec.convert({**measures, "intervals": {}}, Steerability),
        "profile": profile(),
        "hits": PackedHits.pack(hits),
    }
    return Evaluation(**(common | names))


def profile(
    classes: Sequence[int] = (10, 150), bits: Sequence[float] = (3.3, 3.9), **changes: Any
) -> Profile:
    """A corpus whose backbone, cut, is worse at every level alike: S of truncation is zero."""
    truncated = np.linspace([0.8, 0.7], [0.96, 0.86], 4)
    common = {
        "classes": list(classes),
        "entropies": list(bits),
        "h_l0": bits[0],
        "h_l1_given_l0": sum(bits[1:]),
        "baseline": {f"L{level}": 0.96 - 0.08 * level for level in range(len(classes))},
        "truncated": accuracies(truncated),
    }
    return Profile(**(common | changes))


def write_evaluation(runs: Path, hits: np.ndarray, /, **changes: Any) -> Path:
    """Write an evaluation file where ``fractalctl evaluate`` would."""
    document = evaluation(hits, **changes)
    trained = document.trained_on
    folder = runs / trained.corpus / trained.name / document.arm / f"seed-{document.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    there = "" if trained == document.features else f"-on-{document.corpus}-{document.features.name}"
    path = folder / f"evaluation-{protocol_of(document)}{there}.json"
    write_document(path, document)
    return path


def arms_of(
    runs: Path, arms: Mapping[str, float], seeds: Sequence[int] = (42, 123, 456), **changes: Any
) -> None:
    """Write evaluations of arms, each with how steerable its heads are."""
    for seed in seeds:
        for arm, steerable in arms.items():
            write_evaluation(
                runs, random_hits(seed, steerable), arm=arm, seed=seed, **{"strategy": arm} | changes
            )


def ablation(corpus: str, axis: str, varied: str | None, runs: Sequence[Run], **changes: Any) -> Ablation:
    """An ablation of these runs."""
    features, arms = feature_set(corpus), first_seen(run.arm for run in runs)
    arm_names = [
        ArmName(arm=arm, strategy=arm, method="supervision", trunk="linear", settings={}) for arm in arms
    ]
    common = msgspec.structs.asdict(evaluation(random_hits(0), corpus=corpus, max_test=2000)) | {
        "features": features,
        "axis": axis,
        "varied": varied,
        "values": first_seen(run.point[varied] for run in runs) if varied else arms,
        "seeds": first_seen(run.seed for run in runs),
        "runs": list(runs),
        "comparisons": [],
        "arms": {one.arm: one for one in arm_names},
    } | changes  # fmt: skip
    return Ablation(**{name: common[name] for name in Ablation.__struct_fields__ if name in common})


def run(arm: str, seed: int, s: float, **changes: Any) -> Run:
    """One head of an experiment, of which only S matters."""
    measures = dict.fromkeys(MEASURES, 0.0) | {"S": s}
    common = {
        "arm": arm, "strategy": arm, "seed": seed, "accuracy": {},
        "steerability": msgspec.convert({**measures, "intervals": {}}, Steerability),
        "hits": PackedHits(shape=(0, 0, 0), order="C", bits="big", data=""),
    }  # fmt: skip
    return Run(**(common | changes))


def write_table(
    path: Path, rows: Sequence[Sequence[Any]], header: str = "dataset,strategy,seed,steerability"
) -> Path:
    """Write a CSV table."""
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return path
