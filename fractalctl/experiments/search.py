"""Ask the corpus of a trained head: with texts of one's own, or with its test rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fractalctl.backbones.spec import BackboneSpec
from fractalctl.device import choose_device
from fractalctl.errors import RequestError
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.answers import Answer, Answered, Query, Reference, answer, rows_as_queries
from store import FeatureSet


@dataclass(frozen=True)
class Lookup:
    """What is looked for.

    Attributes:
        k: answers at each length.
        lengths: ascending prefix lengths; None takes the head's own.
        shortlist: rows that the shortest length hands on to the longest in a search of two stages; None
            searches in one.
    """

    k: int = 5
    lengths: tuple[int, ...] | None = None
    shortlist: int | None = None


@dataclass(frozen=True)
class Found:
    """What was found for one query.

    Attributes:
        zoom: the query with its answers and votes at each length.
        two_stage: answers of the search in two stages, nearest first; None where there was none.
    """

    zoom: Answered
    two_stage: tuple[Answer, ...] | None


def search_rows(
    head: Head, features: FeatureSet, rows: Sequence[int], lookup: Lookup, device: str = "auto"
) -> list[Found]:
    """Answer test rows from the training rows.

    Raises:
        RequestError: there is no such row, or lengths or counts do not fit.
    """
    if "test" not in features.splits:
        raise RequestError(f"{features.path}: has no test split to take rows from")
    count = features.n_rows("test")
    if wrong := [row for row in rows if not 0 <= row < count]:
        raise RequestError(f"{features.path}: has test rows 0 to {count - 1}, not {wrong[0]}")
    reference = Reference(head, features, choose_device(device))
    embedded = reference.embed(features.features("test")[np.asarray(rows)])
    return _search(reference, rows_as_queries(features, rows), embedded, lookup)


def search_texts(
    head: Head,
    features: FeatureSet,
    texts: Sequence[str],
    lookup: Lookup,
    backbone: BackboneSpec,
    device: str = "auto",
    offline: bool = False,
) -> list[Found]:
    """Answer texts from the training rows; the backbone encodes them as it encoded the corpus.

    Args:
        head: maps features to embeddings.
        features: the set that the head was trained on.
        texts: the queries.
        lookup: what is looked for.
        backbone: see `fractalctl.backbones.recorded.recorded_backbone`.
        device: ``auto`` or a PyTorch device.
        offline: do not touch the network.

    Raises:
        RequestError: a text has no tokens, or lengths or counts do not fit.
        UnreachableError: the backbone is neither here nor to be had.
    """
    from fractalctl.backbones.encoder import load_backbone  # seconds, which test rows do not need

    reference = Reference(head, features, choose_device(device))
    _check(reference, lookup)
    encoder = load_backbone(backbone, device=device, offline=offline)
    return _search(reference, [Query(text) for text in texts], reference.embed(encoder.encode(texts)), lookup)


def _search(
    reference: Reference, queries: Sequence[Query], embedded: Prefixes, lookup: Lookup
) -> list[Found]:
    lengths = _check(reference, lookup)
    zooms = answer(reference, queries, embedded, lengths, lookup.k)
    if lookup.shortlist is None:
        return [Found(one, None) for one in zooms]
    candidates = reference.nearest(embedded, lengths[:1], lookup.shortlist)[:, 0]
    rows = reference.rescored(embedded, candidates, lengths[-1], lookup.k)
    second = reference.answers(embedded, rows, lengths[-1])
    return [Found(one, answers) for one, answers in zip(zooms, second, strict=True)]


def _check(reference: Reference, lookup: Lookup) -> tuple[int, ...]:
    """The lengths to search at, once it is sure that they and the counts fit."""
    lengths = lookup.lengths or reference.head.dims
    full = reference.head.dims[-1]
    if list(lengths) != sorted(set(lengths)) or not 1 <= lengths[0] <= lengths[-1] <= full:
        raise RequestError(
            f"--dims {','.join(map(str, lengths))}: expected ascending lengths from 1 to {full}"
        )
    if lookup.shortlist is not None and lookup.shortlist < lookup.k:
        raise RequestError(f"a shortlist of {lookup.shortlist} cannot give {lookup.k} answers")
    return lengths
