"""What is searched when latency is measured, and how: outputs of a head, or random vectors."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from fractalctl.errors import RequestError
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from store import FeatureSet

ROWS_AT_ONCE = 8192
DIMS = (64, 128, 192, 256)
INDEXES = ("flat", "hnsw", "ivf")


@dataclass(frozen=True)
class LatencyRecipe:
    """What is timed and how; the sizes and lengths are the paper's Table 9.

    Args:
        sizes: rows that are searched.
        indexes: of ``flat``, ``hnsw`` and ``ivf``.
        dims: ascending lengths; none for those of the embeddings.
        m: neighbours of a node in HNSW.
        ef_construction: candidates while HNSW is built.
        ef_search: candidates of an HNSW search, one setting each.
        nlist: lists of an inverted file; None for 4 times the square root of the rows.
        nprobe: lists that a search looks at, one setting each.
        k: neighbours asked for.
        queries: how many rows ask.
        rounds: how often each asks.
        warm_up: queries before each round that are not timed.
        seed: of noise and random vectors.
        noise: of repeated rows, in standard deviations of each feature.

    Raises:
        RequestError: a number is too small, or there is no such kind of index.
    """

    sizes: tuple[int, ...] = (10_000, 100_000)
    indexes: tuple[str, ...] = INDEXES
    dims: tuple[int, ...] = ()
    m: int = 32
    ef_construction: int = 40
    ef_search: tuple[int, ...] = (16, 64, 256)
    nlist: int | None = None
    nprobe: tuple[int, ...] = (1, 8, 32)
    k: int = 10
    queries: int = 200
    rounds: int = 5
    warm_up: int = 20
    seed: int = 42
    noise: float = 0.3

    def __post_init__(self) -> None:
        if unknown := [name for name in self.indexes if name not in INDEXES]:
            raise RequestError(f"--index {unknown[0]}: expected {', '.join(INDEXES)}")
        for option in ("ef_search", "nprobe", "dims"):
            values = getattr(self, option)
            if min(values, default=1) < 1:
                raise RequestError(f"--{option.replace('_', '-')} {min(values)}: must be at least 1")
        if min(self.sizes, default=0) < self.k:
            raise RequestError(f"--sizes: an index needs at least {self.k} rows, as many as are asked for")

    def config(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @property
    def n_results(self) -> int:
        """Settings times sizes and lengths; the lengths have to be known."""
        settings = sum(len(kind["efforts"]) for kind in self.index_kinds())
        return settings * len(self.sizes) * len(self.dims)

    def index_kinds(self) -> list[dict[str, Any]]:
        """Arguments of `fractalctl.measures.latency.IndexKind`."""
        kinds: dict[str, dict[str, Any]] = {
            "flat": {"built_with": {}, "efforts": (0,)},
            "hnsw": {
                "built_with": {"m": self.m, "ef_construction": self.ef_construction},
                "effort": "ef_search",
                "efforts": self.ef_search,
            },
            "ivf": {"built_with": {"nlist": self.nlist}, "effort": "nprobe", "efforts": self.nprobe},
        }
        return [{"name": name, **kinds[name]} for name in self.indexes]


class Vectors(Protocol):
    """Embeddings to search in and to ask with."""

    @property
    def dims(self) -> tuple[int, ...]:
        """Lengths that are timed unless others are asked for; the last is the full one."""

    def reference(self, n: int, recipe: LatencyRecipe) -> Iterator[Prefixes]:
        """Yield n rows, a part at a time."""

    def queries(self, recipe: LatencyRecipe) -> Prefixes:
        """Rows that ask, at most ``recipe.queries``."""

    def description(self, n: int, recipe: LatencyRecipe) -> dict[str, Any]:
        """What the n rows are, as JSON values that fix them."""


@dataclass(frozen=True)
class HeadVectors:
    """What a head makes of a feature set: test rows ask training rows.

    Beyond the training rows there are, they are repeated with Gaussian noise on their features.
    """

    head: Head
    features: FeatureSet

    @property
    def dims(self) -> tuple[int, ...]:
        """The head's."""
        return self.head.dims

    def reference(self, n: int, recipe: LatencyRecipe) -> Iterator[Prefixes]:
        """Embeddings of n rows; the first copy of the training rows is without noise."""
        rows = self.features.features("train")
        spread = np.std(rows, axis=0, dtype=np.float64).astype(np.float32) * np.float32(recipe.noise)
        random = np.random.default_rng(recipe.seed)
        for start in range(0, n, ROWS_AT_ONCE):
            places = np.arange(start, min(start + ROWS_AT_ONCE, n))
            part = np.array(rows[places % len(rows)])
            repeated = places >= len(rows)
            part[repeated] += spread * random.standard_normal((repeated.sum(), part.shape[1]), np.float32)
            yield self.head.prefixes(part)

    def queries(self, recipe: LatencyRecipe) -> Prefixes:
        """Embeddings of the first test rows."""
        return self.head.prefixes(self.features.features("test")[: recipe.queries])

    def description(self, n: int, recipe: LatencyRecipe) -> dict[str, Any]:
        """The head, its features, and how many of the n rows are repetitions."""
        real = self.features.n_rows("train")
        noise = {"noise": recipe.noise, "noise_seed": recipe.seed} if n > real else {}
        return {
            "source": "head",
            "real_rows": min(real, n),
            "repeated_rows": max(n - real, 0),
            **noise,
            "head_identity": self.head.identity,
            "features_identity": self.features.identity,
        }


@dataclass(frozen=True)
class RandomVectors:
    """Gaussian vectors: the worst case for an index, since no row is near another."""

    dims: tuple[int, ...] = DIMS

    def reference(self, n: int, recipe: LatencyRecipe) -> Iterator[Prefixes]:
        """N rows."""
        random = np.random.default_rng([recipe.seed, 0])
        for start in range(0, n, ROWS_AT_ONCE):
            shape = (min(ROWS_AT_ONCE, n - start), self.dims[-1])
            yield Prefixes.nested(random.standard_normal(shape, np.float32))

    def queries(self, recipe: LatencyRecipe) -> Prefixes:
        """Rows that ask."""
        random = np.random.default_rng([recipe.seed, 1])
        return Prefixes.nested(random.standard_normal((recipe.queries, self.dims[-1]), np.float32))

    def description(self, n: int, recipe: LatencyRecipe) -> dict[str, Any]:
        """The seed and the length that is cut."""
        return {"source": "random", "rows": n, "full": self.dims[-1], "random_seed": recipe.seed}
