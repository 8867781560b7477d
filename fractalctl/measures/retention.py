"""Retention: how much of the full length's quality each shorter one keeps, and what it saves."""

import platform
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np
import torch

from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.dual import BYTES_PER_NUMBER
from fractalctl.measures.evaluation import Evaluator, hits_of
from fractalctl.measures.neighbours import nearest
from fractalctl.measures.retrieval import halves, ranks_between, recall
from fractalctl.measures.steerability import accuracies
from fractalctl.measures.subject import Accuracy, Subject

CUTOFF = 10
TIMED_QUERIES = 256
REPETITIONS = 5


def retention(subject: Subject) -> dict[str, Any]:
    """Quality, storage and speed at each length, for the head and for the untouched backbone cut likewise.

    The measures of the Matryoshka guide: quality as k-NN accuracy under the protocol and as Recall@10
    (`fractalctl.measures.retrieval`), both per level and as a share of the same embedding's full length.
    ``relative_cost`` is what exact search computes and reads, against the full length. Times are those of
    this machine and no part of a result's identity.
    """
    labels = subject.test_labels
    ranks = ranks_between(subject.test, labels, *halves(len(labels)), subject.dims, subject.device)
    head = _lengths(subject.dims, subject.accuracy, ranks)
    reference = subject.embed(subject.evaluator.rows.reference)
    times = {str(dimension): _time(reference.at(dimension), subject) for dimension in subject.dims}
    return {
        "head": head,
        "backbone": _untouched(subject.evaluator, subject.dims, subject.device),
        "measured_here": {
            "microseconds_per_query": times,
            "n_queries": min(TIMED_QUERIES, len(reference.full)),
            "n_reference": len(reference.full),
            "repetitions": REPETITIONS,
            "threads": torch.get_num_threads(),
            "processor": platform.machine(),
        },
    }


@lru_cache(maxsize=2)
def _untouched(evaluator: Evaluator, dims: tuple[int, ...], device: torch.device | None) -> dict[str, Any]:
    """The same of the backbone's features at those lengths that they have, and at their own full one."""
    features, protocol = evaluator.features, evaluator.protocol
    lengths = (*(dimension for dimension in dims if dimension < features.dimension), features.dimension)
    hits = hits_of(_nested, evaluator.rows, lengths, protocol.k, device)
    accuracy = {
        str(dimension): {f"L{level}": float(share) for level, share in enumerate(row)}
        for dimension, row in zip(lengths, accuracies(hits), strict=True)
    }
    test, labels = (
        rows[: protocol.max_test] for rows in (features.features("test"), features.labels("test"))
    )
    ranks = ranks_between(_nested(test), labels, *halves(len(labels)), lengths, device)
    return _lengths(lengths, accuracy, ranks)


def _nested(features: np.ndarray) -> Prefixes:
    return Prefixes.nested(np.array(features))


def _lengths(dims: Sequence[int], accuracy: Accuracy, ranks: np.ndarray) -> dict[str, Any]:
    """Per length: quality, the share of the last length's quality, bytes and cost."""
    recalls = {
        str(dimension): {
            f"L{level}": recall(column, CUTOFF) for level, column in enumerate(ranks[:, place].T)
        }
        for place, dimension in enumerate(dims)
    }
    full = str(dims[-1])
    return {
        str(dimension): {
            "accuracy": dict(accuracy[str(dimension)]),
            "recall@10": recalls[str(dimension)],
            "retained_accuracy": retained(accuracy[str(dimension)], accuracy[full]),
            "retained_recall@10": retained(recalls[str(dimension)], recalls[full]),
            "bytes_per_document": BYTES_PER_NUMBER * dimension,
            "relative_cost": dimension / dims[-1],
        }
        for dimension in dims
    }


def retained(quality: Mapping[str, float], full: Mapping[str, float]) -> dict[str, float | None]:
    """Share of the full length's quality per level; None where that is zero."""
    return {level: quality[level] / full[level] if full[level] else None for level in quality}


def _time(embeddings: np.ndarray, subject: Subject) -> float:
    """Microseconds per query of exact k-NN at one length: median over repetitions of a block of queries."""
    k = min(subject.evaluator.protocol.k, len(embeddings))
    queries = np.ascontiguousarray(embeddings[:TIMED_QUERIES])
    reference = np.ascontiguousarray(embeddings)
    spent = []
    for _ in range(REPETITIONS):
        start = perf_counter_ns()
        nearest(queries, reference, [embeddings.shape[1]], k, subject.device)
        spent.append(perf_counter_ns() - start)
    return median(spent) / len(queries) / 1000
