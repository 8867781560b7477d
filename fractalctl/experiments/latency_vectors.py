"""What is searched when latency is measured: outputs of a head, or random vectors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fractalctl.documents.latency import Embeddings, LatencyRecipe
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

ROWS_AT_ONCE = 8192
DIMS = (64, 128, 192, 256)
"""Lengths of random vectors unless others are asked for."""


@dataclass(frozen=True)
class Vectors:
    """Embeddings to search in and to ask with.

    Attributes:
        dims: lengths that are timed unless others are asked for; the last is the full one.
        description: what they are: all that fixes them.
        reference: yields the rows that are searched, a part at a time.
        queries: gives the rows that ask.
    """

    dims: tuple[int, ...]
    description: Embeddings
    reference: Callable[[], Iterator[Prefixes]]
    queries: Callable[[], Prefixes]


def _parts(n: int) -> Iterator[np.ndarray]:
    for start in range(0, n, ROWS_AT_ONCE):
        yield np.arange(start, min(start + ROWS_AT_ONCE, n))


def head_vectors(head: Head, features: FeatureSet, recipe: LatencyRecipe) -> Vectors:
    """What a head makes of a feature set: random test rows ask training rows.

    Beyond the training rows there are, they are repeated with Gaussian noise on their features.
    """
    head.needs_columns("latency of an index")
    n, real = max(recipe.sizes), features.n_rows("train")

    def reference() -> Iterator[Prefixes]:
        rows, random = features.features("train"), generator(recipe.seed, Purpose.LATENCY_VECTORS)
        spread = np.std(rows, axis=0, dtype=np.float64).astype(np.float32) * np.float32(recipe.noise)
        for places in _parts(n):
            part, repeated = np.array(rows[places % real]), places >= real
            part[repeated] += spread * random.standard_normal((repeated.sum(), part.shape[1]), np.float32)
            yield head.prefixes(part)

    def queries() -> Prefixes:
        rows = features.features("test")
        order = generator(recipe.seed, Purpose.LATENCY_QUERIES).permutation(len(rows))
        return head.prefixes(np.array(rows[np.sort(order[: recipe.queries])]))

    description = Embeddings(
        source="head",
        real_rows=min(real, n),
        repeated_rows=max(n - real, 0),
        noise=recipe.noise if n > real else None,
        noise_seed=recipe.seed if n > real else None,
        head_identity=head.identity,
        features_identity=features.identity,
    )
    return Vectors(head.dims, description, reference, queries)


def random_vectors(recipe: LatencyRecipe) -> Vectors:
    """Gaussian vectors: the worst case for an index, since no row is near another."""
    dims, n = tuple(sorted(recipe.dims or DIMS)), max(recipe.sizes)

    def drawn(purpose: Purpose, parts: Iterator[np.ndarray]) -> Iterator[Prefixes]:
        random = generator(recipe.seed, purpose)
        for places in parts:
            yield Prefixes.nested(random.standard_normal((len(places), dims[-1]), np.float32))

    return Vectors(
        dims,
        Embeddings(source="random", rows=n, full=dims[-1], random_seed=recipe.seed),
        lambda: drawn(Purpose.LATENCY_VECTORS, _parts(n)),
        lambda: next(drawn(Purpose.LATENCY_QUERIES, iter([np.arange(recipe.queries)]))),
    )
