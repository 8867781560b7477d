"""Cascade: a shortlist by the shortest prefix, searched again at full length, against full search."""

import numpy as np

from fractalctl.documents.evaluation import Cascade, Shortlist
from fractalctl.measures.metrics import Metric, Subject
from fractalctl.measures.neighbours import nearest_at_prefixes
from fractalctl.measures.shortlists import Search, sizes

NAMES = ("64", "1%")
"""Of the shortlists, see `fractalctl.measures.shortlists.sizes`."""


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
