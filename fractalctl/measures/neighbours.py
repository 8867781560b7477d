"""Exact cosine k-nearest neighbours at every prefix length from one pass over the blocks, and their votes.

The dot product at prefix j is the one at prefix j - 1 plus the dot product of block j, so all prefixes
together cost one full-length matrix product. Candidates come from float32; wherever rounding could have
changed their order, float64 decides, so that the answer does not depend on how a product was split.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch

from fractalctl.device import placed
from fractalctl.errors import RequestError
from fractalctl.heads.prefixes import Prefixes

QUERIES_PER_PASS = 256
REFERENCES_PER_PASS = 16384
SPARE_CANDIDATES = 3  # candidates kept beyond k, so that near-ties at the k-th place are seen
GROUP = 8  # columns that share one maximum when candidates are sought
SMALLEST_NORM = float(np.finfo(np.float32).tiny)


def nearest(
    queries: np.ndarray | None,
    reference: np.ndarray,
    dims: Sequence[int],
    k: int,
    device: torch.device | None = None,
) -> np.ndarray:
    """The k nearest reference rows of each query by cosine, each prefix normalised anew.

    Args:
        queries: (q, d) float32; None asks for each reference row's neighbours among the others.
        reference: (n, d) float32.
        dims: ascending prefix lengths, at most d.
        k: how many; fewer than n when leaving one out, at most n otherwise.
        device: where the products are computed; None is the CPU.

    Returns:
        (q, len(dims), k) int64 reference rows, nearest first; equal similarities by ascending row number.
        A zero vector has cosine 0 with everything.

    Raises:
        RequestError: k exceeds the rows there are.
    """
    leave_one_out = queries is None
    available = len(reference) - leave_one_out
    if not 1 <= k <= available:
        raise RequestError(
            f"k = {k} neighbours were asked for, but there are {available} reference rows to choose from"
        )
    rows = placed(reference, device)
    asked = rows if queries is None else placed(queries, device)
    wanted = min(k + SPARE_CANDIDATES, available)
    batches = range(0, len(asked), QUERIES_PER_PASS)
    best: dict[int, list[Ranked]] = {}
    for first in range(0, len(rows), REFERENCES_PER_PASS):
        part = _ReferenceRows(rows[first : first + REFERENCES_PER_PASS], first, dims)
        for start in batches:
            batch = asked[start : start + QUERIES_PER_PASS]
            found = part.candidates(batch, wanted, start if leave_one_out else None)
            known = best.get(start)
            best[start] = (
                [_merge(*pair, wanted) for pair in zip(known, found, strict=True)] if known else found
            )
    neighbours = np.empty((len(asked), len(dims), k), dtype=np.int64)
    for start in batches:
        batch = asked[start : start + QUERIES_PER_PASS]
        own = torch.arange(start, start + len(batch), device=rows.device) if leave_one_out else None
        for position, (length, candidates) in enumerate(zip(dims, best[start], strict=True)):
            chosen = _settle(batch[:, :length], rows[:, :length], *candidates, k, own)
            neighbours[start : start + len(batch), position] = chosen.cpu().numpy()
    return neighbours


def nearest_at_prefixes(
    queries: Prefixes | None,
    reference: Prefixes,
    dims: Sequence[int],
    k: int,
    device: torch.device | None = None,
) -> np.ndarray:
    """The k nearest reference rows of each query at every length, as `nearest` finds them.

    Prefixes share one pass over their blocks; a full embedding that is not its blocks takes its own, and so
    does every length of sparse codes.
    """

    def pass_over(part: str, lengths: Sequence[int]) -> np.ndarray:
        asked = None if queries is None else getattr(queries, part)
        return nearest(asked, getattr(reference, part), lengths, k, device)

    length = reference.length
    if reference.coded:
        asked = [None if queries is None else queries.at(dimension) for dimension in dims]
        rows = [reference.at(dimension) for dimension in dims]
        found = [nearest(*pair, [pair[1].shape[1]], k, device) for pair in zip(asked, rows, strict=True)]
        return np.concatenate(found, axis=1)
    if reference.is_nested or dims[-1] < length:
        return pass_over("blocks", dims)
    if len(dims) == 1:
        return pass_over("full", dims)
    return np.concatenate([pass_over("blocks", dims[:-1]), pass_over("full", [length])], axis=1)


Ranked = tuple[torch.Tensor, torch.Tensor]
"""Similarities in falling order and the reference rows they belong to, (q, wanted) each."""


class _ReferenceRows:
    """Some reference rows, each block of them scaled by the reciprocal norm of the prefix that it ends.

    The cosine at prefix j is then the one at prefix j - 1, times the ratio of the two norms, plus the product
    with scaled block j.
    """

    def __init__(self, rows: torch.Tensor, first: int, dims: Sequence[int]) -> None:
        self._first = first
        self._blocks = [slice(*ends) for ends in pairwise((0, *dims))]
        norms = [torch.linalg.vector_norm(rows[:, block], dim=1) for block in self._blocks]
        norm = torch.stack(norms).square_().cumsum(dim=0).sqrt_().clamp_(min=SMALLEST_NORM)
        self._ratio = norm[:-1] / norm[1:]
        self._scaled = rows[:, : dims[-1]].clone()
        for block, ends in zip(self._blocks, norm, strict=True):
            self._scaled[:, block] /= ends[:, None]
        self._room = rows.new_empty(QUERIES_PER_PASS, len(rows))

    def candidates(self, queries: torch.Tensor, wanted: int, own: int | None) -> list[Ranked]:
        """Per prefix the ``wanted`` most similar rows in float32, never a query's own row.

        ``own`` is the reference row of the first query when queries (q, d) are reference rows themselves.
        """
        found = []
        for similarity in self._similarities(queries):
            if own is not None:
                query = torch.arange(len(queries), device=queries.device)
                column = query + own - self._first
                inside = (column >= 0) & (column < similarity.shape[1])
                similarity[query[inside], column[inside]] = -torch.inf
            values, columns = _largest(similarity, min(wanted, similarity.shape[1]))
            found.append((values, columns + self._first))
        return found

    def _similarities(self, queries: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield per prefix (q, n) the cosine times the query's norm; each overwrites the one before."""
        similarity = self._room[: len(queries)]
        for position, block in enumerate(self._blocks):
            if position:
                similarity *= self._ratio[position - 1]
            scaled = self._scaled[:, block].T
            torch.addmm(similarity, queries[:, block], scaled, beta=min(position, 1), out=similarity)
            yield similarity


