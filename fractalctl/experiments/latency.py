"""How fast shorter embeddings are searched: FAISS indexes of real head outputs (paper, Table 9)."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.evaluating import features_of
from fractalctl.experiments.evaluation_files import reusable
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.searched import DIMS, HeadVectors, LatencyRecipe, RandomVectors, Vectors
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.latency_folder import FIGURES_FILE, ONE_THREAD, TASK_FILE, TIMES_FILE, vectors_path
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureStore
from store.files import read_json, sha256_of, write_aside, write_json
from store.recipe import identity_of

ENCODING_TYPE = "fractalctl-latency"
ENCODING_VERSION = "1.0"
RESULT_FILE = "latency.json"
RAW_TIMES_FILE = "latency-times.npz"
Document = dict[str, Any]


def bench_head(
    head: Head,
    store: FeatureStore,
    recipe: LatencyRecipe | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    progress: Progress = silent,
    argv: list[str] | None = None,
) -> tuple[Path, Document]:
    """Time queries among what a head makes of the features it was trained on; see `bench_latency`.

    The files go beside the head.

    Args:
        head: its test rows ask its training rows.
        store: where its feature set is looked for by identity.
        recipe: see `bench_latency`, as the others.
        overwrite: see there.
        progress: see there.
        argv: see there.

    Raises:
        RequestError: its features are missing.
    """
    subject = {
        "corpus": head.corpus,
        "backbone": head.backbone,
        "strategy": head.strategy,
        "seed": head.seed,
        "head": head.kind,
    }
    vectors = HeadVectors(head, features_of(head, store))
    return bench_latency(vectors, head.folder, subject, recipe, overwrite, progress, argv)


def bench_random(
    runs: Path,
    recipe: LatencyRecipe | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    progress: Progress = silent,
    argv: list[str] | None = None,
) -> tuple[Path, Document]:
    """Time queries among random vectors, and write RUNS/random/latency.json; see `bench_latency`."""
    lengths = recipe.dims if recipe and recipe.dims else DIMS
    vectors = RandomVectors(tuple(sorted(lengths)))
    return bench_latency(vectors, runs / "random", {"corpus": "random"}, recipe, overwrite, progress, argv)


def bench_latency(
    vectors: Vectors,
    folder: Path,
    subject: Mapping[str, Any],
    recipe: LatencyRecipe | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    progress: Progress = silent,
    argv: list[str] | None = None,
) -> tuple[Path, Document]:
    """Time single queries at every length, and write ``latency.json`` with ``latency-times.npz`` beside it.

    One thread in a process of its own asks one query at a time; lengths take turns. Every prefix is of unit
    length and similarity is the inner product. A file of the same vectors and recipe stays as it is.

    Args:
        vectors: what is searched.
        folder: where the files go.
        subject: what the embeddings are called in the file (corpus, backbone, strategy, seed, head).
        recipe: what is timed; Table 9's sizes and lengths by default.
        overwrite: ``changed`` measures again what was measured otherwise, ``always`` all; ``never`` refuses.
        progress: counts measured settings.
        argv: the argument vector that remakes the file.

    Returns:
        The path of the file and its document.

    Raises:
        RequestError: a length exceeds the full one, or ``never`` meets another measurement.
        FractalError: the measuring process failed.
    """
    recipe = recipe or LatencyRecipe()
    recipe = replace(recipe, dims=tuple(sorted({*(recipe.dims or vectors.dims)})))
    if max(recipe.dims) > vectors.dims[-1]:
        raise RequestError(f"--dims {max(recipe.dims)}: the embeddings have {vectors.dims[-1]} numbers")
    embeddings = vectors.description(max(recipe.sizes), recipe)
    identity = identity_of({"version": ENCODING_VERSION, "embeddings": embeddings, "recipe": recipe.config()})
    path = folder / RESULT_FILE
    if known := reusable(path, identity, overwrite):
        return path, known
    with tempfile.TemporaryDirectory(prefix="fractalctl-") as place:
        measured = _measure(vectors, recipe, Path(place), progress)
        with write_aside(folder / RAW_TIMES_FILE) as aside:
            aside.write_bytes((Path(place) / TIMES_FILE).read_bytes())
            checksum = sha256_of(aside)
    document = {
        "encoding-type": ENCODING_TYPE,
        "encoding-version": ENCODING_VERSION,
        **subject,
        "dims": list(recipe.dims),
        "full": vectors.dims[-1],
        "recipe": recipe.config(),
        "embeddings": embeddings,
        "machine": measured["machine"],
        "results": measured["results"],
        "times": {"file": RAW_TIMES_FILE, "sha256": checksum, "unit": "ns"},
        "identity": identity,
        "versions": versions(),
        "argv": argv,
    }
    write_json(path, document)
    return path, document


def _measure(vectors: Vectors, recipe: LatencyRecipe, folder: Path, progress: Progress) -> Document:
    """Lay the task out in a folder and have it done by a process of its own; gives its figures."""
    full = vectors.dims[-1]
    lengths = sorted({*recipe.dims, full})
    n = max(recipe.sizes)
    _write(folder, "reference", n, lengths, vectors.reference(n, recipe))
    queries = vectors.queries(recipe)
    _write(folder, "queries", len(queries.full), lengths, [queries])
    task = {
        "dims": recipe.dims,
        "full": full,
        "sizes": recipe.sizes,
        "indexes": recipe.index_kinds(),
        "k": recipe.k,
        "rounds": recipe.rounds,
        "warm_up": recipe.warm_up,
        "core": max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
    }
    write_json(folder / TASK_FILE, task)
    with progress("timing queries", recipe.n_results) as advance:
        for _ in _done(folder):
            advance(1)
    return read_json(folder / FIGURES_FILE)


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

    Raises:
        FractalError: the process failed; the message has what it said last.
    """
    command = [sys.executable, "-m", "fractalctl.measures.latency", str(folder)]
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
