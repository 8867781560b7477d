"""Retention: how much of the full length's quality each shorter one keeps, and what it saves."""

import platform
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import median
from time import perf_counter_ns

import msgspec
import numpy as np
import torch

from fractalctl.documents.measured import Accuracy
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import ByLevel, Metric, Subject
from fractalctl.measures.metrics.dual import BYTES_PER_NUMBER
from fractalctl.measures.metrics.retrieval import SPLIT_SEED, halves, hit_rate, ranks_between
from fractalctl.measures.neighbours import nearest

CUTOFF = 10
TIMED_QUERIES = 256
REPETITIONS = 5


class Length(msgspec.Struct, frozen=True, kw_only=True):
    """One length of an embedding.

    Attributes:
        accuracy: k-NN accuracy by level under the protocol.
        hit_rate_at_10: by level, see `fractalctl.measures.metrics.retrieval.Retrieval`.
        retained_accuracy: by level, share of the full length's; None where that is zero.
        retained_hit_rate_at_10: by level, likewise.
        bytes_per_document: float32.
        relative_cost: what exact search computes and reads, against the full length.
    """

    accuracy: ByLevel
    hit_rate_at_10: ByLevel
    retained_accuracy: dict[str, float | None]
    retained_hit_rate_at_10: dict[str, float | None]
    bytes_per_document: int
    relative_cost: float


class MeasuredHere(msgspec.Struct, frozen=True, kw_only=True):
    """Speed on the machine that measured; no part of the result's identity.

    Attributes:
        microseconds_per_query: of exact k-NN by length, the median of repetitions of a block of queries.
        n_queries: in the block.
        n_reference: rows searched.
        repetitions: of the block.
        threads: of PyTorch.
        processor: architecture of the machine.
    """

    microseconds_per_query: dict[str, float]
    n_queries: int
    n_reference: int
    repetitions: int
    threads: int
    processor: str


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Quality, storage and speed at each length.

    Attributes:
        head: of the head's embeddings by length.
        backbone: of the untouched features cut to those lengths that they have, and at their own full one.
        measured_here: times.
    """

    head: dict[str, Length]
    backbone: dict[str, Length]
    measured_here: MeasuredHere


def retention(subject: Subject) -> Retention:
    """Quality, storage and speed at each length, for the head and for the untouched backbone cut likewise."""
    evaluator, dims = subject.evaluator, subject.dims
    reference = subject.embed(evaluator.rows.reference)
    k = evaluator.protocol.k
    return Retention(
        head=_lengths(evaluator, dims, subject.accuracy, subject.test),
        backbone=_untouched(evaluator, dims),
        measured_here=MeasuredHere(
            microseconds_per_query={str(d): _time(reference.at(d), k, evaluator.device) for d in dims},
            n_queries=min(TIMED_QUERIES, len(reference.full)),
            n_reference=len(reference.full),
            repetitions=REPETITIONS,
            threads=torch.get_num_threads(),
            processor=platform.machine(),
        ),
    )


@lru_cache(maxsize=2)
def _untouched(evaluator: Evaluator, dims: tuple[int, ...]) -> dict[str, Length]:
    """The same of the backbone's features at those lengths that they have, and at their own full one."""
    full, profile = evaluator.features.dimension, evaluator.profile(dims)
    lengths = (*(dimension for dimension in dims if dimension < full), full)
    accuracy = {**profile.truncated, str(full): profile.baseline}
    return _lengths(evaluator, lengths, accuracy, Prefixes.nested(np.array(evaluator.test_features)))


def _lengths(
    evaluator: Evaluator, dims: Sequence[int], accuracy: Accuracy, test: Prefixes
) -> dict[str, Length]:
    """Per length: quality, the share of the last length's quality, bytes and cost."""
    labels = evaluator.test_labels
    ranks = ranks_between(test, labels, *halves(len(labels)), dims, evaluator.device)
    found = {
        str(dimension): {
            f"L{level}": hit_rate(column, CUTOFF) for level, column in enumerate(ranks[:, place].T)
        }
        for place, dimension in enumerate(dims)
    }
    full = str(dims[-1])
    return {
        length: Length(
            accuracy=accuracy[length],
            hit_rate_at_10=rates,
            retained_accuracy=retained(accuracy[length], accuracy[full]),
            retained_hit_rate_at_10=retained(rates, found[full]),
            bytes_per_document=BYTES_PER_NUMBER * int(length),
            relative_cost=int(length) / dims[-1],
        )
        for length, rates in found.items()
    }


def retained(quality: Mapping[str, float], full: Mapping[str, float]) -> dict[str, float | None]:
    """Share of the full length's quality per level; None where that is zero."""
    return {level: quality[level] / full[level] if full[level] else None for level in quality}


def _time(embeddings: np.ndarray, k: int, device: torch.device | None) -> float:
    """Microseconds per query of exact k-NN at one length: median over repetitions of a block of queries."""
    queries = np.ascontiguousarray(embeddings[:TIMED_QUERIES])
    reference = np.ascontiguousarray(embeddings)
    spent = []
    for _ in range(REPETITIONS):
        start = perf_counter_ns()
        nearest(queries, reference, [embeddings.shape[1]], min(k, len(embeddings)), device)
        spent.append(perf_counter_ns() - start)
    return median(spent) / len(queries) / 1000


METRIC = Metric("retention", Retention, retention, {"seed": SPLIT_SEED, "cutoff": CUTOFF})