def _merge(old: Ranked, new: Ranked, wanted: int) -> Ranked:
    values, rows = torch.cat([old[0], new[0]], dim=1), torch.cat([old[1], new[1]], dim=1)
    values, places = values.topk(min(wanted, values.shape[1]), dim=1)
    return values, rows.gather(1, places)


def _largest(values: torch.Tensor, count: int) -> Ranked:
    """The ``count`` largest of each row and their columns, faster than `torch.topk` on long rows.

    The largest elements lie in the groups with the largest maxima, which are sought the same way. Groups are
    strided, so that maxima are taken over contiguous memory; the last columns, which fill no group, are
    always looked at.
    """
    rows, length = values.shape
    groups = length // GROUP
    if groups <= count:
        return values.topk(count, dim=1)
    _, best = _largest(values[:, : groups * GROUP].view(rows, GROUP, groups).amax(dim=1), count)
    members = torch.arange(GROUP, device=values.device) * groups
    columns = (best[:, :, None] + members).flatten(1)
    rest = torch.arange(groups * GROUP, length, device=values.device).expand(rows, -1)
    columns = torch.cat([columns, rest], dim=1)
    largest, places = values.gather(1, columns).topk(count, dim=1)
    return largest, columns.gather(1, places)


def _settle(
    queries: torch.Tensor,
    reference: torch.Tensor,
    similarity: torch.Tensor,
    rows: torch.Tensor,
    k: int,
    own: torch.Tensor | None,
) -> torch.Tensor:
    """The k best of the candidates, (q, k), with float64 wherever float32 cannot tell two of them apart.

    Args:
        queries: (q, d) cut to the prefix.
        reference: (n, d) cut to the prefix.
        similarity: (q, c) float32 cosines times the queries' norms, in falling order.
        rows: (q, c) the candidates; where they are more than k, any row may tie with the last.
        k: how many.
        own: (q,) reference row of each query, which is no rival; None where queries are other rows.
    """
    # Twice the most that float32 may err by in a dot product.
    tolerance = 2 * queries.shape[1] * np.finfo(np.float32).eps * queries.norm(dim=1, keepdim=True)
    close = similarity[:, :-1] - similarity[:, 1:] <= tolerance
    endless = close[:, k - 1 :].all(dim=1) & (rows.shape[1] > k)
    doubtful = (close[:, :k].any(dim=1) & ~endless).nonzero()[:, 0]
    rows[doubtful, :k] = _exactly(queries[doubtful], reference, rows[doubtful].sort().values, k)
    endless = endless.nonzero()[:, 0]
    if len(endless):
        bound = similarity[endless, k - 1] - tolerance[endless, 0]
        rivals = _rivals(queries[endless], reference, bound, None if own is None else own[endless])
        for query, tied in zip(endless, rivals, strict=True):
            rows[query, :k] = _exactly(queries[query, None], reference, tied[None], k)
    return rows[:, :k]


