"""Retrieval: how soon a document of the query's class is found, at every prefix and level."""

from collections.abc import Sequence

import msgspec
import numpy as np
import torch

from fractalctl.errors import RequestError
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.metrics import ByLevel, Metric, Subject
from fractalctl.measures.neighbours import SMALLEST_NORM, nearest_at_prefixes
from fractalctl.randomness import Purpose, generator

CUTOFFS = (1, 5, 10, 20)
SPLIT_SEED = 42
SIMILARITIES_PER_PASS = 2**23
DOCUMENTS_PER_PASS = 2**14


class Retrieval(msgspec.Struct, frozen=True, kw_only=True):
    """How soon a document of the query's class is found.

    Attributes:
        seed: splits the test sample in halves.
        cutoffs: at which hits are counted.
        n_queries: rows that ask.
        n_documents: rows that are searched.
        answerable: by level, the share of queries whose class has a document at all, the ceiling of the
            others.
        hit_rate: by length, level and cutoff, the share of queries with a document of their class among the
            first so many (the paper's Recall@k).
        mrr: by length and level, the mean of 1 / rank of the first such document, 0 where there is none.
    """

    seed: int
    cutoffs: list[int]
    n_queries: int
    n_documents: int
    answerable: ByLevel
    hit_rate: dict[str, dict[str, dict[str, float]]]
    mrr: dict[str, ByLevel]


def retrieval(subject: Subject) -> Retrieval:
    """Hit rate at each cutoff and mean reciprocal rank per prefix and level (paper, Table 7 and Figure 9)."""
    queries, documents = halves(len(subject.test_labels))
    ranks = ranks_between(
        subject.test, subject.test_labels, queries, documents, subject.dims, subject.evaluator.device
    )
    by_length = {str(dimension): ranks[:, place].T for place, dimension in enumerate(subject.dims)}
    return Retrieval(
        seed=SPLIT_SEED,
        cutoffs=list(CUTOFFS),
        n_queries=len(queries),
        n_documents=len(documents),
        answerable={f"L{level}": float((column > 0).mean()) for level, column in enumerate(ranks[:, 0].T)},
        hit_rate={
            length: {
                f"L{level}": {str(k): hit_rate(column, k) for k in CUTOFFS}
                for level, column in enumerate(levels)
            }
            for length, levels in by_length.items()
        },
        mrr={
            length: {f"L{level}": reciprocal_rank(column) for level, column in enumerate(levels)}
            for length, levels in by_length.items()
        },
    )


METRIC = Metric("retrieval", Retrieval, retrieval, {"seed": SPLIT_SEED, "cutoffs": list(CUTOFFS)})


def halves(rows: int, seed: int = SPLIT_SEED) -> tuple[np.ndarray, np.ndarray]:
    """Rows that ask and rows that are searched: a random half each, ascending; RequestError for one row."""
    if rows < 2:
        raise RequestError(f"retrieval splits the test rows in two halves, but there is {rows}")
    order = generator(seed, Purpose.RETRIEVAL_SPLIT).permutation(rows)
    return np.sort(order[: rows // 2]), np.sort(order[rows // 2 :])


def ranks_between(
    embeddings: Prefixes,
    labels: np.ndarray,
    queries: np.ndarray,
    documents: np.ndarray,
    dims: Sequence[int],
    device: torch.device | None = None,
) -> np.ndarray:
    """`first_relevant` among some rows (queries) and others (documents) of the same embeddings."""
    asked, searched = embeddings.take(queries), embeddings.take(documents)
    return first_relevant(asked, searched, labels[queries], labels[documents], dims, device)


def first_relevant(
    queries: Prefixes,
    documents: Prefixes,
    query_labels: np.ndarray,
    document_labels: np.ndarray,
    dims: Sequence[int],
    device: torch.device | None = None,
) -> np.ndarray:
    """Rank of the first document of each query's class, by falling cosine, over all documents.

    One search finds the nearest of all prefixes; only queries without a relevant one among these are ranked
    against every document. Classes of queries and documents are (q, D) and (n, D).

    Returns:
        (q, len(dims), D) int64, from 1; 0 where no document is of the class. Equal cosines by row number.
    """
    found = nearest_at_prefixes(queries, documents, dims, min(CUTOFFS[-1], len(document_labels)), device)
    same = document_labels[found] == query_labels[:, None, None, :]
    ranks = np.where(same.any(axis=2), same.argmax(axis=2) + 1, 0)
    known = [np.isin(*columns) for columns in zip(query_labels.T, document_labels.T, strict=True)]
    unranked = (ranks == 0) & np.stack(known, axis=1)[:, None]
    at_once = max(1, SIMILARITIES_PER_PASS // len(document_labels))
    for place, dimension in enumerate(dims):
        rows = np.flatnonzero(unranked[:, place].any(axis=1))
        for part in np.array_split(rows, -(-len(rows) // at_once)) if len(rows) else ():
            similarity = _cosines(queries.at(dimension)[part], documents.at(dimension))
            full = _ranks(similarity, query_labels[part], document_labels)
            ranks[part, place] = np.where(unranked[part, place], full, ranks[part, place])
    return ranks


def _cosines(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """(q, n) float64, times the norm of the query, a part of the documents at a time."""
    columns = []
    for start in range(0, len(documents), DOCUMENTS_PER_PASS):
        rows = documents[start : start + DOCUMENTS_PER_PASS].astype(np.float64)
        norms = np.linalg.norm(rows, axis=1).clip(min=SMALLEST_NORM)
        columns.append(queries.astype(np.float64) @ rows.T / norms)
    return np.concatenate(columns, axis=1)


def _ranks(similarity: np.ndarray, query_labels: np.ndarray, document_labels: np.ndarray) -> np.ndarray:
    """Ranks (q, D) of the first relevant document, from all similarities (q, n)."""
    rows, column = np.arange(len(similarity)), np.arange(similarity.shape[1])
    ranks = np.empty(query_labels.shape, dtype=np.int64)
    for level in range(query_labels.shape[1]):
        relevant = document_labels[:, level] == query_labels[:, level, None]
        best = np.where(relevant, similarity, -np.inf).argmax(axis=1)
        level_with = similarity[rows, best][:, None]
        ahead = (similarity > level_with) | ((similarity == level_with) & (column < best[:, None]))
        ranks[:, level] = ahead.sum(axis=1) + 1
    return ranks


def hit_rate(ranks: np.ndarray, cutoff: int) -> float:
    """Share of queries with a relevant document among the first ``cutoff``."""
    return float(((ranks > 0) & (ranks <= cutoff)).mean())


def reciprocal_rank(ranks: np.ndarray) -> float:
    """Mean of 1 / rank of the first relevant document, 0 where there is none (MRR)."""
    return float(np.divide(1.0, ranks, out=np.zeros(len(ranks)), where=ranks > 0).mean())
