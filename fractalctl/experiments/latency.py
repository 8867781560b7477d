"""How fast shorter embeddings are searched: outputs of a head, or random vectors (paper, Table 9)."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fractalctl.documents import to_json, write_document
from fractalctl.documents.latency import (
    DATABASES,
    INDEXES,
    Embeddings,
    Latency,
    LatencyRecipe,
    Machine,
    RawTimes,
    TimedIndex,
)
from fractalctl.errors import FractalError, MissingExtraError, RequestError
from fractalctl.experiments.addresses import departures, features_of, result_path, subject
from fractalctl.experiments.policy import Note, Overwrite, reusable, unheard
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.latency_timing import (
    FIGURES_FILE,
    ONE_THREAD,
    TASK_FILE,
    TIMES_FILE,
    IndexKind,
    Task,
    vectors_path,
    version_of,
)
from fractalctl.progress import Progress, silent
from fractalctl.randomness import Purpose, generator
from fractalctl.versions import versions
from store import FeatureSet, FeatureStore
from store.files import sha256_of, write_aside
from store.recipe import identity_of

ROWS_AT_ONCE = 8192
DIMS = (64, 128, 192, 256)
"""Lengths of random vectors unless others are asked for."""
FEW = 32
"""Neighbours of a node unless told otherwise: what an index of fewer rows makes do with."""
OPTIONS = {"hnsw": ("m", "ef_construction", "ef_search"), "ivf": ("nlist", "nprobe")}
"""What is set of one kind of index alone."""
RANDOM = "random"
"""What stands for a corpus where vectors are random, in files and in the path."""


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


class _Figures(msgspec.Struct, frozen=True):
    """What the measuring process leaves."""

    machine: Machine
    results: list[TimedIndex]


def bench_head(
    head: Head,
    store: FeatureStore,
    recipe: LatencyRecipe | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    progress: Progress = silent,
    argv: list[str] | None = None,
    note: Note = unheard,
) -> tuple[Path, Latency]:
    """Time single queries among what a head makes of its features; write ``latency.json`` beside the head.

    One thread in a process of its own asks one query at a time; lengths take turns. Every prefix is of unit
    length and similarity is the inner product. ``latency-times.npz`` has every raw time. A file of the same
    request stays as it is; what departs from the default recipe is a hash in the names of both files.

    Args:
        head: its test rows ask its training rows.
        store: where its feature set is looked for by identity.
        recipe: what is timed; Table 9's sizes and lengths by default.
        overwrite: ``changed`` measures again what is out of date, ``always`` all; ``never`` refuses.

    Returns the path of the file and its document. Raises RequestError: the features are missing, the recipe
    makes no sense, or ``never`` meets what is out of date; FractalError: the measuring process failed.
    """
    recipe = _checked(recipe)
    vectors = head_vectors(head, features_of(head, store), recipe)
    return _bench(vectors, head.folder, subject(head), recipe, overwrite, progress, argv, note)


def bench_random(
    runs: Path,
    recipe: LatencyRecipe | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    progress: Progress = silent,
    argv: list[str] | None = None,
    note: Note = unheard,
) -> tuple[Path, Latency]:
    """Time queries among random vectors as `bench_head` does, and write RUNS/random/latency.json."""
    recipe = _checked(recipe)
    of = {"corpus": RANDOM}
    return _bench(random_vectors(recipe), runs / RANDOM, of, recipe, overwrite, progress, argv, note)


def _bench(
    vectors: Vectors,
    folder: Path,
    of: Mapping[str, Any],
    asked: LatencyRecipe,
    overwrite: Overwrite,
    progress: Progress,
    argv: list[str] | None,
    note: Note,
) -> tuple[Path, Latency]:
    recipe = msgspec.structs.replace(asked, dims=tuple(sorted({*(asked.dims or vectors.dims)})))
    if max(recipe.dims) > vectors.dims[-1]:
        raise RequestError(f"--dims {max(recipe.dims)}: the embeddings have {vectors.dims[-1]} numbers")
    fixed = {"embeddings": to_json(vectors.description), "recipe": to_json(recipe)}
    identity = identity_of({"version": Latency.CURRENT, **fixed})
    path = result_path(folder, "latency", departures(asked, LatencyRecipe()))
    if known := reusable(path, Latency, identity, overwrite, note):
        return path, known
    raw = path.with_name(path.name.replace("latency", "latency-times", 1)).with_suffix(".npz")
    with tempfile.TemporaryDirectory(prefix="fractalctl-") as place:
        measured = _measure(vectors, recipe, Path(place), progress)
        with write_aside(raw) as aside:
            aside.write_bytes((Path(place) / TIMES_FILE).read_bytes())
            checksum = sha256_of(aside)
    document = Latency(
        **of,
        dims=list(recipe.dims),
        full=vectors.dims[-1],
        recipe=recipe,
        embeddings=vectors.description,
        machine=measured.machine,
        results=measured.results,
        times=RawTimes(file=raw.name, sha256=checksum, unit="ns"),
        identity=identity,
        versions=versions(),
        argv=argv,
    )
    write_document(path, document)
    return path, document


def _checked(recipe: LatencyRecipe | None) -> LatencyRecipe:
    """The recipe, or the default one, once it is sure that it can be measured.

    Raises RequestError: a number is too small or too large, there is no such kind of index, or something is
    set of a kind that is not timed; MissingExtraError: a database is not installed.
    """
    recipe = recipe or LatencyRecipe()
    _check_kinds(recipe)
    _check_numbers(recipe)
    return recipe


def _check_kinds(recipe: LatencyRecipe) -> None:
    if unknown := [name for name in recipe.indexes if name not in (*INDEXES, *DATABASES)]:
        raise RequestError(f"--index {unknown[0]}: expected {', '.join((*INDEXES, *DATABASES))}")
    for name in [name for name in recipe.indexes if name in DATABASES]:
        try:
            version_of(name)
        except PackageNotFoundError:
            raise MissingExtraError(f"timing {name}", name) from None
    for kind, options in OPTIONS.items():
        for name in options if kind not in recipe.indexes else ():
            if getattr(recipe, name) != getattr(LatencyRecipe(), name):
                raise RequestError(f"--{name.replace('_', '-')} is of {kind}, which --index does not name")


def _check_numbers(recipe: LatencyRecipe) -> None:
    for option in ("ef_search", "nprobe", "dims"):
        values = getattr(recipe, option)
        if min(values, default=1) < 1:
            raise RequestError(f"--{option.replace('_', '-')} {min(values)}: must be at least 1")
    if min(recipe.sizes, default=0) < recipe.k:
        raise RequestError(f"--sizes: an index needs at least {recipe.k} rows, as many as are asked for")
    for option, of_each in (("m", "a node has no more neighbours"), ("nlist", "there are no more lists")):
        if (getattr(recipe, option) or 0) > max(min(recipe.sizes), FEW):
            raise RequestError(
                f"--{option} {getattr(recipe, option)}: {of_each} than --sizes {min(recipe.sizes)}"
            )
    most = max(recipe.nprobe)
    if recipe.nlist is not None and most > recipe.nlist:
        raise RequestError(f"--nprobe {most}: there are no more lists than --nlist {recipe.nlist}")


def _index_kinds(recipe: LatencyRecipe) -> tuple[IndexKind, ...]:
    """The kinds of index of a recipe, with what they are built with and how hard their searches try.

    Databases are taken as they come.
    """
    hnsw: dict[str, int | None] = {"m": recipe.m, "ef_construction": recipe.ef_construction}
    kinds = {
        "flat": IndexKind("flat"),
        "hnsw": IndexKind("hnsw", hnsw, "ef_search", recipe.ef_search),
        "ivf": IndexKind("ivf", {"nlist": recipe.nlist}, "nprobe", recipe.nprobe),
    }
    return tuple(kinds.get(name, IndexKind(name)) for name in recipe.indexes)


def _measure(vectors: Vectors, recipe: LatencyRecipe, folder: Path, progress: Progress) -> _Figures:
    """Lay the task out in a folder and have it done by a process of its own; gives its figures."""
    full, n = vectors.dims[-1], max(recipe.sizes)
    lengths = sorted({*recipe.dims, full})
    needed, free = 4 * n * sum(lengths), shutil.disk_usage(folder).free
    if needed > free:
        raise RequestError(
            f"--sizes {n}: so many vectors take {needed:,} bytes, and {folder.parent} has {free:,} left; ask "
            "for fewer, or set TMPDIR to a larger disk"
        )
    _write(folder, "reference", n, lengths, vectors.reference())
    queries = vectors.queries()
    _write(folder, "queries", len(queries.full), lengths, [queries])
    kinds = _index_kinds(recipe)
    task = Task(
        dims=recipe.dims,
        full=full,
        sizes=recipe.sizes,
        indexes=kinds,
        k=recipe.k,
        rounds=recipe.rounds,
        warm_up=recipe.warm_up,
        core=max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
    )
    (folder / TASK_FILE).write_bytes(msgspec.json.encode(task))
    n_results = sum(len(kind.efforts) for kind in kinds) * len(recipe.sizes) * len(recipe.dims)
    with progress("timing queries", n_results) as advance:
        for _ in _done(folder):
            advance(1)
    return msgspec.json.decode((folder / FIGURES_FILE).read_bytes(), type=_Figures)


def _write(folder: Path, part: str, n: int, lengths: Sequence[int], rows: Iterable[Prefixes]) -> None:
    """Write n rows at every length, cut first and then normalised; holds no more than a part of them."""
    files = {
        dimension: np.lib.format.open_memmap(
            vectors_path(folder, part, dimension), "w+", np.float32, (n, dimension)
        )
        for dimension in lengths
    }
    start = 0
    for prefixes in rows:
        end = start + len(prefixes.full)
        for dimension, file in files.items():
            cut = prefixes.at(dimension)
            norm = np.linalg.norm(cut, axis=1, keepdims=True)
            file[start:end] = cut / np.maximum(norm, np.finfo(np.float32).tiny)
        start = end


def _done(folder: Path) -> Iterator[str]:
    """Start the measuring process; yield the name of each result as it is there.

    Raises FractalError: the process failed; the message has what it said last.
    """
    command = [sys.executable, "-m", "fractalctl.measures.latency_timing", str(folder)]
    environment = {**os.environ, **ONE_THREAD}
    said = folder / "errors.txt"
    with (
        said.open("wb") as errors,
        subprocess.Popen(  # noqa: S603  our own module
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        try:
            yield from process.stdout or ()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        last = said.read_text("utf-8", errors="replace").strip().splitlines()[-1:]
        why = f": {last[0]}" if last else ""
        raise FractalError(f"the process that times queries ended with {process.returncode}{why}")
