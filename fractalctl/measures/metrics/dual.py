"""Dual: one head cut in two ways against two heads, one for each level."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from fractalctl.documents.evaluation import Evaluation
from fractalctl.measures.metrics import Metric, Subject, coarse_and_fine

if TYPE_CHECKING:
    from fractalctl.heads.head import Head

BYTES_PER_NUMBER = 4  # embeddings are stored as float32


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One way to answer coarse and fine queries.

    Attributes:
        coarse_short: accuracy at the coarsest level, at the shortest prefix.
        coarse_full: accuracy at the coarsest level, at full length.
        fine_full: accuracy at the finest level, at full length.
        heads: how many there are.
        head_bytes: of their weights.
        bytes_per_document: two encoders need two indexes, so a document is stored once for each.
        coarse_query_bytes: what an exact search reads per document to answer a coarse query.
    """

    coarse_short: float
    coarse_full: float
    fine_full: float
    heads: int
    head_bytes: int
    bytes_per_document: int
    coarse_query_bytes: int


class Dual(msgspec.Struct, frozen=True, kw_only=True):
    """One head against two dedicated ones.

    Attributes:
        short: the shortest length.
        full: the full length.
        single: this head, cut for coarse queries.
        dedicated: the heads ``coarse`` and ``fine``, at full length.
        head_identities: of those two, by strategy.
    """

    short: int
    full: int
    single: Side
    dedicated: Side
    head_identities: dict[str, str]


def dual(subject: Subject) -> Dual:
    """Dedicated coarse and fine heads, matched with this one, against this one (paper, Section 7)."""
    short, full = subject.dims[0], subject.dims[-1]
    coarse, fine = subject.matched["coarse"], subject.matched["fine"]
    both = [coarse.head, fine.head]
    return Dual(
        short=short,
        full=full,
        single=_side(subject.evaluation, subject.evaluation, [subject.head], short),
        dedicated=_side(coarse.evaluation, fine.evaluation, both, full),
        head_identities={name: one.head.identity for name, one in subject.matched.items()},
    )


def _side(coarse: Evaluation, fine: Evaluation, heads: Sequence["Head"], coarse_length: int) -> Side:
    """What one or two heads answer, and what they take."""
    level, finest = coarse_and_fine(coarse.accuracy)
    short, full = str(coarse.dims[0]), str(coarse.dims[-1])
    return Side(
        coarse_short=coarse.accuracy[short][level],
        coarse_full=coarse.accuracy[full][level],
        fine_full=fine.accuracy[full][finest],
        heads=len(heads),
        head_bytes=sum(head.weights_path.stat().st_size for head in heads),
        bytes_per_document=sum(BYTES_PER_NUMBER * head.dims[-1] for head in heads),
        coarse_query_bytes=BYTES_PER_NUMBER * coarse_length,
    )


METRIC = Metric("dual", Dual, dual, needs=("coarse", "fine"))
