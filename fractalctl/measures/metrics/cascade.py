"""Cascade: a shortlist by the shortest prefix, searched again at full length, against full search.

Cosines are float64, computed a block at a time. Those that differ by less than `TIE` count as equal, and row
order decides between equals, so that the answer does not depend on how a product was split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fractalctl.documents.evaluation import Cascade, Shortlist
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.metrics import Metric, Subject
from fractalctl.measures.neighbours import SMALLEST_NORM, nearest_at_prefixes

TIE = 1e-12
FIXED = 64
SIMILARITIES_PER_PASS = 2**22
REFERENCES_PER_PASS = 2**14
NAMES = ("64", "1%")  # of the shortlists, see `fractalctl.measures.metrics.cascade.sizes`


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows (n, d) of length 1 in float64; a zero row stays zero."""
    exact = rows.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    scaled: np.ndarray = exact / norms.clip(min=SMALLEST_NORM)
    return scaled


@dataclass(frozen=True)
class Search:
    """Who asks whom, first at the ``short`` length: queries, or reference rows each other (leave-one-out)."""

    queries: Prefixes | None
    reference: Prefixes
    short: int

    @property
    def full(self) -> int:
        """Length of the second stage, and of full search."""
        return self.reference.length

    @property
    def n_asked(self) -> int:
        """How many rows ask."""
        return len((self.queries or self.reference).full)

    @property
    def n_searched(self) -> int:
        """How many rows each of them searches."""
        return len(self.reference.full) - (self.queries is None)

    def asked(self, rows: np.ndarray | slice, length: int) -> np.ndarray:
        """Some queries at one length, of length 1."""
        return unit((self.queries or self.reference).at(length)[rows])

    def ranks(self, targets: np.ndarray) -> np.ndarray:
        """Place, from 1, of one reference row for each query, (q,) both, in the order of the short prefix."""
        found = np.ones(self.n_asked, dtype=np.int64)
        searched = self.reference.at(self.short)
        at_once = max(1, SIMILARITIES_PER_PASS // min(REFERENCES_PER_PASS, len(searched)))
        for first in range(0, len(searched), REFERENCES_PER_PASS):
            part = unit(searched[first : first + REFERENCES_PER_PASS])
            for start in range(0, self.n_asked, at_once):
                place = slice(start, start + at_once)
                queries, wanted = self.asked(place, self.short), targets[place]
                level = (queries * unit(searched[wanted])).sum(axis=1)[:, None]
                similarity = self._without_own(queries @ part.T, start, first)
                above = np.count_nonzero(similarity > level + TIE, axis=1)
                equal = np.count_nonzero(similarity >= level - TIE, axis=1) - above
                found[place] += above
                for query in np.flatnonzero(equal):
                    before = similarity[query, : max(0, wanted[query] - first)]
                    found[start + query] += np.count_nonzero(np.abs(before - level[query]) <= TIE)
        return found

    def second_stage(self, queries: np.ndarray, size: int) -> np.ndarray:
        """What a cascade answers: the row nearest at full length among so many nearest by the short prefix.

        Queries are given by number, (m,); answers are reference rows, (m,).
        """
        answers = np.empty(len(queries), dtype=np.int64)
        searched = self.reference.at(self.short)
        at_once = max(1, SIMILARITIES_PER_PASS // len(searched))
        for start in range(0, len(queries), at_once):
            numbers = queries[start : start + at_once]
            parts = range(0, len(searched), REFERENCES_PER_PASS)
            short = self.asked(numbers, self.short)
            similarity = np.hstack([short @ unit(searched[at : at + REFERENCES_PER_PASS]).T for at in parts])
            if self.queries is None:
                similarity[np.arange(len(numbers)), numbers] = -np.inf
            for place, (row, query) in enumerate(
                zip(similarity, self.asked(numbers, self.full), strict=True)
            ):
                chosen = shortlist(row, size)
                cosines = (unit(self.reference.at(self.full)[chosen]) * query).sum(axis=1)
                answers[start + place] = chosen[np.argmax(cosines >= cosines.max() - TIE)]
        return answers

    def _without_own(self, similarity: np.ndarray, start: int, first: int) -> np.ndarray:
        """Similarities (q, n) of queries from ``start`` on and rows from ``first`` on, none with itself."""
        if self.queries is None:
            query = np.arange(len(similarity))
            column = query + start - first
            inside = (column >= 0) & (column < similarity.shape[1])
            similarity[query[inside], column[inside]] = -np.inf
        return similarity


def shortlist(similarity: np.ndarray, size: int) -> np.ndarray:
    """The ``size`` rows of largest similarity (n,), in rising order; the first of equals.

    >>> shortlist(np.array([0.5, 0.9, 0.5, 0.7]), 3)
    array([0, 1, 3])
    """
    least = np.partition(similarity, -size)[-size]
    sure = np.flatnonzero(similarity > least + TIE)
    tied = np.flatnonzero(np.abs(similarity - least) <= TIE)
    return np.sort(np.concatenate([sure, tied[: size - len(sure)]]))


def sizes(n_searched: int) -> Sequence[int]:
    """Sizes of the two shortlists: a fixed one, and 1 % of the rows where that is no smaller.

    >>> sizes(10_000), sizes(499), sizes(30)
    ((64, 100), (64, 64), (30, 30))
    """
    share = max(FIXED, n_searched // 100)
    return min(FIXED, n_searched), min(share, n_searched)


def cascade(subject: Subject) -> Cascade:
    """How much of full search a cascade keeps, and at which share of its cost, under the protocol."""
    rows = subject.evaluator.rows
    queries = None if rows.queries is None else subject.embed(rows.queries)
    search = Search(queries, subject.embed(rows.reference), subject.dims[0])
    best = nearest_at_prefixes(queries, search.reference, [search.full], 1, subject.evaluator.device)[:, 0, 0]
    ranks = search.ranks(best)
    truth, found = rows.query_labels[:, -1], rows.reference_labels[:, -1]

    def measured(size: int) -> Shortlist:
        lost, answers = np.flatnonzero(ranks > size), best.copy()
        answers[lost] = search.second_stage(lost, size)
        return Shortlist(
            size=size,
            kept=float((ranks <= size).mean()),
            recall_at_1=float((found[answers] == truth).mean()),
            multiply_adds=search.short / search.full + size / search.n_searched,
        )

    return Cascade(
        short=search.short,
        full=search.full,
        n_searched=search.n_searched,
        recall_at_1=float((found[best] == truth).mean()),
        shortlists=dict(zip(NAMES, map(measured, sizes(search.n_searched)), strict=True)),
    )


METRIC = Metric("cascade", Cascade, cascade, standard=True)
