"""Ask the corpus of a trained head: with texts of one's own, or with its test rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fractalctl.backbones.services.backbone import Agree, announce, unasked
from fractalctl.backbones.spec import Encoder, Spec
from fractalctl.device import choose_device
from fractalctl.errors import RequestError
from fractalctl.experiments.calibration import Decision, decide
from fractalctl.experiments.embedding import ascending_lengths
from fractalctl.experiments.indexing import IndexedReference
from fractalctl.experiments.policy import Note, unheard
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.search import Answer, Answered, Query, Reference, answer, rows_as_queries
from store import FeatureSet

FINEST_SURE = -1
"""As a level: each query's finest one that is sure."""


@dataclass(frozen=True)
class Lookup:
    """What is looked for.

    Attributes:
        k: answers at each length.
        lengths: ascending prefix lengths; None takes the head's own.
        shortlist: rows that the shortest length hands on to the longest in a search of two stages; None
            searches in one.
        funnel: hand on from each length to the next instead, fewer rows every time.
        level: number of the level that is to be answered; -1 for each query's finest that is sure; None for
            none. It takes an index, whose thresholds say what is sure.
    """

    k: int = 5
    lengths: tuple[int, ...] | None = None
    shortlist: int | None = None
    funnel: bool = False
    level: int | None = None


@dataclass(frozen=True)
class Found:
    """What was found for one query.

    Attributes:
        zoom: the query with its answers and votes at each length.
        two_stage: answers of the search in stages, nearest first; None where there was none.
        decision: the class at the level that was asked for, and whether it is sure; None without an index.
    """

    zoom: Answered
    two_stage: tuple[Answer, ...] | None
    decision: Decision | None = None


def search_rows(
    head: Head, features: FeatureSet, rows: Sequence[int], lookup: Lookup, device: str = "auto"
) -> list[Found]:
    """Answer test rows from the training rows, see `rows_in`."""
    return rows_in(Reference(head, features, choose_device(device)), rows, lookup)


def rows_in(reference: Reference, rows: Sequence[int], lookup: Lookup) -> list[Found]:
    """Answer test rows of a corpus; RequestError if there is no such row, or lengths or counts do not fit."""
    features = reference.features
    if "test" not in features.splits:
        raise RequestError(f"{features.path}: has no test split to take rows from")
    count = features.n_rows("test")
    if wrong := [row for row in rows if not 0 <= row < count]:
        raise RequestError(f"{features.path}: has test rows 0 to {count - 1}, not {wrong[0]}")
    embedded = reference.embed(features.features("test")[np.asarray(rows)])
    return _search(reference, rows_as_queries(features, rows), embedded, lookup)


def search_texts(
    head: Head,
    features: FeatureSet,
    texts: Sequence[str],
    lookup: Lookup,
    backbone: Spec,
    device: str = "auto",
    offline: bool = False,
) -> list[Found]:
    """Answer texts from the training rows, see `texts_in`."""
    from fractalctl.backbones.encoder import load_backbone  # seconds, which test rows do not need

    reference = Reference(head, features, choose_device(device))
    return texts_in(reference, texts, lookup, lambda: load_backbone(backbone, device=device, offline=offline))


def texts_in(
    reference: Reference,
    texts: Sequence[str],
    lookup: Lookup,
    load: Callable[[], Encoder],
    agree: Agree = unasked,
    note: Note = unheard,
) -> list[Found]:
    """Answer texts from a reference; the backbone encodes them as it encoded the corpus.

    Args:
        load: gives the backbone, see `fractalctl.backbones.resolve.recorded_backbone`.
        agree: is told what a service will be asked for before it is; raises whatever shall stop it.
        note: is told the same.

    Raises RequestError: a text has no tokens, or lengths or counts do not fit.
    """
    _check(reference, lookup)
    encoder = load()
    announce(encoder, texts, agree, note)
    embedded = reference.embed(encoder.encode(texts))
    return _search(reference, [Query(text) for text in texts], embedded, lookup)


def _search(
    reference: Reference, queries: Sequence[Query], embedded: Prefixes, lookup: Lookup
) -> list[Found]:
    lengths = _check(reference, lookup)
    found = [Found(one, None) for one in answer(reference, queries, embedded, lengths, lookup.k)]
    if lookup.shortlist is not None:
        rows = _narrowed(reference, embedded, lengths, lookup.shortlist, lookup)
        staged = reference.answers(embedded, rows, lengths[-1])
        found = [replace(one, two_stage=answers) for one, answers in zip(found, staged, strict=True)]
    if isinstance(reference, IndexedReference):
        level = None if lookup.level in (None, FINEST_SURE) else lookup.level
        decisions = decide(reference, embedded, reference.document.calibration, level)
        found = [replace(one, decision=decision) for one, decision in zip(found, decisions, strict=True)]
    return found


def _narrowed(
    reference: Reference, embedded: Prefixes, lengths: Sequence[int], shortlist: int, lookup: Lookup
) -> np.ndarray:
    """Rows (q, k) that come through all stages, nearest first at the last length."""
    stages = lengths if lookup.funnel else (lengths[0], lengths[-1])
    first, *sizes = stage_sizes(shortlist, lookup.k, len(stages))
    rows = reference.nearest(embedded, stages[:1], first)[:, 0]
    for length, size in zip(stages[1:], sizes, strict=True):
        rows = reference.rescored(embedded, rows, length, size)
    return rows


def stage_sizes(shortlist: int, k: int, n_stages: int) -> list[int]:
    """How many rows come through each stage: evenly fewer, by ratio.

    >>> stage_sizes(100, 1, 3), stage_sizes(100, 5, 2)
    ([100, 10, 1], [100, 5])
    """
    steps = max(n_stages - 1, 1)
    return [round(shortlist * (k / shortlist) ** (stage / steps)) for stage in range(n_stages)]


def _check(reference: Reference, lookup: Lookup) -> tuple[int, ...]:
    """The lengths to search at, once it is sure that they and the counts fit."""
    there = reference.lengths if isinstance(reference, IndexedReference) else reference.head.dims
    lengths = ascending_lengths(lookup.lengths or there, reference.head.dims[-1])
    if lookup.funnel and lookup.shortlist is None:
        raise RequestError("--funnel narrows a shortlist; --shortlist N says how many rows it begins with")
    if lookup.level is not None and not isinstance(reference, IndexedReference):
        raise RequestError(
            "a level is answered from an index, which knows what is sure; name one with --index"
        )
    if lookup.shortlist is not None and lookup.shortlist < lookup.k:
        raise RequestError(f"a shortlist of {lookup.shortlist} cannot give {lookup.k} answers")
    return lengths
