"""Discriminants by level, in closed form: coarse ones in the short prefix, finer ones in later blocks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import LinearMap
from fractalctl.heads.moments import class_means, covariance, mean_of, separating, whitening
from fractalctl.heads.settings import AtLeastZero, MethodSettings

if TYPE_CHECKING:
    from fractalctl.heads.examples import Examples

Part = Annotated[float, Meta(ge=0, le=1)]


class LdaSettings(MethodSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the covariance within classes is trusted, and what stands beside the coarsest directions."""

    shrinkage: Annotated[
        Part, Meta(description="weight of a multiple of the identity in the covariance within classes")
    ] = 0.1
    constant: Annotated[
        AtLeastZero,
        Meta(description="one column of the first block, in typical lengths of its others (measured)"),
    ] = 1.0
    fill: Annotated[
        Part, Meta(description="size of finer directions where the first block has room; 0 leaves zeros")
    ] = 0.0


class Lda(LinearMap):
    """Linear discriminants of each level within the classes above, whitened within the finest classes.

    A level's directions are those in which the means of its classes lie about the mean of their parent, in
    what the levels above leave, largest first. The first block has those of the coarsest level; block j has
    those up to level (j-1)/(J-1) * (D-1), rounded up: about where the table `v5` places prefix j.
    Columns without a direction are zero. With two coarse classes there is one direction,
    and a cosine does not see how far along it a row lies; the constant column lets it.
    """

    name = "lda"
    source = "Fisher 1936, Rao 1948; shrinkage as in Friedman 1989; the placement by level is ours"
    Settings: ClassVar[type[MethodSettings]] = LdaSettings

    def solve(self, examples: "Examples", settings: LdaSettings) -> tuple[np.ndarray, np.ndarray]:
        """Whiten, find each level's directions, place them."""
        features, labels = examples.source, examples.labels.cpu().numpy()
        means = [
            class_means(features, labels[:, level], count) for level, count in enumerate(examples.classes)
        ]
        within = covariance(features, means[-1], labels[:, -1])
        white = whitening(within, settings.shrinkage)
        mean = mean_of(features)
        directions: list[np.ndarray] = []
        for offsets in _offsets(mean, means, labels):
            directions.append(separating(offsets @ white, directions))
        projection = white @ _placed(directions, settings)
        bias, block = -mean @ projection, projection[:, : settings.dims[0]]
        if not block[:, -1].any():
            variance = np.trace(block.T @ covariance(features, mean) @ block)
            bias[settings.dims[0] - 1] = settings.constant * np.sqrt(variance)
        return projection, bias


def _offsets(mean: np.ndarray, means: Sequence[np.ndarray], labels: np.ndarray) -> Iterator[np.ndarray]:
    """For each level the means of its classes about their parents', (K, h), times the root of their share."""
    above, parents = mean[None], np.zeros(len(labels), dtype=np.int64)
    for level, centres in enumerate(means):
        present, rows, counts = np.unique(labels[:, level], return_index=True, return_counts=True)
        shares = counts / len(labels)
        yield np.sqrt(shares)[:, None] * (centres[present] - above[parents[rows]])
        above, parents = centres, labels[:, level]


def _placed(directions: Sequence[np.ndarray], settings: LdaSettings) -> np.ndarray:
    """All directions (h, d) in their columns; what a block has no room for comes first in the next."""
    columns = np.zeros((len(directions[0]), settings.dimension))
    waiting, seen, start = columns[:, :0], 0, 0
    for block, stop in enumerate(settings.dims):
        last = _last_level(block, settings.n_blocks, len(directions))
        waiting = np.hstack([waiting, *directions[seen : last + 1]])
        found, waiting = waiting[:, : stop - start], waiting[:, stop - start :]
        columns[:, start : start + found.shape[1]] = found
        seen, start = last + 1, stop
    own = min(directions[0].shape[1], settings.dims[0])
    if settings.n_blocks > 1:
        finer = directions[1][:, : max(0, settings.dims[0] - own - 1)]
        columns[:, own : own + finer.shape[1]] = settings.fill * finer
    return columns


def _last_level(block: int, n_blocks: int, n_levels: int) -> int:
    """The finest level that a block, from 0, has directions of."""
    return -(-block * (n_levels - 1) // (n_blocks - 1)) if n_blocks > 1 else n_levels - 1


STRATEGIES = Strategy(
    "lda",
    Lda(),
    meaning="discriminants in closed form: coarse ones alone in the first block, finer ones after it",
)
