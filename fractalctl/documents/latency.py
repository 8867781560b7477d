"""``latency.json``: how long single queries take in an index of embeddings, at every length."""

from typing import ClassVar

import msgspec

from fractalctl.documents import Document
from fractalctl.documents.measured import Features, Settings

INDEXES = ("flat", "hnsw", "ivf")  # kinds of FAISS index that can be timed
DATABASES = ("qdrant", "chroma", "lancedb")
"""What can be timed beside them where it is installed, each in a folder."""


class LatencyRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """What is timed and how; the default sizes are those of the paper's Table 9.

    Attributes:
        sizes: rows that are searched.
        indexes: of `INDEXES` and `DATABASES`.
        dims: ascending lengths; empty for those of the embeddings.
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


class Embeddings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was searched.

    Attributes:
        source: ``head``, or ``random`` for Gaussian vectors.
        rows: random vectors.
        full: numbers of a random vector.
        random_seed: that drew them.
        real_rows: training rows of the head's features.
        repeated_rows: copies of those with noise.
        noise, noise_seed: of the copies, where there are any.
        head_identity: of the head.
        features_identity: of the head's features.
    """

    source: str
    rows: int | None = None
    full: int | None = None
    random_seed: int | None = None
    real_rows: int | None = None
    repeated_rows: int | None = None
    noise: float | None = None
    noise_seed: int | None = None
    head_identity: str | None = None
    features_identity: str | None = None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where queries were timed.

    Attributes:
        processor: as the operating system names it.
        core: that the process was kept on; None where that cannot be.
        threads: of FAISS.
        faiss, faiss_options, numpy: versions and compile options.
        databases: version of the package of each that was timed.
    """

    processor: str
    core: int | None
    threads: int
    faiss: str
    faiss_options: list[str]
    numpy: str
    databases: dict[str, str] = {}


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of single queries, in microseconds.

    Attributes:
        p50: the median.
        p95, p99: so many percent of the queries took no longer.
        mean: of all queries.
        qps: queries per second, 1e6 / mean.
    """

    p50: float
    p95: float
    p99: float
    mean: float
    qps: float


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """Share of the exact neighbours that a search finds.

    Attributes:
        own: of the neighbours at the length that is searched.
        full: of those at the full length.
    """

    own: float
    full: float


class TimedIndex(msgspec.Struct, frozen=True, kw_only=True):
    """One index at one size, effort and length.

    Attributes:
        index: its kind, of `INDEXES` or `DATABASES`.
        parameters: that it was built with.
        effort: ``ef_search`` or ``nprobe`` with its value; empty where a search has none.
        n: rows.
        dimension: length.
        microseconds: percentiles over all rounds.
        medians_by_round: microseconds.
        core_share: of the wall clock that the process had its core.
        recall: what the search misses.
        index_bytes: serialised; of a database its whole folder.
        build_seconds: of building.
        times: key of the raw times.
    """

    index: str
    parameters: dict[str, int]
    effort: dict[str, int]
    n: int
    dimension: int
    microseconds: Percentiles
    medians_by_round: list[float]
    core_share: float
    recall: Recall
    index_bytes: int
    build_seconds: float
    times: str


class RawTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Every raw time.

    Attributes:
        file: name of the file beside this one, with an array (rounds, queries) for each result.
        sha256: hexadecimal, of that file.
        unit: of the times.
    """

    file: str
    sha256: str
    unit: str


class Latency(Document, frozen=True, kw_only=True, tag="fractalctl-latency"):
    """Single queries among the embeddings of a head, or among random vectors.

    Attributes:
        corpus: of the head; ``random`` for random vectors.
        backbone, features: of the head; None for random vectors.
        strategy, arm, method, trunk, settings, seed: of the head, see
            `fractalctl.documents.measured.ArmName`; None for random vectors.
        dims: lengths that were timed.
        full: the length whose exact neighbours are the truth.
        recipe: what was timed and how.
        embeddings: what was searched.
        machine: where.
        results: per size, index, effort and length.
        times: where every raw time is.
        identity: hexadecimal SHA-256 of what was asked for; neither times nor machine are part of it.
    """

    FILE: ClassVar[str] = (
        "``latency.json``: how long single queries take in an index of embeddings, at every length."
    )
    MADE_BY: ClassVar[str] = "fractalctl bench-latency"

    corpus: str
    backbone: str | None = None
    features: Features | None = None
    strategy: str | None = None
    arm: str | None = None
    method: str | None = None
    trunk: str | None = None
    settings: Settings | None = None
    seed: int | None = None
    dims: list[int]
    full: int
    recipe: LatencyRecipe
    embeddings: Embeddings
    machine: Machine
    results: list[TimedIndex]
    times: RawTimes
    identity: str