def _exactly(queries: torch.Tensor, reference: torch.Tensor, rivals: torch.Tensor, k: int) -> torch.Tensor:
    """The k of each query's rivals (q, r), in rising order, most similar in float64; the first of equals."""
    rows = reference[rivals].double()
    # Not a matrix product, which may sum equal rows in different orders.
    similarity = (rows * queries.double()[:, None]).sum(dim=2) / rows.norm(dim=2).clamp(min=SMALLEST_NORM)
    return rivals.gather(1, similarity.sort(dim=1, descending=True, stable=True).indices[:, :k])


def _rivals(
    queries: torch.Tensor, reference: torch.Tensor, bound: torch.Tensor, own: torch.Tensor | None
) -> list[torch.Tensor]:
    """All reference rows of each query whose similarity reaches its bound, in rising order."""
    found = []
    for first in range(0, len(reference), REFERENCES_PER_PASS):
        rows = reference[first : first + REFERENCES_PER_PASS]
        norms = torch.linalg.vector_norm(rows, dim=1).clamp(min=SMALLEST_NORM)
        pairs = (queries @ rows.T / norms >= bound[:, None]).nonzero()
        pairs[:, 1] += first
        found.append(pairs if own is None else pairs[pairs[:, 1] != own[pairs[:, 0]]])
    asked, rows = torch.cat(found).unbind(dim=1)
    counts = torch.bincount(asked, minlength=len(queries)).tolist()
    return list(torch.split(rows[asked.sort(stable=True).indices], counts))


def vote(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """The most frequent of each row's (..., k) classes of K, the smallest class id among equals: (...) int64.

    These are the predictions of `sklearn.neighbors.KNeighborsClassifier` with uniform weights.
    """
    flat = labels.reshape(-1, labels.shape[-1]).astype(np.int64)
    agreement = (flat[:, :, None] == flat[:, None, :]).sum(axis=2)
    # Most votes first, then the smallest id: one number orders both.
    rank = agreement * n_classes + (n_classes - 1 - flat)
    winner = np.take_along_axis(flat, rank.argmax(axis=1)[:, None], axis=1)
    return winner[:, 0].reshape(labels.shape[:-1])


def predictions(neighbours: np.ndarray, reference_labels: np.ndarray) -> np.ndarray:
    """Classes that neighbours (q, J, k) of reference rows (n, D) vote for at every level: (q, J, D) int64."""
    votes = [vote(classes[neighbours], int(classes.max()) + 1) for classes in reference_labels.T]
    return np.stack(votes, axis=2)


def leave_one_out_accuracy(embeddings: np.ndarray, labels: np.ndarray) -> list[float]:
    """Accuracy at each level, coarsest first, of leave-one-out k-NN on whole embeddings; k = 5, or n - 1.

    Embeddings are (n, d) float32, labels (n, D) integers; RequestError where there is one row, which has no
    other to ask.
    """
    if len(embeddings) < 2:
        raise RequestError("a single row is held out for validation, and leave-one-out needs two")
    neighbours = nearest(None, embeddings, [embeddings.shape[1]], min(5, len(embeddings) - 1))
    return [float(share) for share in (predictions(neighbours, labels)[:, 0] == labels).mean(axis=0)]
